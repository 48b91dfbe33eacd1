"""Subscriptions in the registry table."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hooktrace.adapters.registry.commit import Committer
from hooktrace.adapters.registry.items import (
    LAST,
    endpoint_key,
    owned_key,
    subscription_item,
    subscription_key,
    subscription_of,
    to_item,
)
from hooktrace.adapters.registry.table import Check, Delete, Item, Op, Put, RegistryTable
from hooktrace.domain.errors import NotFound
from hooktrace.domain.registry import Changes, Subscription, VersionConflict
from hooktrace.registry_ports import Page


@dataclass(frozen=True, slots=True)
class RegistrySubscriptions:
    """Fulfils `SubscriptionStore`."""

    table: RegistryTable
    committer: Committer

    def get_subscription(self, project_id: str, subscription_id: str) -> Subscription | None:
        key = subscription_key(project_id, subscription_id)
        item = self.table.get([key]).get(key)
        return subscription_of(item) if item else None

    def list_subscriptions(
        self, project_id: str, *, limit: int, after: str | None, endpoint_id: str | None
    ) -> Page[Subscription]:
        start = f"{after} " if after else ""
        if endpoint_id is None:
            pk, low = subscription_key(project_id, start)
            items = self.table.query(
                pk, low, subscription_key(project_id, LAST)[1], limit=limit + 1
            )
            page = tuple(subscription_of(item) for item in items[:limit])
            return Page(page, page[-1].id if len(items) > limit else None)
        pk, low = owned_key(project_id, endpoint_id, start)
        high = owned_key(project_id, endpoint_id, LAST)[1]
        ids = [_id(item) for item in self.table.query(pk, low, high, limit=limit + 1)]
        found = self.table.get([subscription_key(project_id, sid) for sid in ids[:limit]])
        page = tuple(subscription_of(found[key]) for key in sorted(found))
        return Page(page, ids[limit - 1] if len(ids) > limit else None)

    def create_subscription(self, subscription: Subscription) -> None:
        project_id, endpoint_id = subscription.project_id, subscription.endpoint_id
        ops: list[Op] = [
            Put(subscription_item(subscription), over="nothing"),
            Check(endpoint_key(project_id, endpoint_id)),
            Put(to_item(owned_key(project_id, endpoint_id, subscription.id), {})),
        ]
        change = Changes(version=0, upserts=(subscription.match_row(),))
        failed = self.committer.run_matching(project_id, ops, change)
        if failed == 0:
            raise VersionConflict(f"a subscription {subscription.id} exists")
        if failed is not None:
            raise NotFound(f"there is no endpoint {endpoint_id}")

    def replace_subscription(
        self, subscription: Subscription, *, before: Subscription
    ) -> Subscription:
        after = replace(subscription, version=before.version + 1)
        put = Put(subscription_item(after), over=before.version)
        row = after.match_row()
        if row == before.match_row():
            failed = self.committer.run([put])
        else:
            change = Changes(version=0, upserts=(row,))
            failed = self.committer.run_matching(after.project_id, [put], change)
        if failed is not None:
            raise VersionConflict(f"subscription {after.id} has changed")
        return after

    def delete_subscription(self, before: Subscription) -> None:
        ops: list[Op] = [
            Delete(subscription_key(before.project_id, before.id), version=before.version),
            Delete(owned_key(before.project_id, before.endpoint_id, before.id)),
        ]
        change = Changes(version=0, removed=(before.id,))
        if self.committer.run_matching(before.project_id, ops, change) is not None:
            raise VersionConflict(f"subscription {before.id} has changed")


def _id(item: Item) -> str:
    return str(item["SK"]["S"]).partition("#")[2]
