"""Where a request may go: one parser for endpoint URLs, at creation and at every attempt.

What is checked is what is used: `parse_target` takes a URL apart once, and the sender connects by
the parts it returns, never by the text. Names are checked a second time by the addresses they
resolve to (`address_verdict`). Host syntax follows the WHATWG URL standard where that decides what
an IPv4 address is, and IDNA 2008 with the UTS 46 mapping for names beyond ASCII.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import NoReturn

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.ipv4_spelling import ends_in_number, readings
from hooktrace.domain.targets_table import address_verdict

__all__ = ["MAX_URL_CHARS", "Target", "address_verdict", "parse_target"]

MAX_URL_CHARS = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(.*)", re.DOTALL)
_HIERARCHY = re.compile(r"//([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::(.*))?", re.DOTALL)
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff]")
_HTTPS_ONLY = (
    "This project allows https only. Use https, or allow http first: PATCH the project with "
    '`{"allow_http": true}`.'
)
_INSIDE_SUFFIXES = (".localhost", ".localdomain", ".internal", ".local", ".home.arpa", ".lan")
_KEPT = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?@!$&'()*+,;=%"
)


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `url` is the normalised URL that stands for exactly these parts.

    `host` is ASCII and lower case (a name without its last dot, or an address without brackets),
    `path_and_query` goes on the request line as it is, `address` is the host again when it is an
    address and not a name.
    """

    url: str
    scheme: str
    host: str
    port: int
    path_and_query: str
    address: str | None

    @property
    def authority(self) -> str:
        """Host and, unless it is the scheme's own, port: the value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse_target(url: str, *, allow_http: bool, allow_loopback: bool) -> Target:
    """Takes an endpoint's URL apart and refuses what must not be called.

    Raises InvalidInput with the code `invalid_url` (malformed, user information, another scheme,
    a port that is neither 80, 443 nor at least 1024), `blocked_address` (an address that is not
    public, in any spelling, or a name of the local network) or `http_not_allowed`, which comes
    after what is said of the address.
    """
    if not url:
        _invalid("The URL is empty.")
    if len(url) > MAX_URL_CHARS:
        _invalid(f"The URL is longer than {MAX_URL_CHARS} characters.")
    if _FORBIDDEN.search(url) or any(c.isspace() for c in url):
        _invalid("The URL holds white space, control characters or backslashes.")
    split = _URL.fullmatch(url)
    if split is None:
        _invalid("The URL has no scheme; write it with https:// in front.")
    scheme = split[1].lower()
    if scheme not in _DEFAULT_PORTS:
        _invalid(f"The scheme {scheme[:20]!r} is not supported; use https.")
    parts = _HIERARCHY.fullmatch(split[2])
    if parts is None:
        _invalid("After the scheme there must be // and a host.")
    host, port_text = _host_and_port(parts[1])
    name, address = _checked_host(host, allow_loopback=allow_loopback)
    port = _checked_port(port_text, scheme)
    if scheme == "http" and not allow_http:
        raise InvalidInput("http_not_allowed", _HTTPS_ONLY)
    path = _escaped(parts[2] or "/") + ("" if parts[3] is None else f"?{_escaped(parts[3])}")
    target = Target("", scheme, name, port, path, address)
    return Target(f"{scheme}://{target.authority}{path}", scheme, name, port, path, address)


def _invalid(message: str) -> NoReturn:
    raise InvalidInput("invalid_url", message)


def _blocked(message: str) -> NoReturn:
    raise InvalidInput("blocked_address", message)


def _host_and_port(authority: str) -> tuple[str, str | None]:
    if "@" in authority:
        _invalid("The URL carries user information before an @; it must not.")
    split = _AUTHORITY.fullmatch(authority)
    if split is None:
        _invalid("The host of the URL is malformed.")
    if ":" in (split[2] or ""):
        _invalid("The host of the URL is malformed; an IPv6 address stands in brackets.")
    if not split[1]:
        _invalid("The URL has no host.")
    return split[1], split[2]


def _checked_port(text: str | None, scheme: str) -> int:
    if text is None:
        return _DEFAULT_PORTS[scheme]
    port = int(text) if _PORT.fullmatch(text) else 0
    if not (port in {80, 443} or 1024 <= port <= 65535):
        _invalid("The port must be 80, 443 or from 1024 to 65535.")
    return port


def _checked_host(host: str, *, allow_loopback: bool) -> tuple[str, str | None]:
    """The host's one spelling, and again as an address if it is one."""
    if host.startswith("["):
        address = _ipv6(host[1:-1], allow_loopback=allow_loopback)
        return address, address
    plain = _ESCAPE.sub(lambda m: chr(int(m[1], 16)), host)
    ascii_host = _mapped(plain)
    if ascii_host.endswith("."):
        ascii_host = ascii_host[:-1]
    if ends_in_number(ascii_host):
        address = _ipv4(ascii_host, allow_loopback=allow_loopback)
        if address != host:
            _invalid(f"Write the address in its usual form: {address}.")
        return address, address
    _check_name(ascii_host, allow_loopback=allow_loopback)
    if plain != host:
        _invalid("The host of the URL must not be percent-encoded.")
    return ascii_host, None


def _mapped(host: str) -> str:
    """The host in ASCII and lower case, by UTS 46 and IDNA 2008."""
    if host.isascii():
        return host.lower()
    # Loaded here because hosts beyond ASCII are rare and its tables are large.
    import idna

    try:
        mapped = idna.uts46_remap(host, std3_rules=True, transitional=False)
        return mapped if mapped.isascii() else idna.encode(mapped).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        folded = unicodedata.normalize("NFKC", host).lower()
        if folded.isascii():
            return folded
        _invalid("The host is not a valid internationalised name; write it in its xn-- form.")


def _ipv4(host: str, *, allow_loopback: bool) -> str:
    found = readings(host)
    if not found:
        _invalid("The host ends in a number but is no IPv4 address.")
    for address in found:
        verdict = address_verdict(address, allow_loopback=allow_loopback)
        if verdict is not None:
            _blocked(f"The URL's address is refused: {verdict}.")
    return found[0]


def _ipv6(text: str, *, allow_loopback: bool) -> str:
    bare, _, zone = unicodedata.normalize("NFKC", text).partition("%")
    try:
        address = IPv6Address(bare)
    except ValueError:
        _invalid("The brackets of the URL hold no IPv6 address.")
    if zone or "%" in text:
        _blocked("The URL's address has a zone and so belongs to a local link.")
    verdict = address_verdict(str(address), allow_loopback=allow_loopback)
    if verdict is not None:
        _blocked(f"The URL's address is refused: {verdict}.")
    if not text.isascii():
        _invalid(f"Write the address in its usual form: {address}.")
    return str(address)


def _check_name(name: str, *, allow_loopback: bool) -> None:
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        _invalid("The host of the URL is not a valid name.")
    if name == "localhost" and allow_loopback:
        return
    if "." not in name or name.endswith(_INSIDE_SUFFIXES):
        _blocked(f"The name {name} belongs to the local machine or network.")


def _escaped(text: str) -> str:
    """Path or query with everything that may not stand in a request line percent-encoded."""
    return "".join(chr(b) if b in _KEPT else f"%{b:02X}" for b in text.encode())
