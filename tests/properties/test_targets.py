"""No spelling of a non-public address gets through, and what gets through is stable."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooktrace.domain.errors import InvalidInput
from hooktrace.domain.targets import address_verdict, parse_target

# The IANA special-purpose registries, multicast and reserved space included, written down here a
# second time and independently of the table under test.
SPECIAL_TEXT = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
192.0.0.0/29 192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24
192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15
198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 255.255.255.255/32 ::/128 ::1/128 ::/96
::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32
2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28
2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7
fe80::/10 fec0::/10 ff00::/8
"""
SPECIAL = SPECIAL_TEXT.split()
V4 = [IPv4Network(n) for n in SPECIAL if ":" not in n]


def inside(networks: list[IPv4Network]) -> st.SearchStrategy[IPv4Address]:
    return st.sampled_from(networks).flatmap(
        lambda n: st.integers(int(n.network_address), int(n.broadcast_address)).map(IPv4Address)
    )


def refused(url: str) -> str | None:
    try:
        parse_target(url, allow_http=True, allow_loopback=False)
    except InvalidInput as error:
        return error.code
    return None


@pytest.mark.parametrize("network", SPECIAL)
def test_every_special_range_is_refused_at_its_ends_and_inside(network: str) -> None:
    net = ip_network(network)
    first, last = int(net.network_address), int(net.broadcast_address)
    chance = random.Random(network)
    kind = IPv4Address if isinstance(net, IPv4Network) else IPv6Address
    for number in {first, last, *(chance.randint(first, last) for _ in range(50))}:
        assert address_verdict(str(kind(number)), allow_loopback=False) is not None


def number_text(value: int, style: str) -> str:
    return {"dec": str(value), "oct": f"0{value:o}", "hex": f"0x{value:x}", "HEX": f"0X{value:X}"}[
        style
    ]


@st.composite
def spelled(draw: st.DrawFn) -> str:
    """A non-public IPv4 address in one to four parts, mixed bases, scripts and dots."""
    number = int(draw(inside(V4)))
    count = draw(st.integers(1, 4))
    parts = [(number >> (24 - 8 * i)) & 0xFF for i in range(count - 1)]
    parts.append(number & (256 ** (5 - count) - 1))
    styles = st.sampled_from(["dec", "oct", "hex", "HEX"])
    texts = [number_text(part, draw(styles)) for part in parts]
    text = draw(st.sampled_from([".", "。", "．", "｡", "%2e", "%2E"])).join(texts)
    if draw(st.booleans()):
        wide = draw(st.sampled_from([0xFF10, 0x1D7CE, 0x1D7F6]))
        text = "".join(chr(wide + ord(c) - 48) if c in "0123456789" else c for c in text)
    return text + draw(st.sampled_from(["", "."]))


@given(spelled())
def test_no_spelling_of_a_non_public_ipv4_address_passes(host: str) -> None:
    # Wide digits beside %2e are no host at all; everything else is known for what it is.
    mixed = "%" in host and not host.isascii()
    code = refused(f"https://{host}/")
    assert code == "blocked_address" or (mixed and code == "invalid_url")


WRAPPERS = ["::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/96", "::ffff:0:0:0/96"]


@given(inside(V4), st.sampled_from(WRAPPERS), st.booleans())
def test_no_ipv6_wrapper_of_a_non_public_address_passes(
    address: IPv4Address, wrapper: str, full: bool
) -> None:
    wrapped = IPv6Address(int(IPv6Network(wrapper).network_address) | int(address))
    sixtofour = IPv6Address((0x2002 << 112) | (int(address) << 80))
    for form in (wrapped, sixtofour):
        assert address_verdict(str(form), allow_loopback=False) is not None
        text = form.exploded.upper() if full else str(form)
        assert refused(f"https://[{text}]:8443/x") == "blocked_address"


@given(st.integers(0, 2**128 - 1))
def test_only_global_unicast_is_public(number: int) -> None:
    address = IPv6Address(number)
    if address not in IPv6Network("2000::/3"):
        assert address_verdict(str(address), allow_loopback=False) is not None


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused_and_what_is_parsed_is_stable(text: str) -> None:
    for url in (text, f"https://{text}", f"https://hooks.example.com/{text}"):
        code = refused(url)
        assert code in {None, "invalid_url", "blocked_address"}
        if code is not None:
            continue
        target = parse_target(url, allow_http=True, allow_loopback=False)
        assert target.url.isascii()
        assert parse_target(target.url, allow_http=True, allow_loopback=False) == target
