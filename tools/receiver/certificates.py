"""Certificates for a TLS receiver, made on the spot: good, expired, wrong-name, self-signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

KINDS = ("good", "expired", "wrong-name", "self-signed")
WRONG_NAMES = ("other.example", "www.other.example")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """A test authority; `file` is what a sender has to trust (PEM)."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    file: Path


def make_authority(folder: Path) -> Authority:
    """A new authority whose certificate lies in `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Hooktrace test authority")
    certificate = (
        _builder(name, name, key, datetime.now(UTC) - _DAY, datetime.now(UTC) + 30 * _DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_may_sign(certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "authority.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    return Authority(folder, key, certificate, file)


def make_certificate(authority: Authority, kind: str, names: tuple[str, ...]) -> tuple[Path, Path]:
    """The PEM files of a certificate and its key, of one of `KINDS`, for names and addresses."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    held = WRONG_NAMES if kind == "wrong-name" else names
    key = ec.generate_private_key(ec.SECP256R1())
    end = datetime.now(UTC) + (-_DAY if kind == "expired" else 29 * _DAY)
    signs_itself = kind == "self-signed"
    issuer = _name(held[0]) if signs_itself else authority.certificate.subject
    signer = key if signs_itself else authority.key
    certificate = (
        _builder(_name(held[0]), issuer, key, end - 30 * _DAY, end)
        .add_extension(x509.SubjectAlternativeName([_general(n) for n in held]), critical=False)
        .add_extension(_may_sign(certificates=False), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    certificate_file = authority.folder / f"{kind}.pem"
    key_file = authority.folder / f"{kind}.key"
    certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate_file, key_file


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    start: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _may_sign(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)
