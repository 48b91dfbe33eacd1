"""Trust in certificates, and their faults in words."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from socket import socket

import certifi

from hooktrace.adapters.http.certificate import CertificateFacts, certificate_facts
from hooktrace.adapters.http.printable import printable

_EXPIRED, _NOT_YET, _SELF_SIGNED, _SELF_SIGNED_ROOT = 10, 9, 18, 19
_UNKNOWN_ISSUER = frozenset({2, 20, 21})
_WRONG_NAME = frozenset({62, 64})
_SHOWN_NAMES = 5
_REASONS = {
    "WRONG_VERSION_NUMBER": "the server does not speak TLS on this port",
    "RECORD_LAYER_FAILURE": "the server does not speak TLS on this port",
    "UNSUPPORTED_PROTOCOL": "the server offers no TLS version from 1.2 on",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the server offers no TLS version from 1.2 on",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server found no common way to encrypt",
    "TLSV1_UNRECOGNIZED_NAME": "the server does not know this name",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server wants a client certificate",
}


class _Context(ssl.SSLContext):
    """A client context whose ALPN is set once.

    httpcore sets it anew for every connection; on a context that threads share, OpenSSL would
    free the old list while another thread is reading it.
    """

    def set_alpn_protocols(self, alpn_protocols: object) -> None:
        """Does nothing; `Trust` has set HTTP/1.1 by the base class."""


class Trust:
    """The TLS contexts of a sender. Loading the roots takes some 30 ms, so: once.

    The roots are certifi's and those of `extra_ca_file`. The environment (SSL_CERT_FILE,
    SSLKEYLOGFILE) has no say, which is why the context is not the default one.
    """

    def __init__(self, extra_ca_file: str | None = None) -> None:
        self.context = _context()
        self.context.load_verify_locations(cafile=certifi.where())
        if extra_ca_file is not None:
            self.context.load_verify_locations(cafile=extra_ca_file)
        # Only to read what a refused certificate says of itself; no request goes through it.
        self.unverified = _context()
        self.unverified.check_hostname = False
        self.unverified.verify_mode = ssl.CERT_NONE


def _context() -> ssl.SSLContext:
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    ssl.SSLContext.set_alpn_protocols(context, ["http/1.1"])
    return context


def explain_tls(error: ssl.SSLError, host: str, certificate: str | None) -> str:
    """The sentence for a failed handshake; `certificate` is what is known of the refused one."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        words = _REASONS.get(error.reason or "", (error.reason or "unknown reason").lower())
        return f"TLS failed: {words.replace('_', ' ')}."
    code = error.verify_code
    if code == _EXPIRED:
        fault = "The certificate, or one that it stands on, has expired"
    elif code == _NOT_YET:
        fault = "The certificate is not valid yet"
    elif code in _WRONG_NAME:
        fault = f"The certificate is not for {host}"
    elif code == _SELF_SIGNED:
        fault = "The certificate is self-signed"
    elif code == _SELF_SIGNED_ROOT:
        fault = "The certificate comes from an authority that is not trusted"
    elif code in _UNKNOWN_ISSUER:
        fault = "The certificate's issuer is unknown, or an intermediate certificate is missing"
    else:
        fault = f"The certificate is refused ({error.verify_message})"
    return f"{fault}: {certificate}." if certificate else f"{fault}."


def explain_certificate(sock: socket, host: str, trust: Trust) -> str | None:
    """What the server's certificate says: names and validity. Sends no request. Raises OSError."""
    with trust.unverified.wrap_socket(sock, server_hostname=host) as secured:
        der = secured.getpeercert(binary_form=True)
    if der is None:
        return None
    try:
        return _described(certificate_facts(der))
    except ValueError:
        return None


def _described(facts: CertificateFacts) -> str:
    shown = printable(", ".join(facts.names[:_SHOWN_NAMES]).encode()) or "no names"
    more = len(facts.names) - _SHOWN_NAMES
    names = f"it holds {shown}" + (f" and {more} more" if more > 0 else "")
    now = datetime.now(UTC)
    if facts.not_after < now:
        return f"{names}, expired on {_day(facts.not_after)}"
    if facts.not_before > now:
        return f"{names}, valid from {_day(facts.not_before)}"
    return f"{names}, valid until {_day(facts.not_after)}"


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
