"""A key service in memory, for tests and for trying things out. It protects nothing."""

from __future__ import annotations

import os

from hooktrace.domain.errors import Unavailable


class MemoryKeys:
    """Fulfils `hooktrace.adapters.vault.KeyService`; counts its calls, fails while `down`."""

    def __init__(self) -> None:
        self.made = 0
        self.unwrapped = 0
        self.down = False
        self._keys: dict[bytes, tuple[str, bytes]] = {}

    def new_data_key(self, project_id: str) -> tuple[bytes, bytes]:
        self._check()
        self.made += 1
        key, wrapped = os.urandom(32), b"wrapped:" + os.urandom(16)
        self._keys[wrapped] = (project_id, key)
        return key, wrapped

    def unwrap(self, project_id: str, wrapped: bytes) -> bytes:
        self._check()
        self.unwrapped += 1
        owner, key = self._keys.get(wrapped, ("", b""))
        if owner != project_id:
            raise Unavailable("the wrapped key does not belong to this context")
        return key

    def _check(self) -> None:
        if self.down:
            raise Unavailable("the key service does not answer")
