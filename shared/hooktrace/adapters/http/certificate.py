"""Reads the few facts of a certificate that an operator needs, from its DER (X.690, RFC 5280).

The standard library gives them only for certificates that it has accepted, and loading a
cryptography package for an error message would cost every cold start.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_OCTET_STRING = 0x04
_SUBJECT_ALT_NAME = bytes.fromhex("551d11")
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87
_MAX_NAME_CHARS = 100


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """From when to when a certificate is valid, and for which names and addresses."""

    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]


def certificate_facts(der: bytes) -> CertificateFacts:
    """The facts of a DER certificate. Raises ValueError when it cannot be read."""
    try:
        (_, certificate), *_ = _items(der)
        (_, body), *_ = _items(certificate)
        fields = list(_items(body))
        if fields[0][0] == _VERSION:
            fields = fields[1:]
        (begin_tag, begin), (end_tag, end) = _items(fields[3][1])
        extensions = next((value for tag, value in fields if tag == _EXTENSIONS), None)
        # OpenSSL does not look into extensions, so what is in them is the server's own.
        names = () if extensions is None else tuple(_names(extensions))
    except IndexError:
        raise ValueError("the certificate ends early") from None
    return CertificateFacts(_time(begin_tag, begin), _time(end_tag, end), names)


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The tag and content of each element in a row. Raises ValueError or IndexError."""
    position = 0
    while position < len(data):
        tag, length = data[position], data[position + 1]
        position += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[position : position + size], "big")
            position += size
        if position + length > len(data):
            raise ValueError("an element is longer than what holds it")
        yield tag, data[position : position + length]
        position += length


def _time(tag: int, text: bytes) -> datetime:
    written = text.decode("ascii")
    if tag == _UTC_TIME:
        # RFC 5280: years from 50 on are of the last century.
        written = ("19" if int(written[:2]) >= 50 else "20") + written
    elif tag != _GENERALIZED_TIME:
        raise ValueError("not a time")
    return datetime.strptime(written, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _names(extensions: bytes) -> Iterator[str]:
    (_, rows), *_ = _items(extensions)
    for _, row in _items(rows):
        parts = list(_items(row))
        if parts[0][1] != _SUBJECT_ALT_NAME or parts[-1][0] != _OCTET_STRING:
            continue
        (_, names), *_ = _items(parts[-1][1])
        for tag, value in _items(names):
            if tag == _DNS_NAME:
                yield value.decode("ascii", "backslashreplace")[:_MAX_NAME_CHARS]
            elif tag == _IP_ADDRESS:
                yield str(ipaddress.ip_address(value))
