"""The shapes of the manage room's answers, and the records written in them."""

from __future__ import annotations

from typing import Any, Literal

from hooktrace.api.clauses import Clause
from hooktrace.api.http import RawJson, Shape
from hooktrace.domain.ids import ulid_ms
from hooktrace.domain.keys import StoredKey
from hooktrace.domain.registry import Project, Subscription
from hooktrace.domain.times import rfc3339
from hooktrace.usecases.manage_projects import NewKey


class NotificationsView(Shape):
    """What the project is told of: the kinds, and the endpoints that get them as webhooks."""

    kinds: list[str]
    endpoint_ids: list[str]


class ProjectView(Shape):
    """A project."""

    id: str
    name: str
    allow_http: bool
    retention_days: int
    failure_retention_days: int | None
    """Null: as `retention_days`."""
    redact_actual: bool
    notifications: NotificationsView
    created_at: str


class KeyView(Shape):
    """An API key without its token."""

    id: str
    name: str
    scopes: list[str]
    created_at: str


class NewKeyView(KeyView):
    """A new API key; `token` is in no later answer."""

    token: str


class NewProjectView(ProjectView):
    """A new project with its first key."""

    admin_key: NewKeyView


class ProjectList(Shape):
    """The projects that a key can see, on one page."""

    items: list[ProjectView]
    next_cursor: str | None


class KeyList(Shape):
    """The keys of a project, on one page."""

    items: list[KeyView]
    next_cursor: str | None


class AuditEntry(Shape):
    """One call that changed something, or tried to."""

    id: str
    time: str
    key_id: str
    action: str
    """The operationId of the call."""
    target: str | None
    """The id of what was changed or made."""
    members: list[str]
    """The names of the members sent."""
    outcome: Literal["done", "refused", "unknown"]
    """`unknown`: the call began, and how it ended was not written down; it may have been done."""
    status: int | None
    """The HTTP status answered."""
    request_id: str
    source_ip: str


class AuditList(Shape):
    """A page of the audit trail."""

    items: list[AuditEntry]
    next_cursor: str | None


class SubscriptionView(Shape):
    """A subscription. `filter` is what is matched, also when an `event_pattern` was given."""

    id: str
    endpoint_id: str
    state: str
    event_types: list[str]
    filter: Any
    event_pattern: Any
    description: str
    created_at: str
    updated_at: str


class SubscriptionList(Shape):
    """A page of subscriptions; `next_cursor` is null on the last one."""

    items: list[SubscriptionView]
    next_cursor: str | None


class SteeredDelivery(Shape):
    """A delivery after it was steered by hand."""

    id: str
    event_id: str
    status: str
    reason: str | None
    links: dict[str, str]


class ReplayedEvent(Shape):
    """An event after its replay."""

    id: str
    status: str
    added: list[str]
    """Ids of the deliveries that were added; none when nothing wants the event today."""
    links: dict[str, str]


class ExpungedEvent(Shape):
    """An event whose data is gone."""

    id: str
    data_expunged_at: str
    data_expunged_by: str | None
    """The key id that asked for it first."""
    links: dict[str, str]


class VerdictView(Shape):
    """Whether the event would be taken, and by which clauses not."""

    matched: bool
    type_matched: bool
    clauses: list[Clause]
    held_back_by: Literal["subscription_disabled", "endpoint_disabled"] | None = None
    """With `subscription_id`: what keeps it from taking any event at present."""


def project_view(project: Project) -> dict[str, object]:
    return {
        "id": project.id,
        "name": project.name,
        "allow_http": project.allow_http,
        "retention_days": project.retention_days,
        "failure_retention_days": project.failure_retention_days,
        "redact_actual": project.redact_actual,
        "notifications": {
            "kinds": list(project.notifications.chosen),
            "endpoint_ids": list(project.notifications.endpoint_ids),
        },
        "created_at": rfc3339(project.created_ms),
    }


def key_view(key: StoredKey) -> dict[str, object]:
    return {
        "id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": rfc3339(ulid_ms(key.key_id)),
    }


def new_key_view(new: NewKey) -> dict[str, object]:
    return key_view(new.key) | {"token": new.token}


def subscription_view(subscription: Subscription) -> dict[str, object]:
    return {
        "id": subscription.id,
        "endpoint_id": subscription.endpoint_id,
        "state": subscription.state,
        "event_types": list(subscription.event_types),
        "filter": _raw(subscription.filter_text),
        "event_pattern": _raw(subscription.event_pattern_text),
        "description": subscription.description,
        "created_at": rfc3339(subscription.created_ms),
        "updated_at": rfc3339(subscription.updated_ms),
    }


def _raw(text: str | None) -> RawJson | None:
    return None if text is None else RawJson(text.encode())
