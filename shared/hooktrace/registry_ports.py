"""What the use cases ask of the registry. Both adapters pass `tests/conformance/test_registry.py`.

Every method may raise `Unavailable`. A write that names `before` is made only if the record still
stands at the version of `before`: it stores the new state with the next version and returns it so.
Otherwise it raises `VersionConflict` (the record has moved on, or is gone). No write is half done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from hooktrace.domain.audit import AuditRecord
from hooktrace.domain.keys import StoredKey
from hooktrace.domain.registry import Changes, Endpoint, MatchingSet, Project, Subscription

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A piece of a list in id order; `next_after` is the id to go on from, None at the end."""

    items: tuple[T, ...]
    next_after: str | None


class ProjectStore(Protocol):
    """Projects and their listing for the rooms that work through all of them."""

    def create_project(self, project: Project, keys: Iterable[StoredKey]) -> None:
        """Store a project together with its first keys, all or nothing."""
        ...

    def get_project(self, project_id: str) -> Project | None:
        """The project, or None."""
        ...

    def replace_project(self, project: Project, *, before: Project) -> Project:
        """Store a new state of a project."""
        ...

    def list_projects(self) -> list[str]:
        """The ids of all projects."""
        ...


class KeyStore(Protocol):
    """API keys. `load_key` is what authentication reads."""

    def load_key(self, key_id: str) -> StoredKey | None:
        """The key in any project, strongly consistent, or None when unknown or revoked."""
        ...

    def create_key(self, key: StoredKey) -> None:
        """Store a new key."""
        ...

    def list_keys(self, project_id: str) -> list[StoredKey]:
        """The living keys of a project in id order."""
        ...

    def revoke_key(self, project_id: str, key_id: str) -> None:
        """Remove a key. Raises NotFound."""
        ...


class EndpointReader(Protocol):
    """What delivering needs of endpoints: strongly consistent, deleted ones are not there."""

    def get_endpoint(self, project_id: str, endpoint_id: str) -> Endpoint | None:
        """The endpoint, or None when it never existed here or was deleted."""
        ...

    def get_endpoints(self, project_id: str, endpoint_ids: Iterable[str]) -> dict[str, Endpoint]:
        """Those of the endpoints that exist, by id."""
        ...


class EndpointStore(EndpointReader, Protocol):
    """Endpoints for managing. Changes of state reach the matchers with the same write."""

    def list_endpoints(self, project_id: str, *, limit: int, after: str | None) -> Page[Endpoint]:
        """Endpoints in id order, which is the order of creation."""
        ...

    def create_endpoint(self, endpoint: Endpoint) -> None:
        """Store a new endpoint."""
        ...

    def replace_endpoint(self, endpoint: Endpoint, *, before: Endpoint) -> Endpoint:
        """Store a new state of an endpoint; if `state` differs, matching learns it at once."""
        ...

    def delete_endpoint(self, before: Endpoint) -> None:
        """Leave a tombstone and stop matching to it at once; its subscriptions are purged next."""
        ...


class SubscriptionStore(Protocol):
    """Subscriptions. Each write reaches the matchers with the same write."""

    def get_subscription(self, project_id: str, subscription_id: str) -> Subscription | None:
        """The subscription, strongly consistent, or None."""
        ...

    def list_subscriptions(
        self, project_id: str, *, limit: int, after: str | None, endpoint_id: str | None
    ) -> Page[Subscription]:
        """Subscriptions in id order, all or those of one endpoint."""
        ...

    def create_subscription(self, subscription: Subscription) -> None:
        """Store a new subscription. Raises NotFound when its endpoint does not exist (any more)."""
        ...

    def replace_subscription(
        self, subscription: Subscription, *, before: Subscription
    ) -> Subscription:
        """Store a new state of a subscription."""
        ...

    def delete_subscription(self, before: Subscription) -> None:
        """Remove a subscription."""
        ...


class PurgeStore(Protocol):
    """The subscriptions that deleted endpoints left behind; done in pieces, resumable."""

    def pending_purges(self) -> list[tuple[str, str]]:
        """(project id, endpoint id) of deleted endpoints whose subscriptions are not all gone."""
        ...

    def purge_subscriptions(self, project_id: str, endpoint_id: str) -> bool:
        """Remove one piece of the subscriptions of a deleted endpoint; True when none are left."""
        ...


class AuditStore(Protocol):
    """Who changed what, by project and time."""

    def put_audit(self, record: AuditRecord) -> None:
        """Store a record, or a later state of it under the same id."""
        ...

    def read_audit(
        self, project_id: str, low: str, high: str, *, limit: int, descending: bool
    ) -> list[AuditRecord]:
        """The records whose ULID lies in [low, high], in order; at most `limit`."""
        ...


@dataclass(frozen=True, slots=True)
class Stop:
    """A note that an endpoint was disabled or deleted, and what is pending must be cancelled.

    `since_ms` is when it was, `version` that of the endpoint then. `walk_ms` is when the last
    look through the retries began, `at` how far it came ("": it is over, or never began).
    """

    project_id: str
    endpoint_id: str
    since_ms: int
    version: int
    walk_ms: int = 0
    at: str = ""


class StopStore(Protocol):
    """The notes of stopped endpoints; disabling and deleting write them in the same transaction."""

    def pending_stops(self) -> list[Stop]:
        """All notes."""
        ...

    def keep_stop(self, stop: Stop) -> None:
        """Remember how far the work came; nothing happens when a later stop took its place."""
        ...

    def clear_stop(self, stop: Stop) -> None:
        """Remove the note; nothing happens when a later stop took its place."""
        ...


class MatchingSource(Protocol):
    """What a matcher reads, and the compiled snapshots it publishes for others."""

    def changes_since(self, project_id: str, version: int) -> Changes | None:
        """What changed after `version`, strongly consistent.

        None when the change log does not reach back to `version`: load the whole set instead.
        """
        ...

    def load_matching_set(self, project_id: str) -> MatchingSet:
        """The whole set, read record by record."""
        ...

    def read_snapshot(self, project_id: str) -> tuple[int, bytes] | None:
        """The newest snapshot and the version it was made from."""
        ...

    def write_snapshot(self, project_id: str, version: int, data: bytes) -> None:
        """Publish a snapshot; one that is not newer than the stored one is dropped."""
        ...
