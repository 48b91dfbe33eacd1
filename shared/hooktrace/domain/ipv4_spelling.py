"""The many ways to write an IPv4 address that resolvers understand.

`inet_aton` and the WHATWG URL standard read one to four parts, each decimal, octal (0177) or
hexadecimal (0x7f), the last one filling the bytes that are left. Some programs read a leading zero
as decimal. Both readings are given, so that neither can hide an address.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address

_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def ends_in_number(host: str) -> bool:
    """Whether the last label of a lower-case host makes it an IPv4 address or nothing."""
    return _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def readings(host: str) -> tuple[str, ...]:
    """The addresses that a lower-case host may mean, in dotted notation; empty if it is none."""
    found: list[str] = []
    for octal in (True, False):
        number = _number(host, octal=octal)
        if number is not None and (text := str(IPv4Address(number))) not in found:
            found.append(text)
    return tuple(found)


def _number(host: str, *, octal: bool) -> int | None:
    parts = host.split(".")
    if len(parts) > 4:
        return None
    numbers: list[int] = []
    for part in parts:
        value = _part(part, octal=octal)
        if value is None:
            return None
        numbers.append(value)
    *firsts, last = numbers
    if any(value > 255 for value in firsts) or last >= 256 ** (5 - len(numbers)):
        return None
    total = last
    for position, value in enumerate(firsts):
        total += value << (8 * (3 - position))
    return total


def _part(text: str, *, octal: bool) -> int | None:
    if _NUMBER.fullmatch(text) is None or len(text) > 40:
        return None
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    if octal and len(text) > 1 and text.startswith("0"):
        return int(text, 8) if re.fullmatch(r"[0-7]+", text) else None
    return int(text)
