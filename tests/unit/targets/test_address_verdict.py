"""Addresses that names resolve to (FC-21): an own table, the same on every Python."""

from __future__ import annotations

import pytest

from hooktrace.domain.targets import address_verdict

VECTORS = {
    "64:ff9b::a9fe:a9fe": False,
    "64:ff9b:1::a9fe:a9fe": False,
    "2002:7f00:1::1": False,
    "::169.254.169.254": False,
    "::ffff:10.0.0.1": False,
    "fec0::1": False,
    "192.88.99.1": False,
    "192.0.0.192": False,
    "224.0.0.1": False,
    "ff02::1": False,
    "100.64.0.1": False,
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": False,
    "240.0.0.1": False,
    "198.51.100.7": False,
    "2001:db8::1": False,
    "64:ff9b::5db8:d822": False,
    "::ffff:93.184.216.34": False,
    "2001:470::5efe:a00:5": False,
    "2001:470::200:5efe:7f00:1": False,
    "4000::1": False,
    "fe80::1%lo": False,
    "2606:4700::1111%eth0": False,
    "": False,
    "93.184.216": False,
    "093.184.216.34": False,
    "hooks.example.com": False,
    "168.63.129.16": False,
    "93.184.216.34": True,
    "2606:4700::1111": True,
    "1.1.1.1": True,
    "2a00:1450:4001:81b::200e": True,
    "2001:470::5efe:5db8:d822": True,
    "172.15.255.255": True,
    "172.32.0.0": True,
    "100.63.255.255": True,
    "100.128.0.0": True,
    "223.255.255.255": True,
    "2001:200::1": True,
}


@pytest.mark.parametrize(("address", "allowed"), VECTORS.items())
def test_fc_21_vectors(address: str, allowed: bool) -> None:
    assert (address_verdict(address, allow_loopback=False) is None) is allowed


def test_loopback_only_with_the_setting() -> None:
    for address in ("127.0.0.1", "127.255.255.254", "::1"):
        assert "loopback" in (address_verdict(address, allow_loopback=False) or "")
        assert address_verdict(address, allow_loopback=True) is None
    for address in ("::ffff:127.0.0.1", "0.0.0.0", "::", "10.0.0.1", "::127.0.0.1"):
        assert address_verdict(address, allow_loopback=True) is not None


def test_the_verdict_names_what_is_wrapped() -> None:
    verdict = address_verdict("2002:a9fe:a9fe::1", allow_loopback=False)
    assert verdict == (
        "2002:a9fe:a9fe::1 is not a public address (a 6to4 address that carries "
        "169.254.169.254: link-local, where cloud metadata is served)"
    )
