"""Registry records as DynamoDB items and back.

| PK | SK | what |
|---|---|---|
| `PROJECT#<id>` | `PROJECT`, `KEY#<key>`, `ENDPOINT#<id>`, `SUBSCRIPTION#<id>` | the records |
| `PROJECT#<id>` | `DATAKEY#<generation>` | the wrapped data key of sealed texts |
| `PROJECT#<id>` | `DELETED#<endpoint>` | tombstone of an endpoint |
| `KEY#<key>` | `KEY` | what authentication reads |
| `ENDPOINT#<project>#<id>` | `SUBSCRIPTION#<id>` | which subscriptions an endpoint has |
| `PROJECTS` | `<project>` | the list of projects |
| `PURGES` | `<project>#<endpoint>` | deleted endpoints with subscriptions left |
| `STOPS` | `<project>#<endpoint>` | endpoints whose pending deliveries must be cancelled |
| `CHANGES#<project>` | 16 digits, `STAMP` | change log, and the version it has reached |
| `AUDIT#<project>` | ULID | who changed what |
| `SNAPSHOT#<project>` | `SNAPSHOT` | compiled subscriptions, or where in S3 they are |

`v` is the version that conditions look at, `x` the expiry in epoch seconds (TTL).
The stamp stands in the partition of the change log, behind the digits: one range read from a
version on brings the changes and the proof that none is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hooktrace.adapters.registry.table import Item, Key
from hooktrace.domain.confidential import Sealed
from hooktrace.domain.keys import StoredKey
from hooktrace.domain.notification_kinds import DEFAULT_CHOICE, NotificationChoice
from hooktrace.domain.registry import Changes, Project, Subscription

if TYPE_CHECKING:
    from hooktrace.domain.matching import MatchRow

STAMP = "STAMP"
LAST = "~"
"""Sorts behind every id, digit and name used in a sort key."""


def attribute(value: Any) -> dict[str, Any]:
    """A value in DynamoDB's notation (text, int, bool, bytes, list, mapping)."""
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case bytes():
            return {"B": value}
        case Sealed():
            return {"B": value.data}
        case Mapping():
            return {"M": {name: attribute(entry) for name, entry in value.items()}}
        case list() | tuple():
            return {"L": [attribute(entry) for entry in value]}
        case _:
            raise TypeError(f"no attribute for a {type(value).__name__}")


def plain(value: Mapping[str, Any]) -> Any:
    """What `attribute` was given; sequences come back as tuples."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return int(content)
        case "L":
            return tuple(plain(entry) for entry in content)
        case "M":
            return {name: plain(entry) for name, entry in content.items()}
        case _:
            return content


def to_item(key: Key, fields: Mapping[str, Any], *, version: int | None = None) -> Item:
    """An item; fields that are None are left out."""
    kept = {name: value for name, value in fields.items() if value is not None}
    if version is not None:
        kept["v"] = version
    return {name: attribute(value) for name, value in ({"PK": key[0], "SK": key[1]} | kept).items()}


def fields_of(item: Item) -> dict[str, Any]:
    """The plain fields of an item, without its keys."""
    return {name: plain(value) for name, value in item.items() if name not in ("PK", "SK")}


def key_of(item: Item) -> Key:
    return item["PK"]["S"], item["SK"]["S"]


def version_of(item: Item) -> int:
    return int(item["v"]["N"])


def project_key(project_id: str) -> Key:
    return f"PROJECT#{project_id}", "PROJECT"


def endpoint_key(project_id: str, endpoint_id: str) -> Key:
    return f"PROJECT#{project_id}", f"ENDPOINT#{endpoint_id}"


def data_key_key(project_id: str, generation: int) -> Key:
    return f"PROJECT#{project_id}", f"DATAKEY#{generation:08d}"


def tombstone_key(project_id: str, endpoint_id: str) -> Key:
    return f"PROJECT#{project_id}", f"DELETED#{endpoint_id}"


def subscription_key(project_id: str, subscription_id: str) -> Key:
    return f"PROJECT#{project_id}", f"SUBSCRIPTION#{subscription_id}"


def owned_key(project_id: str, endpoint_id: str, subscription_id: str) -> Key:
    return f"ENDPOINT#{project_id}#{endpoint_id}", f"SUBSCRIPTION#{subscription_id}"


def purge_key(project_id: str, endpoint_id: str) -> Key:
    return "PURGES", f"{project_id}#{endpoint_id}"


def stop_key(project_id: str, endpoint_id: str) -> Key:
    return "STOPS", f"{project_id}#{endpoint_id}"


def key_lookup_key(key_id: str) -> Key:
    return f"KEY#{key_id}", "KEY"


def listed_key_key(project_id: str, key_id: str) -> Key:
    return f"PROJECT#{project_id}", f"KEY#{key_id}"


def stamp_key(project_id: str) -> Key:
    return f"CHANGES#{project_id}", STAMP


def change_key(project_id: str, version: int) -> Key:
    return f"CHANGES#{project_id}", f"{version:016d}"


def project_item(project: Project) -> Item:
    fields = {
        "name": project.name,
        "created_ms": project.created_ms,
        "shards": project.shards,
        "allow_http": project.allow_http,
        "retention_days": project.retention_days,
        "failure_retention_days": project.failure_retention_days,
        "redact_actual": project.redact_actual,
        "notifications": _choice_fields(project.notifications),
    }
    return to_item(project_key(project.id), fields, version=project.version)


def _choice_fields(choice: NotificationChoice) -> dict[str, Any] | None:
    """None for the default, which older items do not have either."""
    if choice == DEFAULT_CHOICE:
        return None
    kinds = {} if choice.kinds is None else {"kinds": choice.kinds}
    return kinds | {"endpoint_ids": choice.endpoint_ids}


def project_of(item: Item) -> Project:
    fields = fields_of(item)
    fields["notifications"] = NotificationChoice(**fields.get("notifications", {}))
    return Project(id=item["PK"]["S"].partition("#")[2], version=fields.pop("v"), **fields)


def key_items(key: StoredKey) -> list[Item]:
    """The two items of a key. A key is never changed, so both stay at version 1."""
    fields = {
        "project_id": key.project_id,
        "name": key.name,
        "secret_sha256": key.secret_sha256,
        "scopes": sorted(key.scopes),
        "revoked_at": key.revoked_at,
        "expires_at": key.expires_at,
    }
    return [
        to_item(place, fields, version=1)
        for place in (key_lookup_key(key.key_id), listed_key_key(key.project_id, key.key_id))
    ]


def stored_key_of(item: Item) -> StoredKey:
    fields = fields_of(item)
    del fields["v"]
    holder = item["PK"]["S"] if item["SK"]["S"] == "KEY" else item["SK"]["S"]
    scopes = frozenset(fields.pop("scopes"))
    return StoredKey(key_id=holder.partition("#")[2], scopes=scopes, **fields)


def subscription_item(subscription: Subscription) -> Item:
    fields = {
        "endpoint_id": subscription.endpoint_id,
        "created_ms": subscription.created_ms,
        "updated_ms": subscription.updated_ms,
        "event_types": subscription.event_types,
        "filter_text": subscription.filter_text,
        "event_pattern_text": subscription.event_pattern_text,
        "state": subscription.state,
        "description": subscription.description,
    }
    key = subscription_key(subscription.project_id, subscription.id)
    return to_item(key, fields, version=subscription.version)


def subscription_of(item: Item) -> Subscription:
    fields = fields_of(item)
    return Subscription(
        id=item["SK"]["S"].partition("#")[2],
        project_id=item["PK"]["S"].partition("#")[2],
        version=fields.pop("v"),
        **fields,
    )


def change_item(project_id: str, change: Changes, expires_s: int) -> Item:
    fields = {
        "upserts": [_row_fields(row) for row in change.upserts] or None,
        "removed": change.removed or None,
        "endpoints_disabled": change.endpoints_disabled or None,
        "endpoints_enabled": change.endpoints_enabled or None,
        "x": expires_s,
    }
    return to_item(change_key(project_id, change.version), fields)


def change_of(item: Item) -> Changes:
    fields = fields_of(item)
    del fields["x"]
    rows = tuple(_row(entry) for entry in fields.pop("upserts", ()))
    return Changes(version=int(item["SK"]["S"]), upserts=rows, **fields)


def _row_fields(row: MatchRow) -> dict[str, Any]:
    fields = {
        "id": row.subscription_id,
        "endpoint": row.endpoint_id,
        "types": tuple(row.event_types),
        "enabled": row.enabled,
    }
    return fields if row.filter_text is None else fields | {"filter": row.filter_text}


def _row(fields: Mapping[str, Any]) -> MatchRow:
    """Imported here: only rooms that match, or change what matches, load matching."""
    from hooktrace.domain.matching import MatchRow

    return MatchRow(
        subscription_id=fields["id"],
        endpoint_id=fields["endpoint"],
        event_types=fields["types"],
        filter_text=fields.get("filter"),
        enabled=fields["enabled"],
    )
