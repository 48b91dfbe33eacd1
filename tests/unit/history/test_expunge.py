"""An event's data is taken away: everywhere, whatever is under way, and for good."""

from __future__ import annotations

import base64
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from hooktrace.adapters.items import Item, unpack_rows
from hooktrace.adapters.tables import Page
from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest
from hooktrace.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from hooktrace.domain.events import EventRecord
from hooktrace.domain.ids import KeyId, ProjectId
from hooktrace.domain.registry import Endpoint
from hooktrace.domain.states import DeliveryStatus, EventStatus
from hooktrace.ports import Write
from tests.fakes import WorkerDied, answer
from tests.unit.listing.room import Room
from tests.world import World

KEY = KeyId("key_01M3250V00YPRPA8JAB2VS3WER")
OTHER = KeyId("key_01M3250V00YPRPA8JAB2VS3WES")
SECRET = "jo@example.com"
DATA = b'{"email": "jo@example.com", "n": 1}'


def expunge(world: World, event: EventRecord, key: KeyId = KEY) -> EventRecord:
    return world.expunging().run(ProjectId(event.project_id), event.id, key)


def stored(world: World) -> Iterator[str]:
    """Everything that the table and the object store hold now, in clear."""
    for item in world.table._items.values():
        yield from _clear(item)
    for content in world.blobs.objects.values():
        yield zlib.decompress(content).decode()


def _clear(item: Item) -> Iterator[str]:
    for name, value in item.items():
        if "B" not in value:
            yield str(value)
            continue
        try:
            yield zlib.decompress(bytes(value["B"])).decode()
        except zlib.error:
            yield f"{name}: {base64.b64encode(bytes(value['B'])).decode()}"


def quoted(world: World) -> list[str]:
    return [text for text in stored(world) if SECRET in text]


def quoting(request: OutgoingRequest) -> Any:
    """An endpoint that answers with what it got, in body and headers."""
    headers = (("location", f"/people/{SECRET}"),)
    return replace(
        answer(500), response_body=request.body.decode()[:1000], response_headers=headers
    )


def large(size: int) -> bytes:
    return (
        b'{"email": "jo@example.com", "x": "'
        + random.Random(1).randbytes(size).hex().encode()
        + b'"}'
    )


@pytest.mark.parametrize("data", [DATA, large(2_000), large(400_000)], ids=["E", "B", "S3"])
def test_nothing_of_the_data_is_left_and_the_trace_is(world: World, data: bytes) -> None:
    endpoint = world.endpoint(retry_schedule=(1,))
    world.sender.script[endpoint.url] = [quoting, 200]
    world.subscription(endpoint)
    world.subscription(world.endpoint(), filter_text='{"data.email": {"$eq": "nobody"}}')
    event = world.ingest(data, headers={"x-who": SECRET})
    world.run_for(10)
    assert quoted(world)
    before = world.trace(event)
    assert before.event.status is EventStatus.SUCCEEDED
    assert before.event.report is not None
    assert before.event.report["near_misses"][0]["clauses"][0]["actual"] == SECRET

    after = expunge(world, event)
    assert quoted(world) == []
    assert world.blobs.objects == {}
    trace = world.trace(event)
    assert (trace.payload, trace.event.expunged_by) == (None, KEY)
    assert trace.event.expunged_ms == after.expunged_ms == world.clock.ms
    assert trace.event.status is EventStatus.SUCCEEDED
    assert trace.event.report is not None
    (clause,) = trace.event.report["near_misses"][0]["clauses"]
    assert clause == {
        "path": "data.email",
        "operator": "$eq",
        "expected": "nobody",
        "clause": "/data.email/$eq",
        "reason": "value",
    }
    (delivery,) = trace.deliveries
    outcomes = [(one.outcome, one.status, one.response_body) for one in delivery.attempts]
    assert outcomes == [("http_error", 500, ""), ("success", 200, "")]
    assert delivery.attempts[0].response_bytes == before.deliveries[0].attempts[0].response_bytes


@pytest.mark.parametrize("page", [7, 1_000], ids=["1 MB", "limit"])
def test_every_answer_on_the_shelf_is_expunged_however_many(
    world: World, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """DynamoDB ends a page where it likes, at 1 MB of answers for one."""
    endpoint = world.endpoint(retry_schedule=())
    world.sender.script[endpoint.url] = [quoting]
    world.subscription(endpoint)
    event = world.ingest(DATA)
    world.run()
    (record,) = world.trace(event).deliveries
    (attempt,) = record.attempts
    numbers = range(1, 1_204)
    world.ledger.shelve(record, [replace(attempt, number=one) for one in numbers])
    last = replace(attempt, number=1_204)
    longer = replace(record, attempts=(last,), attempts_total=1_204, version=record.version + 1)
    world.ledger.write([Write(longer, record)])
    whole = world.table.range

    def short(*where: Any, limit: int, **how: Any) -> Page:
        return whole(*where, limit=min(limit, page), **how)

    monkeypatch.setattr(world.table, "range", short)
    assert len(quoted(world)) > 1_204
    expunge(world, event)
    assert quoted(world) == []
    shelved = world.ledger.shelved(longer, limit=2_000)
    assert [one.number for one in shelved] == list(numbers)
    some = world.ledger.shelved(longer, limit=10, before=500)
    assert [one.number for one in some] == list(range(490, 500))


def test_the_same_call_again_has_the_same_answer(world: World) -> None:
    event = world.ingest(DATA)
    world.run()
    first = expunge(world, event)
    world.clock.advance(60)
    again = expunge(world, event, OTHER)
    assert (again.expunged_ms, again.expunged_by) == (first.expunged_ms, KEY)
    assert again == first


def test_an_event_that_is_not_matched_yet_fails_and_its_message_does_nothing(world: World) -> None:
    world.subscription(world.endpoint())
    event = world.ingest(DATA)
    expunge(world, event)
    assert world.trace(event).event.status is EventStatus.FAILED
    world.run_for(600, step=10)
    trace = world.trace(event)
    assert (trace.event.status, trace.event.reason) == (EventStatus.FAILED, "data_expunged")
    assert (trace.deliveries, world.sender.requests, quoted(world)) == ((), [], [])


def test_what_is_pending_is_cancelled_before_its_message_comes(world: World) -> None:
    for name in "ab":
        world.subscription(world.endpoint(f"http://127.0.0.1:9/{name}"))
    event = world.ingest(DATA)
    world.match_once()
    assert len(world.deliver_queue.messages) == 2  # both carry the data
    expunge(world, event)
    world.run()
    trace = world.trace(event)
    assert {(d.status, d.reason) for d in trace.deliveries} == {("cancelled", "data_expunged")}
    assert trace.event.status is EventStatus.FAILED
    assert world.sender.requests == []


def test_a_delivery_that_waits_for_its_retry_makes_none(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(5,))
    world.sender.script[endpoint.url] = [quoting, 200]
    world.subscription(endpoint)
    event = world.ingest(DATA)
    world.run()
    assert world.trace(event).deliveries[0].status is DeliveryStatus.RETRYING
    expunge(world, event)
    world.run_for(30)
    (delivery,) = world.trace(event).deliveries
    assert (delivery.status, delivery.reason) == (DeliveryStatus.CANCELLED, "data_expunged")
    assert len(world.sender.requests) == 1
    assert quoted(world) == []


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (quoting, DeliveryStatus.CANCELLED),
        (
            lambda r: replace(
                answer(200),
                outcome=AttemptOutcome.PROTOCOL_ERROR,
                status=None,
                reason=f"The endpoint sent {r.body!r}.",
            ),
            DeliveryStatus.CANCELLED,
        ),
        (lambda r: replace(answer(200), response_body=r.body.decode()), DeliveryStatus.SUCCEEDED),
    ],
)
def test_an_attempt_in_flight_ends_and_is_recorded_without_the_answer(
    world: World, result: Callable[[OutgoingRequest], Any], status: DeliveryStatus
) -> None:
    endpoint = world.endpoint()
    world.subscription(endpoint)
    event = world.ingest(DATA)

    def meanwhile(request: OutgoingRequest) -> Any:
        expunge(world, event)
        return result(request)

    world.sender.script[endpoint.url] = [meanwhile, 200]
    world.run_for(120)
    (delivery,) = world.trace(event).deliveries
    assert delivery.status is status
    assert delivery.attempts_total == len(world.sender.requests) == 1
    assert quoted(world) == []


def test_a_worker_that_dies_in_flight_is_followed_by_no_attempt(world: World) -> None:
    endpoint = world.endpoint()
    world.subscription(endpoint)
    event = world.ingest(DATA)

    def dies(_: OutgoingRequest) -> Any:
        expunge(world, event)
        raise WorkerDied

    world.sender.script[endpoint.url] = [dies, 200]
    with pytest.raises(WorkerDied):
        world.run()
    world.run_for(600, step=5)
    (delivery,) = world.trace(event).deliveries
    assert (delivery.status, delivery.reason) == (DeliveryStatus.CANCELLED, "data_expunged")
    assert [one.outcome for one in delivery.attempts] == ["worker_lost"]
    assert len(world.sender.requests) == 1


def test_attempts_on_the_shelf_lose_their_answers_too(world: World) -> None:
    endpoint = world.endpoint(retry_schedule=(1,) * 15)
    world.sender.script[endpoint.url] = [quoting]
    world.subscription(endpoint)
    event = world.ingest(DATA)
    world.run_for(60)
    (delivery,) = world.trace(event).deliveries
    assert delivery.attempts_total == 16 > len(delivery.attempts)
    expunge(world, event)
    assert quoted(world) == []
    whole = world.reader().delivery(ProjectId(event.project_id), delivery.id)
    assert whole is not None
    assert [one.number for one in whole.attempts] == list(range(1, 17))


def test_retry_and_replay_are_refused_and_lists_still_show_it(world: World, room: Room) -> None:
    endpoint = world.endpoint(retry_schedule=())
    world.sender.script[endpoint.url] = [500]
    world.subscription(endpoint)
    event = world.ingest(DATA)
    world.run()
    expunge(world, event)
    world.run()
    project = ProjectId(event.project_id)
    with pytest.raises(Conflict) as refused:
        world.steering().retry(project, world.trace(event).deliveries[0].id, KEY, force=True)
    assert refused.value.code == "data_expunged"
    with pytest.raises(Conflict) as refused:
        world.replaying().run(project, event.id, KEY)
    assert refused.value.code == "data_expunged"
    assert len(world.sender.requests) == 1

    shown = room.get(f"/v1/events/{event.id}").json
    assert (shown["data"], shown["headers"], shown["data_expunged_by"]) == (None, {}, KEY)
    assert shown["data_expunged_at"] is not None
    assert room.walk("/v1/events", status="failed") == [event.id]


def test_a_retry_at_the_same_moment_loses_to_it(world: World) -> None:
    """It was decided on what it read; its write comes after the expunge, and is refused."""
    endpoint = world.endpoint(retry_schedule=())
    world.sender.script[endpoint.url] = [500]
    world.subscription(endpoint)
    event = world.ingest(DATA)
    world.run()
    delivery = world.trace(event).deliveries[0].id

    def first(_: object) -> None:
        world.table.before_write = lambda _: None
        expunge(world, event)

    world.table.before_write = first
    with pytest.raises(Conflict) as refused:
        world.steering().retry(ProjectId(event.project_id), delivery, KEY, force=False)
    assert refused.value.code == "data_expunged"
    world.run_for(300, step=10)
    assert len(world.sender.requests) == 1


def test_the_same_event_sent_again_under_its_key_stores_nothing(world: World) -> None:
    data = large(2_000)
    event = world.ingest(data, idempotency_key="k")
    world.run()
    expunge(world, event)
    assert world.ingest(data, idempotency_key="k").id == event.id
    world.run()
    assert quoted(world) == []
    with pytest.raises(InvalidInput, match="another body"):
        world.ingest(b"{}", idempotency_key="k")


@pytest.mark.parametrize("dies_after", range(3))
def test_a_call_that_was_cut_off_is_completed_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch, dies_after: int
) -> None:
    for name in "ab":
        endpoint = world.endpoint(f"http://127.0.0.1:9/{name}", retry_schedule=(3_600,))
        world.sender.script[endpoint.url] = [quoting]
        world.subscription(endpoint)
    event = world.ingest(large(400_000))
    world.run()
    left = [dies_after]

    def cut(_: object) -> None:
        if not left[0]:
            raise Unavailable("cut off")
        left[0] -= 1

    with monkeypatch.context() as faults:
        faults.setattr(world.table, "before_write", cut)
        faults.setattr(world.blobs, "delete", cut)
        with pytest.raises(Unavailable):
            expunge(world, event)
    done = expunge(world, event)
    assert quoted(world) == []
    assert {d.status for d in world.trace(event).deliveries} == {DeliveryStatus.CANCELLED}
    assert done.expunged_by == KEY


def test_what_is_not_there_is_not_found(world: World) -> None:
    event = world.ingest(DATA)
    world.run()
    other = ProjectId(world.new_project("other").id)
    for project, text in (
        (other, event.id),
        (ProjectId(event.project_id), "evt_x"),
        (ProjectId(event.project_id), "evt_01M3250V00YPRPA8JAB2VS3201"),
    ):
        with pytest.raises(NotFound):
            world.expunging().run(project, text, KEY)
    world.clock.advance(31 * 86_400)
    with pytest.raises(NotFound):
        expunge(world, event)


def test_a_fan_out_beyond_a_page_of_the_plan_is_expunged_whole(world: World) -> None:
    endpoints: list[Endpoint] = []
    for number in range(120):
        endpoints.append(world.endpoint(f"http://127.0.0.1:9/{number}"))
        world.subscription(endpoints[-1])
    event = world.ingest(DATA)
    world.match_once()
    expunge(world, event)
    world.run()
    assert world.sender.requests == []
    shown = [*world.trace(event).deliveries]
    second = world.reader().event(ProjectId(event.project_id), event.id, start=100)
    assert second is not None
    shown += second.deliveries
    assert [d.reason for d in shown] == ["data_expunged"] * 120


def test_notifications_and_stream_records_hold_no_data(world: World) -> None:
    world.subscription(world.endpoint(), filter_text='{"data.email": {"$eq": "nobody"}}')
    event = world.ingest(DATA)
    world.run()
    world.table.stream.clear()
    expunge(world, event)
    images = [record["dynamodb"]["NewImage"] for record in world.table.stream]
    assert [SECRET in text for image in images for text in _clear(image)].count(True) == 0
    assert unpack_rows(bytes(images[0]["r"]["B"]))[0]["m"] == 0


def test_other_events_keep_their_data(world: World) -> None:
    one, other = world.ingest(DATA), world.ingest(DATA)
    world.run()
    expunge(world, one)
    payload = world.trace(other).payload
    assert payload is not None
    assert payload.data == DATA
