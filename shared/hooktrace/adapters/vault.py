"""Confidential texts under envelope encryption: AES-256-GCM with a data key that KMS keeps wrapped.

Each project has a data key. It is made once, stored wrapped in the registry, and unwrapped by KMS
with the project as encryption context. Unwrapped it is kept in memory for `KEPT_SECONDS`, so that
the usual delivery asks KMS nothing. A sealed text is

    1 byte   format, 1
    4 bytes  generation of the data key
    12 bytes nonce, random
    rest     ciphertext and tag; associated data are project, endpoint and place

so a sealed text that is moved to another place, endpoint or project does not open there.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from hooktrace.domain.confidential import Sealed
from hooktrace.domain.errors import Unavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEPT_SECONDS = 300.0
"""How long an unwrapped data key stays in memory."""
MOST_KEPT = 1_000
"""How many of them at most; the one unused for longest makes room."""

FORMAT = 1
GENERATION_BYTES = 4
NONCE_BYTES = 12
_HEAD_BYTES = 1 + GENERATION_BYTES + NONCE_BYTES


class KeyService(Protocol):
    """Makes and unwraps data keys. Both methods raise Unavailable."""

    def new_data_key(self, project_id: str) -> tuple[bytes, bytes]:
        """A data key of 32 bytes, and the same wrapped."""
        ...

    def unwrap(self, project_id: str, wrapped: bytes) -> bytes:
        """The data key that was wrapped for this project."""
        ...


class DataKeys(Protocol):
    """Where wrapped data keys are stored, by project and generation."""

    def newest(self, project_id: str) -> tuple[int, bytes] | None:
        """The generation that seals, and its wrapped key; None before the first."""
        ...

    def wrapped(self, project_id: str, generation: int) -> bytes | None:
        """The wrapped key of a generation."""
        ...

    def add(self, project_id: str, generation: int, wrapped: bytes) -> bool:
        """Stores a new generation; False when somebody else was first."""
        ...


class EnvelopeVault:
    """Fulfils `hooktrace.endpoint_ports.Vault`. `monotonic` is in seconds."""

    def __init__(
        self, keys: KeyService, stored: DataKeys, *, monotonic: Callable[[], float]
    ) -> None:
        self._keys = keys
        self._stored = stored
        self._monotonic = monotonic
        self._ciphers: OrderedDict[tuple[str, int], tuple[float, AESGCM]] = OrderedDict()

    def seal(self, project_id: str, place: str, text: str) -> Sealed:
        """Raises Unavailable."""
        generation, cipher = self._sealing(project_id)
        nonce = os.urandom(NONCE_BYTES)
        head = bytes([FORMAT]) + generation.to_bytes(GENERATION_BYTES, "big") + nonce
        return Sealed(head + cipher.encrypt(nonce, text.encode(), _bound_to(project_id, place)))

    def open(self, project_id: str, place: str, sealed: Sealed) -> str:
        """Raises Unavailable, also when the text was not sealed for this place."""
        from cryptography.exceptions import InvalidTag

        head, content = sealed.data[:_HEAD_BYTES], sealed.data[_HEAD_BYTES:]
        if len(head) < _HEAD_BYTES or head[0] != FORMAT:
            raise Unavailable(f"a sealed text of {place} has an unknown format")
        generation = int.from_bytes(head[1 : 1 + GENERATION_BYTES], "big")
        cipher = self._opening(project_id, generation)
        try:
            opened = cipher.decrypt(head[-NONCE_BYTES:], content, _bound_to(project_id, place))
        except InvalidTag:
            raise Unavailable(f"a sealed text of {place} does not open there") from None
        return opened.decode()

    def _sealing(self, project_id: str) -> tuple[int, AESGCM]:
        """The cipher of the newest generation. The first one is made here."""
        newest = self._stored.newest(project_id)
        if newest is None:
            key, wrapped = self._keys.new_data_key(project_id)
            if self._stored.add(project_id, 1, wrapped):
                return 1, self._keep(project_id, 1, key)
            newest = self._stored.newest(project_id)
            if newest is None:
                raise Unavailable(f"the data key of {project_id} is being made by somebody else")
        generation, wrapped = newest
        return generation, self._kept(project_id, generation) or self._keep(
            project_id, generation, self._keys.unwrap(project_id, wrapped)
        )

    def _opening(self, project_id: str, generation: int) -> AESGCM:
        kept = self._kept(project_id, generation)
        if kept is not None:
            return kept
        wrapped = self._stored.wrapped(project_id, generation)
        if wrapped is None:
            raise Unavailable(f"data key {generation} of {project_id} is not stored")
        return self._keep(project_id, generation, self._keys.unwrap(project_id, wrapped))

    def _kept(self, project_id: str, generation: int) -> AESGCM | None:
        until, cipher = self._ciphers.get((project_id, generation), (0.0, None))
        if cipher is None or until <= self._monotonic():
            self._ciphers.pop((project_id, generation), None)
            return None
        self._ciphers.move_to_end((project_id, generation))
        return cipher

    def _keep(self, project_id: str, generation: int, key: bytes) -> AESGCM:
        # Loaded here: rooms that open nothing must not load it.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        cipher = AESGCM(key)
        self._ciphers[(project_id, generation)] = self._monotonic() + KEPT_SECONDS, cipher
        if len(self._ciphers) > MOST_KEPT:
            self._ciphers.popitem(last=False)
        return cipher


def _bound_to(project_id: str, place: str) -> bytes:
    return f"hooktrace/1/{project_id}/{place}".encode()
