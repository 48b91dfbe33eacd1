"""Tokens, and the cache in front of the key store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hooktrace.api.auth import (
    ApiKeyIdentity,
    Authenticator,
    hash_secret,
    make_token,
    parse_token,
)
from hooktrace.domain.errors import InsufficientScope, Unauthorized, Unavailable
from hooktrace.domain.keys import Scope, StoredKey, allows

ULID = "01JC3QZ8D5M6N7P8Q9R0S1T2V3"
TOKEN = make_token(ULID, bytes(range(32)))
SECRET = TOKEN[30:]
KEY = StoredKey(f"key_{ULID}", "prj_1", hash_secret(SECRET), frozenset({"write"}))


class Keys:
    """A key store that counts, and a clock."""

    def __init__(self, *keys: StoredKey) -> None:
        self.keys = {key.key_id: key for key in keys}
        self.asked: list[str] = []
        self.now = 1000.0

    def load(self, key_id: str) -> StoredKey | None:
        self.asked.append(key_id)
        return self.keys.get(key_id)

    def authenticator(self, cached_keys: int = 1000) -> Authenticator:
        return Authenticator(self.load, lambda: self.now, cached_keys=cached_keys)


def bearer(token: str = TOKEN) -> str:
    return f"Bearer {token}"


def test_token_form() -> None:
    assert TOKEN.startswith(f"ht_{ULID}_")
    assert len(SECRET) == 43
    assert parse_token(TOKEN) == (f"key_{ULID}", SECRET)
    assert hash_secret("abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    with pytest.raises(ValueError, match="32 bytes"):
        make_token(ULID, b"short")


def test_every_made_token_can_be_parsed() -> None:
    for fill in range(256):
        assert parse_token(make_token(ULID, bytes([fill]) * 32)) is not None


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        TOKEN,
        "Bearer",
        "Bearer ",
        f"Basic {TOKEN}",
        bearer(TOKEN[:-1]),
        bearer(TOKEN + "x"),
        bearer(TOKEN + "\n"),
        bearer(TOKEN.lower()),
        bearer(TOKEN.replace("ht_", "hx_")),
        bearer(f"ht_{ULID[:-1]}U_{SECRET}"),
        bearer(f"{TOKEN} {TOKEN}"),
        bearer(f"{TOKEN[:-1]}é"),
    ],
)
def test_what_is_no_token_never_reaches_the_store(header: str | None) -> None:
    keys = Keys(KEY)
    with pytest.raises(Unauthorized):
        keys.authenticator()(header)
    assert keys.asked == []


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_living_key_is_known(scheme: str) -> None:
    identity = Keys(KEY).authenticator()(f"{scheme} {TOKEN}")
    assert identity == ApiKeyIdentity(f"key_{ULID}", "prj_1", frozenset({"write"}))


def test_another_secret_is_refused() -> None:
    with pytest.raises(Unauthorized):
        Keys(KEY).authenticator()(bearer(make_token(ULID, bytes(32))))


def test_revoked_and_expired_keys_are_refused() -> None:
    keys = Keys(replace(KEY, revoked_at=1))
    with pytest.raises(Unauthorized):
        keys.authenticator()(bearer())
    keys = Keys(replace(KEY, expires_at=1_010_000))
    check = keys.authenticator()
    keys.now = 1009.9
    assert check(bearer()).project_id == "prj_1"
    keys.now = 1010.0
    with pytest.raises(Unauthorized):
        check(bearer())


def test_fc_56_a_revoked_key_is_refused_after_thirty_seconds_at_the_latest() -> None:
    keys = Keys(KEY)
    check = keys.authenticator()
    for _ in range(3):
        check(bearer())
    keys.keys.clear()
    keys.now += 29.9
    check(bearer())
    assert len(keys.asked) == 1
    keys.now += 0.1
    with pytest.raises(Unauthorized):
        check(bearer())
    assert len(keys.asked) == 2


def test_use_does_not_prolong_the_cache() -> None:
    keys = Keys(KEY)
    check = keys.authenticator()
    for _ in range(40):
        keys.now += 1
        check(bearer())
    assert len(keys.asked) == 2


def test_an_unknown_key_is_asked_for_once() -> None:
    keys = Keys()
    check = keys.authenticator()
    for _ in range(5):
        with pytest.raises(Unauthorized):
            check(bearer())
    assert len(keys.asked) == 1
    keys.keys[KEY.key_id] = KEY
    keys.now += 30
    assert check(bearer()).key_id == KEY.key_id


def test_guessing_does_not_push_out_the_living_and_the_caches_are_bounded() -> None:
    keys = Keys(KEY)
    check = keys.authenticator(cached_keys=3)
    check(bearer())
    for last in "ABCDEFGH":
        with pytest.raises(Unauthorized):
            check(bearer(f"ht_{ULID[:-1]}{last}_{SECRET}"))
    check(bearer())
    assert keys.asked.count(KEY.key_id) == 1
    assert len(check._unknown) <= 3


def test_a_clock_that_steps_back_does_not_keep_a_key_alive() -> None:
    keys = Keys(KEY)
    check = keys.authenticator()
    check(bearer())
    keys.now -= 3600
    check(bearer())
    assert len(keys.asked) == 2


def test_an_unavailable_store_is_not_a_refusal_and_not_remembered() -> None:
    def load(key_id: str) -> StoredKey | None:
        raise Unavailable("no answer")

    check = Authenticator(load, lambda: 0.0)
    with pytest.raises(Unavailable):
        check(bearer())


@pytest.mark.parametrize(
    ("has", "may"),
    [("read", {"read"}), ("write", {"read", "write"}), ("admin", {"read", "write", "admin"})],
)
def test_scopes_are_ordered(has: Scope, may: set[Scope]) -> None:
    identity = ApiKeyIdentity("key_1", "prj_1", frozenset({has}))
    scopes: tuple[Scope, ...] = ("read", "write", "admin")
    assert {scope for scope in scopes if allows({has}, scope)} == may
    for scope in scopes:
        if scope in may:
            identity.require(scope)
        else:
            with pytest.raises(InsufficientScope, match=scope):
                identity.require(scope)


def test_no_scope_allows_nothing() -> None:
    assert not allows((), "read")


def test_a_stored_key_does_not_print_its_hash() -> None:
    assert KEY.secret_sha256 not in repr(KEY)
