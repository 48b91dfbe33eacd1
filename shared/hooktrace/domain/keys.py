"""API keys as they are stored, and what their scopes allow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Scope = Literal["read", "write", "admin"]

SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
"""In rising order: each scope contains those before it."""


def allows(scopes: Iterable[Scope], needed: Scope) -> bool:
    """Whether one of the scopes is, or contains, the needed one."""
    return any(SCOPES.index(scope) >= SCOPES.index(needed) for scope in scopes)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key without its secret, of which only the SHA-256 (lower-case hex) is known.

    `key_id` is `key_` and a ULID. `revoked_at` and `expires_at` are Unix milliseconds.
    """

    key_id: str
    project_id: str
    secret_sha256: str = field(repr=False)
    scopes: frozenset[Scope]
    revoked_at: int | None = None
    expires_at: int | None = None
    name: str = ""

    def lives(self, now_ms: int) -> bool:
        """Whether the key is neither revoked nor expired at `now_ms`."""
        return self.revoked_at is None and (self.expires_at is None or now_ms < self.expires_at)
