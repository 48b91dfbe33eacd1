"""Certificates: the name is checked, the fault is told in words (FC-33)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from hooktrace.adapters.http import HttpSender
from hooktrace.adapters.http.certificate import certificate_facts
from hooktrace.domain.attempts import AttemptOutcome
from tools.receiver import Receiver
from tools.receiver.certificates import Authority, make_authority, make_certificate

NAMES = ("hooks.example.com", "127.0.0.1")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def trusting(authority: Authority) -> HttpSender:
    return HttpSender(
        allow_loopback=True,
        extra_ca_file=str(authority.file),
        resolve=lambda host, port, timeout: ("127.0.0.1",),
    )


def receive(authority: Authority, kind: str) -> Receiver:
    certificate, key = make_certificate(authority, kind, NAMES)
    return Receiver(certificate=certificate, key=key)


def test_fc_33_a_good_certificate_by_name(send, authority, trusting) -> None:
    with receive(authority, "good") as receiver:
        url = f"https://hooks.example.com:{receiver.port}/in"
        result = send("", url=url, sender=trusting)
        (request,) = receiver.requests()
    assert (result.outcome, result.reason) == (AttemptOutcome.SUCCESS, "")
    assert result.address == f"127.0.0.1:{receiver.port}"
    assert request.server_name == "hooks.example.com"
    assert request.header("Host") == f"hooks.example.com:{receiver.port}"
    assert set(result.parts_ms) == {"dns", "connect", "tls", "wait", "read"}


def test_many_threads_share_one_sender(send, authority, trusting) -> None:
    with receive(authority, "good") as receiver, ThreadPoolExecutor(16) as pool:
        url = f"https://hooks.example.com:{receiver.port}/in"
        results = list(pool.map(lambda _: send("", url=url, sender=trusting), range(96)))
        assert len(receiver.requests()) == 96
    assert {result.reason for result in results} == {""}
    assert {result.outcome for result in results} == {AttemptOutcome.SUCCESS}


def test_fc_33_a_good_certificate_by_address(send, authority, trusting) -> None:
    with receive(authority, "good") as receiver:
        result = send("", url=f"https://127.0.0.1:{receiver.port}/in", sender=trusting)
        (request,) = receiver.requests()
    assert result.outcome is AttemptOutcome.SUCCESS
    assert request.server_name is None


YESTERDAY = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"


@pytest.mark.parametrize(
    ("kind", "starts", "says"),
    [
        (
            "expired",
            "The certificate, or one that it stands on, has expired",
            f"it holds hooks.example.com, 127.0.0.1, expired on {YESTERDAY}",
        ),
        (
            "wrong-name",
            "The certificate is not for hooks.example.com",
            "it holds other.example, www.other.example, valid until",
        ),
        ("self-signed", "The certificate is self-signed", "it holds hooks.example.com"),
    ],
)
def test_fc_33_a_bad_certificate_is_a_tls_error_in_words(
    send, authority, trusting, kind, starts, says
) -> None:
    with receive(authority, kind) as receiver:
        url = f"https://hooks.example.com:{receiver.port}/in"
        result = send("", url=url, sender=trusting)
        assert receiver.requests() == []
    assert result.outcome is AttemptOutcome.TLS_ERROR
    assert result.reason.startswith(starts)
    assert says in result.reason
    assert result.status is None


def test_fc_33_an_authority_that_is_not_trusted(send, authority) -> None:
    one = HttpSender(allow_loopback=True, resolve=lambda *_: ("127.0.0.1",))
    with receive(authority, "good") as receiver:
        result = send("", url=f"https://hooks.example.com:{receiver.port}/", sender=one)
        assert receiver.requests() == []
    assert result.outcome is AttemptOutcome.TLS_ERROR
    assert result.reason.startswith("The certificate's issuer is unknown")


def test_fc_33_plain_http_behind_https(send, receiver) -> None:
    result = send("", url=f"https://127.0.0.1:{receiver.port}/")
    assert result.outcome in {AttemptOutcome.TLS_ERROR, AttemptOutcome.CONNECTION_ERROR}
    assert "TLS" in result.reason
    assert receiver.requests() == []


@pytest.mark.parametrize("kind", ["reset", "close", "truncated"])
def test_breaks_over_tls_are_told_as_over_plain_tcp(send, authority, trusting, kind) -> None:
    with receive(authority, "good") as receiver:
        url = f"https://hooks.example.com:{receiver.port}/{kind}"
        result = send("", url=url, sender=trusting)
    if kind == "truncated":
        assert (result.outcome, result.status) == (AttemptOutcome.SUCCESS, 200)
    else:
        assert result.outcome is AttemptOutcome.CONNECTION_ERROR


@pytest.mark.parametrize("names", [b"", b"\x30", b"\x30\x84", b"\x30\x02\x87\x00", b"\x04\x01a"])
def test_names_that_cannot_be_read_are_a_value_error_like_fc_33(names) -> None:
    """A certificate is the server's own input: what is in it must not take a worker down."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .add_extension(
            x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, names), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    with pytest.raises(ValueError, match=r".*"):
        certificate_facts(certificate.public_bytes(Encoding.DER))


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x84", b"\x30\x03\x30\x01\x00", b"x" * 99])
def test_what_is_no_certificate_is_a_value_error(der) -> None:
    with pytest.raises(ValueError, match=r".*"):
        certificate_facts(der)
