"""The health of endpoints on the ledger's table: one item each, streamed as events are.

PK `project#endpoint`, SK `H#ulid`: v version, s state, u updated, fs failing since, fa fo fc the
failure's time, outcome and status, ls last success, wm warned, dm dr the disabling's time and
reason, ev the endpoint's version then, ow a recovery is owed, w write token, x expiry.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from hooktrace.adapters.items import Item, Key
from hooktrace.adapters.tables import Change, Put, Table, write_one
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.endpoint_health import EndpointHealth, Failure, HealthState
from hooktrace.domain.ids import EndpointId, ProjectId, bare
from hooktrace.domain.registry import DisabledReason

HEALTH = "H#"


class TableHealths:
    """Fulfils `EndpointHealths`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def healths(
        self, refs: Iterable[tuple[ProjectId, EndpointId]]
    ) -> dict[EndpointId, EndpointHealth]:
        found = self._table.get([_key(project, endpoint) for project, endpoint in refs])
        records = [health_record(item) for item in found.values()]
        return {record.endpoint_id: record for record in records}

    def write_health(self, after: EndpointHealth, before: EndpointHealth) -> EndpointHealth | None:
        """None when written; otherwise the health that stands there (version 0: none does)."""
        item = health_item(after)
        op = Change(health_item(before), item) if before.version else Put(item)
        refused = write_one(self._table, op)
        if refused is None:
            return None
        if refused.current is None:
            return EndpointHealth(after.project_id, after.endpoint_id)
        current = health_record(refused.current)
        return None if current.write_token == after.write_token else current


def _key(project: ProjectId, endpoint: EndpointId) -> Key:
    return f"{project}#{endpoint}", f"{HEALTH}{bare(endpoint)}"


def health_item(health: EndpointHealth) -> Item:
    """The item of an endpoint's health."""
    pk, sk = _key(health.project_id, health.endpoint_id)
    failure = health.failure
    texts: dict[str, str | None] = {
        "PK": pk,
        "SK": sk,
        "s": health.state,
        "w": health.write_token,
        "fo": failure.outcome if failure else None,
        "dr": health.disabled_reason,
    }
    numbers: dict[str, int | None] = {
        "v": health.version,
        "u": health.updated_ms,
        "fs": health.failing_since_ms,
        "fa": failure.at_ms if failure else None,
        "fc": failure.status if failure else None,
        "ls": health.last_success_ms,
        "wm": health.warned_ms,
        "dm": health.disabled_ms,
        "ev": health.endpoint_version or None,
        "ow": int(health.owes_recovery) or None,
        "x": health.expires_s,
    }
    item: Item = {name: {"S": text} for name, text in texts.items() if text is not None}
    return item | {name: {"N": str(n)} for name, n in numbers.items() if n is not None}


def health_record(item: Item) -> EndpointHealth:
    """The health of an item."""
    numbers = {name: int(value["N"]) for name, value in item.items() if "N" in value}
    project, endpoint = item["PK"]["S"].rsplit("#", 1)
    failure = None
    if "fo" in item:
        outcome = AttemptOutcome(item["fo"]["S"])
        failure = Failure(numbers["fa"], outcome, numbers.get("fc"))
    reason = item["dr"]["S"] if "dr" in item else None
    return EndpointHealth(
        project_id=ProjectId(project),
        endpoint_id=EndpointId(endpoint),
        version=numbers["v"],
        state=HealthState(item["s"]["S"]),
        updated_ms=numbers["u"],
        failing_since_ms=numbers.get("fs"),
        failure=failure,
        last_success_ms=numbers.get("ls"),
        warned_ms=numbers.get("wm"),
        disabled_ms=numbers.get("dm"),
        disabled_reason=cast("DisabledReason | None", reason),
        endpoint_version=numbers.get("ev", 0),
        owes_recovery="ow" in numbers,
        expires_s=numbers.get("x"),
        write_token=item["w"]["S"],
    )
