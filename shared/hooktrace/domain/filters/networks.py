"""`$cidr`: networks and addresses of IPv4 and IPv6, written as such."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final

_NETWORK: Final = re.compile(r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?")
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f:.]{2,45}")


@dataclass(frozen=True, slots=True)
class Network:
    """A network: an address lies in it when its masked number is the same."""

    version: int
    number: int
    mask: int


def parse_network(text: str) -> Network | None:
    """The network, its host bits ignored; None when the text is none.

    A text without a length is one address. Netmasks instead of a length and scope ids are refused.
    """
    if len(text) > 50 or _NETWORK.fullmatch(text) is None:
        return None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    return Network(network.version, int(network.network_address), int(network.netmask))


def parse_address(text: str) -> tuple[int, int] | None:
    """The version and number of an address, or None; an IPv4-mapped address is IPv6."""
    if _ADDRESS.fullmatch(text) is None:
        return None
    try:
        if ":" in text:
            return 6, int(IPv6Address(text))
        return 4, int(IPv4Address(text))
    except ValueError:
        return None


def lies_in(value: object, networks: tuple[Network, ...]) -> bool:
    """Whether the value is an address inside one of the networks of the same version."""
    address = parse_address(value) if type(value) is str else None
    if address is None:
        return False
    version, number = address
    return any(
        network.version == version and number & network.mask == network.number
        for network in networks
    )
