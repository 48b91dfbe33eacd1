"""The few things that the registry asks of its table.

`DynamoRegistryTable` asks the service, `MemoryRegistryTable` a dictionary. All reads are strongly
consistent. Items are in DynamoDB's own notation; keys are the pair (PK, SK).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

Item = dict[str, dict[str, Any]]
Key = tuple[str, str]

MAX_OPS: Final = 100
"""The most operations in one transaction (DynamoDB's limit)."""


@dataclass(frozen=True, slots=True)
class Put:
    """Store a whole item.

    `over` says what must stand there: a version number, "nothing", or "anything" (no condition).
    """

    item: Item
    over: int | Literal["nothing", "anything"] = "anything"


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an item.

    `version` is the version that must stand there; None removes whatever is there, if anything.
    """

    key: Key
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Nothing is written, but the item must exist."""

    key: Key


Op = Put | Delete | Check
Refusal = Literal["condition", "conflict"]


class RegistryTable(Protocol):
    """A table with PK and SK. Every method raises Unavailable when the store does not answer."""

    def transact(self, ops: Sequence[Op]) -> list[Refusal | None] | None:
        """All of `ops` (at most 100, each on its own item) or none of them.

        None when done. Otherwise one entry for each op: "condition" (its condition does not
        hold), "conflict" (another transaction is at the item just now), or None (not at fault).
        """
        ...

    def get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Those of the items that exist."""
        ...

    def query(
        self, pk: str, low: str, high: str, *, limit: int | None = None, descending: bool = False
    ) -> list[Item]:
        """The items with low <= SK <= high in order; at most `limit`, None for all of them."""
        ...

    def each(self, pk: str, low: str, high: str) -> Iterator[Item]:
        """The items with low <= SK <= high in order, however many: a page at a time is held."""
        ...


class Blobs(Protocol):
    """Where a snapshot goes that is too large for an item."""

    def put(self, name: str, content: bytes) -> None:
        """Stores or overwrites."""
        ...

    def get(self, name: str) -> bytes | None:
        """The content, or None."""
        ...
