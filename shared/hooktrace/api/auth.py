"""API keys: the tokens, and whose they are.

A token is `ht_<ULID>_<43 characters>`: the ULID of the key id `key_<ULID>`, and 32 random bytes in
base64url. Only the SHA-256 of the secret part is stored; a random secret of 256 bits needs no salt
and no slow hash.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from hooktrace.domain.errors import InsufficientScope, Unauthorized
from hooktrace.domain.keys import Scope, StoredKey, allows

SECRET_BYTES = 32
CACHE_SECONDS = 30.0
CACHED_KEYS = 1000

_TOKEN = re.compile(r"ht_([0-7][0-9A-HJKMNP-TV-Z]{25})_([A-Za-z0-9_-]{43})", re.ASCII)
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE | re.ASCII)
_NO_SECRET = "0" * 64


@dataclass(frozen=True, slots=True)
class ApiKeyIdentity:
    """Who calls: the key, its project and what it may do."""

    key_id: str
    project_id: str
    scopes: frozenset[Scope]

    def require(self, scope: Scope) -> None:
        """Raises InsufficientScope unless one of the scopes is or contains `scope`."""
        if not allows(self.scopes, scope):
            raise InsufficientScope(f"This call needs an API key with the scope `{scope}`.")


def make_token(ulid: str, random_bytes: bytes) -> str:
    """The token of the key `key_<ulid>` from 32 random bytes."""
    if len(random_bytes) != SECRET_BYTES:
        raise ValueError(f"a secret is made of {SECRET_BYTES} bytes, not {len(random_bytes)}")
    secret = base64.urlsafe_b64encode(random_bytes).rstrip(b"=").decode()
    return f"ht_{ulid}_{secret}"


def parse_token(token: str) -> tuple[str, str] | None:
    """Key id and secret, or None when the text is no token."""
    found = _TOKEN.fullmatch(token)
    return (f"key_{found[1]}", found[2]) if found else None


def hash_secret(secret: str) -> str:
    """SHA-256 of the secret part of a token, as lower-case hex: what `StoredKey` holds."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Authenticator:
    """Says whose token an `Authorization` header carries.

    What the store says about a key id, also that it does not know it, is believed for
    `cache_seconds`: so long may a revoked key still work. Known and unknown ids have caches of
    their own, each of at most `cached_keys`, so that guessing does not push out the living.
    Texts that cannot be tokens never reach the store.
    """

    def __init__(
        self,
        load_key: Callable[[str], StoredKey | None],
        clock: Callable[[], float],
        cache_seconds: float = CACHE_SECONDS,
        cached_keys: int = CACHED_KEYS,
    ) -> None:
        """`clock` gives Unix seconds. `load_key` may raise Unavailable, which passes through."""
        self._load_key = load_key
        self._clock = clock
        self._cache_seconds = cache_seconds
        self._cached_keys = cached_keys
        self._known: OrderedDict[str, tuple[float, StoredKey | None]] = OrderedDict()
        self._unknown: OrderedDict[str, tuple[float, StoredKey | None]] = OrderedDict()

    def __call__(self, authorization: str | None) -> ApiKeyIdentity:
        """The caller behind the header's value. Raises Unauthorized."""
        bearer = _BEARER.fullmatch(authorization or "")
        token = parse_token(bearer[1]) if bearer else None
        if token is None:
            raise Unauthorized
        key_id, secret = token
        now = self._clock()
        key = self._lookup(key_id, now)
        expected = key.secret_sha256 if key else _NO_SECRET
        same = hmac.compare_digest(hash_secret(secret), expected)
        if key is None or not same or not key.lives(int(now * 1000)):
            raise Unauthorized
        return ApiKeyIdentity(key.key_id, key.project_id, key.scopes)

    def _lookup(self, key_id: str, now: float) -> StoredKey | None:
        for cache in (self._known, self._unknown):
            found = cache.get(key_id)
            if found is not None and 0 <= now - found[0] < self._cache_seconds:
                cache.move_to_end(key_id)
                return found[1]
            cache.pop(key_id, None)
        key = self._load_key(key_id)
        cache = self._unknown if key is None else self._known
        cache[key_id] = (now, key)
        if len(cache) > self._cached_keys:
            cache.popitem(last=False)
        return key
