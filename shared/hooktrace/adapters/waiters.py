"""Who waits for an outcome just now: a fixed number of slots for each project, each an item.

| SK | attributes |
|---|---|
| `W#number` | v version, w token of who holds it, l until when (Unix milliseconds) |

A slot is taken by one conditional write, so two callers never hold one, and the number of slots is
a cap over all instances. Whoever dies leaves a slot whose time runs out. Only a request that waits
comes here: one read of all slots (each smaller than 100 bytes), two writes, and a read between.
The items stay; a project has at most as many as the cap.
"""

from __future__ import annotations

from hooktrace.adapters.items import Item, Key, next_version
from hooktrace.adapters.tables import Change, Put, Table, write_one
from hooktrace.domain.ids import ProjectId
from hooktrace.ports import Chance
from hooktrace.reading_ports import WaiterSlot

TRIES = 3


class TableWaiters:
    """Fulfils `WaiterSlots` on the ledger's table; at most `slots` (0 to 100) wait at once."""

    def __init__(self, table: Table, chance: Chance, slots: int) -> None:
        self._table = table
        self._chance = chance
        self._slots = slots

    def take(self, project: ProjectId, *, now_ms: int, until_ms: int) -> WaiterSlot | None:
        """A slot, held until `until_ms` or `release`; None when none was free.

        Of callers that race for the last slots some may find none although one is left.
        """
        keys = [slot_key(project, number) for number in range(self._slots)]
        if not keys:
            return None
        found = self._table.get(keys)
        free = [key for key in keys if key not in found or _until(found[key]) <= now_ms]
        token = self._chance.token()
        for _ in range(min(TRIES, len(free))):
            key = free.pop(int(self._chance.fraction() * len(free)))
            item = _slot_item(key, token, until_ms)
            if self._write(item, found.get(key), token):
                return WaiterSlot(project, int(key[1][2:]), token)
        return None

    def release(self, slot: WaiterSlot) -> None:
        """Gives the slot back, unless its time ran out and it is another's by now."""
        key = slot_key(slot.project_id, slot.number)
        current = self._table.get([key]).get(key)
        if current is not None and current["w"]["S"] == slot.token:
            self._write(_slot_item(key, slot.token, 0), current, slot.token)

    def _write(self, item: Item, current: Item | None, token: str) -> bool:
        """Whether the write was made; one that looked like a loss has left its token."""
        if current is None:
            refused = write_one(self._table, Put(item))
        else:
            refused = write_one(self._table, Change(current, next_version(item, current)))
        stands = refused.current if refused is not None else None
        return refused is None or (stands is not None and stands["w"]["S"] == token)


def slot_key(project: ProjectId, number: int) -> Key:
    """Where a slot of a project is stored."""
    return f"{project}#waiters", f"W#{number:02d}"


def _slot_item(key: Key, token: str, until_ms: int) -> Item:
    return {
        "PK": {"S": key[0]},
        "SK": {"S": key[1]},
        "v": {"N": "1"},
        "w": {"S": token},
        "l": {"N": str(until_ms)},
    }


def _until(item: Item) -> int:
    return int(item["l"]["N"])
