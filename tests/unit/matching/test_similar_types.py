"""`did_you_mean`: types near to one that nobody takes, in bounded work, on the trace."""

from __future__ import annotations

import time

import pytest

from hooktrace.domain.filters import FilterEvent
from hooktrace.domain.matching import MatchRow, SubscriptionIndex
from hooktrace.domain.matching.similar_types import (
    MAX_COMPARED,
    MAX_PATTERNS,
    MAX_REMEMBERED,
    SimilarTypes,
)
from tests.whole_api import Answer, WholeApi
from tests.world import World

PATTERNS = ("order.created", "order.updated", "invoice.*", "*.deleted", "a.b", "user.**", "*")


def near(event_type: str, *patterns: str) -> tuple[str, ...]:
    return SimilarTypes(patterns or PATTERNS).nearest(event_type)


@pytest.mark.parametrize(
    ("event_type", "meant"),
    [
        ("order.creatd", "order.created"),  # a letter is missing
        ("order.creaated", "order.created"),  # stands twice
        ("order.creeted", "order.created"),  # is another
        ("order.cretaed", "order.created"),  # two changed places
        ("oder.creatd", "order.created"),  # one in each word
        ("orders.created", "order.created"),
        ("order.Created", "order.created"),
        ("ORDER.CREATED", "order.created"),
        ("ordercreated", "order.created"),  # the dot
        ("order_created", "order.created"),
        ("order..created", "order.created"),
        ("invoce.paid", "invoice.paid"),  # what stands for a star is taken over
        ("invoices.paid.late", "invoice.paid.late"),
        ("customer.delted", "customer.deleted"),
    ],
)
def test_what_may_have_been_meant(event_type: str, meant: str) -> None:
    assert near(event_type) == (meant,)


@pytest.mark.parametrize(
    "event_type",
    [
        "order.cancelled",
        "order.crxxxed",  # three letters
        "order",
        "order.created.twice",
        "a.c",  # so short a word is another word
        "users.created",  # `**` binds no place
        "x" * 128,
        "invoice",
    ],
)
def test_what_is_another_type_gets_no_hint(event_type: str) -> None:
    assert near(event_type) == ()


def test_words_of_up_to_five_letters_may_differ_by_one() -> None:
    assert near("order.paid", "order.void") == ()
    assert near("order.piad", "order.paid") == ("order.paid",)


def test_at_most_three_nearest_first_then_by_name() -> None:
    patterns = ("order.creates", "order.createx", "order.creator", "order.create", "order.treater")
    assert near("order.creater", *patterns) == ("order.create", "order.creates", "order.createx")


def row(name: str, *types: str, endpoint: str = "ep_1", enabled: bool = True) -> MatchRow:
    return MatchRow(f"sub_{name}", endpoint, types, None, enabled)


def hint(index: SubscriptionIndex, event_type: str) -> object:
    report = index.match(FilterEvent(event_type, {}, {})).report
    return report.to_json().get("did_you_mean")


def test_only_what_is_enabled_is_proposed_and_changes_are_seen() -> None:
    rows = [
        row("a", "order.created", endpoint="ep_off"),
        row("b", "order.created", enabled=False),
        row("c", "other.thing"),
    ]
    index = SubscriptionIndex.build(rows, ["ep_off"])
    assert hint(index, "order.creatd") is None
    index.apply([], [], [], ["ep_off"])
    assert hint(index, "order.creatd") == ["order.created"]
    index.apply([], ["sub_a"], [], [])
    assert hint(index, "order.creatd") is None
    index.apply([row("b", "order.created")], [], [], [])
    assert hint(index, "order.creatd") == ["order.created"]
    assert hint(SubscriptionIndex.loads(index.dumps()), "order.creatd") == ["order.created"]


def test_an_event_that_matches_has_none() -> None:
    index = SubscriptionIndex.build([row("a", "order.created"), row("b", "order.creatd")], ())
    report = index.match(FilterEvent("order.creatd", {}, {})).report
    assert (report.matched, report.misses["type"]) == (1, 1)
    assert "did_you_mean" not in report.to_json()


def test_the_work_is_bounded_and_a_type_asked_for_again_costs_nothing() -> None:
    """100 000 subscriptions, each with a type of its own that looks like all the others."""
    rows = [row(f"{n:06d}", f"order.created.{n:06d}") for n in range(100_000)]
    index = SubscriptionIndex.build(rows, ())
    found = hint(index, "order.creatd.000007")
    assert isinstance(found, list)
    assert (found[0], len(found)) == ("order.created.000007", 3)
    similar = index._similar
    assert similar is not None
    assert len(similar._known) == MAX_PATTERNS
    started = time.process_time()
    for number in range(100):
        similar.nearest(f"order.craeted.x{number:05d}")
    assert (time.process_time() - started) / 100 < 0.010  # 1 ms, on a machine that is busy
    started = time.process_time()
    for _ in range(10_000):
        similar.nearest("order.creatd.000007")
    assert (time.process_time() - started) / 10_000 < 0.000_05
    for number in range(MAX_REMEMBERED + 5):
        similar.nearest(f"x{number}")
    assert len(similar._remembered) <= MAX_REMEMBERED
    assert MAX_COMPARED < MAX_PATTERNS


def test_the_trace_and_a_strict_ingest_say_it_until_the_type_is_taken() -> None:
    api = WholeApi(World())
    _, tokens = api.project("shop")

    def call(method: str, path: str, body: object = None, query: str = "") -> Answer:
        return api.call(method, path, body, token=tokens["admin"], query=query)

    endpoint = call("POST", "/v1/endpoints", {"url": "http://127.0.0.1:9999/a"}).json["id"]
    body = {"endpoint_id": endpoint, "event_types": ["order.created"]}
    subscription = call("POST", "/v1/subscriptions", body).json["id"]
    event = {"type": "order.creatd", "data": {}}
    made = call("POST", "/v1/events", event).json["id"]
    taken = call("POST", "/v1/events", event | {"type": "order.created"}).json["id"]
    api.world.run()
    trace = call("GET", f"/v1/events/{made}").json
    assert (trace["status"], trace["match"]["did_you_mean"]) == ("discarded", ["order.created"])
    assert "did_you_mean" not in call("GET", f"/v1/events/{taken}").json["match"]
    strict = call("POST", "/v1/events", event, query="unmatched=reject")
    assert (strict.status, strict.json["match"]["did_you_mean"]) == (422, ["order.created"])
    body = {"event_types": ["order.created", "order.creatd"]}
    assert call("PATCH", f"/v1/subscriptions/{subscription}", body).status == 200
    assert call("POST", f"/v1/events/{made}/replay").status == 202
    api.world.run()
    assert "did_you_mean" not in call("GET", f"/v1/events/{made}").json["match"]
