"""Endpoints in the registry table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hooktrace.adapters.registry.commit import Committer
from hooktrace.adapters.registry.endpoint_items import endpoint_item, endpoint_of
from hooktrace.adapters.registry.items import (
    LAST,
    endpoint_key,
    fields_of,
    owned_key,
    project_key,
    purge_key,
    stop_key,
    subscription_key,
    to_item,
    tombstone_key,
)
from hooktrace.adapters.registry.table import MAX_OPS, Check, Delete, Item, Op, Put, RegistryTable
from hooktrace.domain.errors import HooktraceError, NotFound
from hooktrace.domain.registry import Changes, Endpoint, VersionConflict
from hooktrace.registry_ports import Page, Stop

TOMBSTONE_SECONDS = 400 * 24 * 3600
"""Longer than any retention, so that every delivery still readable finds it."""

PURGE_SUBSCRIPTIONS = (MAX_OPS - 2) // 2
"""Subscriptions in one transaction: each is two items, beside the stamp and the change."""


@dataclass(frozen=True, slots=True)
class RegistryEndpoints:
    """Fulfils `EndpointStore`, `PurgeStore` and `StopStore`."""

    table: RegistryTable
    committer: Committer

    def get_endpoint(self, project_id: str, endpoint_id: str) -> Endpoint | None:
        return self.get_endpoints(project_id, [endpoint_id]).get(endpoint_id)

    def get_endpoints(self, project_id: str, endpoint_ids: Iterable[str]) -> dict[str, Endpoint]:
        found = self.table.get(
            [endpoint_key(project_id, eid) for eid in dict.fromkeys(endpoint_ids)]
        )
        return {endpoint.id: endpoint for endpoint in map(endpoint_of, found.values())}

    def list_endpoints(self, project_id: str, *, limit: int, after: str | None) -> Page[Endpoint]:
        pk, low = endpoint_key(project_id, f"{after} " if after else "")
        items = self.table.query(pk, low, endpoint_key(project_id, LAST)[1], limit=limit + 1)
        endpoints = tuple(endpoint_of(item) for item in items[:limit])
        return Page(endpoints, endpoints[-1].id if len(items) > limit else None)

    def create_endpoint(self, endpoint: Endpoint) -> None:
        failed = self.committer.run(
            [
                Put(endpoint_item(endpoint), over="nothing"),
                Check(project_key(endpoint.project_id)),
            ]
        )
        if failed is not None:
            raise _create_refused(failed, f"project {endpoint.project_id}")

    def replace_endpoint(self, endpoint: Endpoint, *, before: Endpoint) -> Endpoint:
        after = replace(endpoint, version=before.version + 1)
        put = Put(endpoint_item(after), over=before.version)
        if after.state == before.state:
            failed = self.committer.run([put])
        else:
            ids = (after.id,)
            change = (
                Changes(version=0, endpoints_enabled=ids)
                if after.state == "enabled"
                else Changes(version=0, endpoints_disabled=ids)
            )
            ops: list[Op] = [put]
            if after.state == "disabled":
                ops.append(_stop_put(after, after.disabled_ms or 0))
            failed = self.committer.run_matching(after.project_id, ops, change)
        if failed is not None:
            raise VersionConflict(f"endpoint {after.id} has changed")
        return after

    def delete_endpoint(self, before: Endpoint) -> None:
        project_id, endpoint_id = before.project_id, before.id
        now_ms = self.committer.now_ms()
        tombstone = {"deleted_ms": now_ms, "x": now_ms // 1000 + TOMBSTONE_SECONDS}
        ops: list[Op] = [
            Delete(endpoint_key(project_id, endpoint_id), version=before.version),
            Put(to_item(tombstone_key(project_id, endpoint_id), tombstone)),
            Put(to_item(purge_key(project_id, endpoint_id), {"since_ms": now_ms})),
            _stop_put(replace(before, version=before.version + 1), now_ms),
        ]
        change = Changes(version=0, endpoints_disabled=(endpoint_id,))
        if self.committer.run_matching(project_id, ops, change) is not None:
            raise VersionConflict(f"endpoint {endpoint_id} has changed")

    def pending_purges(self) -> list[tuple[str, str]]:
        items = self.table.query(purge_key("", "")[0], "", LAST)
        pairs = [item["SK"]["S"].split("#") for item in items]
        return [(project_id, endpoint_id) for project_id, endpoint_id in pairs]

    def purge_subscriptions(self, project_id: str, endpoint_id: str) -> bool:
        pk, low = owned_key(project_id, endpoint_id, "")
        high = owned_key(project_id, endpoint_id, LAST)[1]
        owned = self.table.query(pk, low, high, limit=PURGE_SUBSCRIPTIONS)
        ids = tuple(item["SK"]["S"].partition("#")[2] for item in owned)
        if ids:
            keys = [subscription_key(project_id, sid) for sid in ids]
            keys += [owned_key(project_id, endpoint_id, sid) for sid in ids]
            change = Changes(version=0, removed=ids)
            self.committer.run_matching(project_id, [Delete(key) for key in keys], change)
        if len(ids) < PURGE_SUBSCRIPTIONS:
            self.committer.run([Delete(purge_key(project_id, endpoint_id))])
            return True
        return False

    def pending_stops(self) -> list[Stop]:
        items = self.table.query(stop_key("", "")[0], "", LAST)
        return [_stop_of(item) for item in items]

    def keep_stop(self, stop: Stop) -> None:
        self.committer.run([Put(_stop_item(stop), over=stop.version)])

    def clear_stop(self, stop: Stop) -> None:
        key = stop_key(stop.project_id, stop.endpoint_id)
        self.committer.run([Delete(key, version=stop.version)])


def _stop_put(stopped: Endpoint, since_ms: int) -> Put:
    return Put(_stop_item(Stop(stopped.project_id, stopped.id, since_ms, stopped.version)))


def _stop_item(stop: Stop) -> Item:
    fields = {"since_ms": stop.since_ms, "walk_ms": stop.walk_ms, "at": stop.at}
    return to_item(stop_key(stop.project_id, stop.endpoint_id), fields, version=stop.version)


def _stop_of(item: Item) -> Stop:
    project_id, endpoint_id = item["SK"]["S"].split("#")
    fields = fields_of(item)
    return Stop(project_id, endpoint_id, version=fields.pop("v"), **fields)


def _create_refused(failed: int, parent: str) -> HooktraceError:
    """Op 0 is the new record, op 1 the check of what it belongs to."""
    if failed == 0:
        return VersionConflict("a record with this id exists")
    return NotFound(f"there is no {parent}")
