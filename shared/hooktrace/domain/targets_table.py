"""Which addresses are the public internet, and which never are.

An own table, because `ipaddress.is_global` and `is_private` change with the patch level of Python
and call NAT64, 6to4 and multicast addresses global. Sources: the IANA IPv4 and IPv6
Special-Purpose Address Registries (RFC 6890 and successors), the multicast registries, and the
addresses at which cloud providers answer machines that ask for credentials.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_SPECIAL_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "shared address space of providers"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local, where cloud metadata is served"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "reserved for protocol assignments"),
        ("192.0.2.0/24", "reserved for documentation"),
        ("192.31.196.0/24", "an AS112 sink"),
        ("192.52.193.0/24", "automatic multicast tunneling"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "a private network"),
        ("192.175.48.0/24", "an AS112 sink"),
        ("198.18.0.0/15", "reserved for benchmarks"),
        ("198.51.100.0/24", "reserved for documentation"),
        ("203.0.113.0/24", "reserved for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved or broadcast"),
        ("168.63.129.16/32", "a cloud provider's platform service"),
    )
)

_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_SPECIAL_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), what)
    for network, what in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "an IPv4-mapped address"),
        ("::ffff:0:0:0/96", "an IPv4-translated address"),
        ("::/96", "an IPv4-compatible address"),
        ("64:ff9b::/96", "a NAT64 address"),
        ("64:ff9b:1::/48", "a NAT64 address of local use"),
        ("100::/64", "discard-only"),
        ("100:0:0:1::/64", "a dummy prefix"),
        ("2001::/32", "a Teredo address"),
        ("2001:2::/48", "reserved for benchmarks"),
        ("2001::/23", "reserved for protocol assignments"),
        ("2001:db8::/32", "reserved for documentation"),
        ("2002::/16", "a 6to4 address"),
        ("2620:4f:8000::/48", "an AS112 sink"),
        ("3ffe::/16", "the former 6bone"),
        ("3fff::/20", "reserved for documentation"),
        ("5f00::/16", "a segment routing identifier"),
        ("fc00::/7", "a unique local network"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_LOOPBACK_V4 = IPv4Network("127.0.0.0/8")
_LOOPBACK_V6 = IPv6Address("::1")
_ISATAP_MARKS = frozenset({0x00005EFE, 0x02005EFE})


def address_verdict(ip: str, *, allow_loopback: bool) -> str | None:
    """Why no request may go to the address `ip`, or None when it is public.

    `ip` is an address in the usual notation, as name servers and sockets give it. With
    `allow_loopback` 127.0.0.0/8 and ::1 are let through, and nothing else.
    """
    if "%" in ip:
        return f"{ip} has a zone and so belongs to a local link"
    try:
        address = _parsed(ip)
    except ValueError:
        return f"{ip!r} is not an IP address"
    if isinstance(address, IPv4Address):
        if allow_loopback and address in _LOOPBACK_V4:
            return None
        what = _what_v4(address)
    else:
        if allow_loopback and address == _LOOPBACK_V6:
            return None
        what = _what_v6(address)
    return None if what is None else f"{address} is not a public address ({what})"


def _parsed(ip: str) -> IPv4Address | IPv6Address:
    return IPv6Address(ip) if ":" in ip else IPv4Address(ip)


def _what_v4(address: IPv4Address) -> str | None:
    return next((what for network, what in _SPECIAL_V4 if address in network), None)


def _what_v6(address: IPv6Address) -> str | None:
    what = next((what for network, what in _SPECIAL_V6 if address in network), None)
    if what is None and address not in _GLOBAL_UNICAST_V6:
        what = "outside the global unicast space"
    inner = _embedded_v4(address)
    if inner is None:
        return what
    inner_what = _what_v4(inner)
    if what is None:
        return None if inner_what is None else f"it carries {inner}: {inner_what}"
    return f"{what} that carries {inner}" + (f": {inner_what}" if inner_what else "")


def _embedded_v4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside, for every form that has one (RFC 4291, 6052, 3056, 4380, 5214)."""
    number = int(address)
    low = number & 0xFFFFFFFF
    top = number >> 96
    if number >> 32 in {0, 0xFFFF, 0xFFFF0000, 0x0064FF9B << 64} and number > 1:
        return IPv4Address(low)
    if top >> 16 == 0x2002:
        return IPv4Address((number >> 80) & 0xFFFFFFFF)
    if top == 0x20010000:
        return IPv4Address(low ^ 0xFFFFFFFF)
    if number >> 80 == 0x0064FF9B0001:
        return IPv4Address(low)
    if (number >> 32) & 0xFFFFFFFF in _ISATAP_MARKS:
        return IPv4Address(low)
    return None
