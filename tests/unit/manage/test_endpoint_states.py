"""Enabling, disabling and health over the API: what is answered, and what the entity tag is of."""

from __future__ import annotations

from hooktrace.adapters.memory.table import MemoryTable
from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.times import parse_rfc3339, rfc3339
from hooktrace.usecases.endpoint_life import Seen
from tests.unit.manage.room import Room, endpoint_desk


def fail(room: Room, endpoint_id: str) -> None:
    found = room.registry.endpoints.get_endpoint(room.projects["P"], endpoint_id)
    assert found is not None
    room.desks.endpoints.life.note([Seen(found, AttemptOutcome.HTTP_ERROR, 503)])


def test_health_is_read_with_the_endpoint_but_not_part_of_its_tag(room: Room) -> None:
    made = room.endpoint()
    where = f"/v1/endpoints/{made['id']}"
    before = room.call("GET", where, key="P:read")
    assert before.json["health"]["state"] == "untried"
    fail(room, made["id"])
    after = room.call("GET", where, key="P:read")
    health = after.json["health"]
    assert (health["state"], health["last_success_at"]) == ("failing", None)
    assert health["last_failure"]["outcome"] == "http_error"
    assert health["last_failure"]["status"] == 503
    assert health["last_failure"]["at"] == health["failing_since"]
    since_ms = parse_rfc3339(health["failing_since"])
    assert since_ms is not None
    assert health["disables_at"] == rfc3339(since_ms + 5 * 86_400_000)
    assert after.headers["etag"] == before.headers["etag"]
    same = room.call("GET", where, key="P:read", if_none_match=before.headers["etag"])
    assert (same.status, same.text) == (304, None)


def test_a_304_reads_no_health(room: Room) -> None:
    table = MemoryTable()
    desk = endpoint_desk(room.registry, room.clock, allow_loopback=False, table=table)
    vars(room.desks)["endpoints"] = desk
    made = room.endpoint()
    where = f"/v1/endpoints/{made['id']}"
    assert room.call("GET", where, if_none_match='"v1"').status == 304
    assert table.meter.counts["reads"] == 0
    assert room.call("GET", where).status == 200
    assert table.meter.counts["reads"] > 0


def test_enabling_says_how_to_retry_what_was_cancelled(room: Room) -> None:
    made = room.endpoint(retry_schedule=[3_600, 36_000])
    where = f"/v1/endpoints/{made['id']}"
    enabled_already = room.call("POST", f"{where}/enable")
    assert (enabled_already.status, enabled_already.json["retry_cancelled"]) == (200, None)
    disabled = room.call("POST", f"{where}/disable").json
    assert disabled["disabled_reason"] == "manual"
    enabled = room.call("POST", f"{where}/enable").json
    assert enabled["state"] == "enabled"
    disabled_ms = parse_rfc3339(disabled["disabled_at"])
    assert disabled_ms is not None
    oldest_ms = disabled_ms - round(39_600 * 1.1 * 1_000) - 3_600_000
    assert enabled["retry_cancelled"] == {
        "action": "retry",
        "filter": {
            "status": ["cancelled"],
            "endpoint_id": made["id"],
            "since": rfc3339(oldest_ms),
        },
    }


def test_lists_do_not_read_health(room: Room) -> None:
    room.endpoint()
    (only,) = room.call("GET", "/v1/endpoints").json["items"]
    assert "health" not in only
