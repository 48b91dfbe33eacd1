"""A trace is shown whatever the endpoints answered, in pieces that fit into an answer (FC-26)."""

from __future__ import annotations

import json

from tests.fakes import answer
from tests.whole_api import WholeApi
from tests.world import World

ODD = "\\xff" * 1024
"""What is recorded of a body that is no text: each byte takes six where JSON stands in JSON."""


def test_fc_26_a_hundred_endpoints_with_odd_answers_are_shown_in_pieces() -> None:
    world = World()
    api = WholeApi(world)
    project, tokens = api.project("crowd")
    found = world.registry.projects.get_project(project)
    assert found is not None
    world.project = found
    for number in range(100):
        url = f"http://127.0.0.1:{9000 + number}/hook"
        world.subscription(world.endpoint(url, retry_schedule=(1,) * 9))
        world.sender.script[url] = [answer(500, response_body=ODD)]
    event = world.ingest(json.dumps('"' * 500_000).encode())
    world.run_for(15)
    path, query, shown = f"/v1/events/{event.id}", "", []
    for _ in range(10):
        trace = api.call("GET", path, token=tokens["read"], query=query)
        assert trace.status == 200
        assert len(json.dumps(trace.text).encode()) < 6_000_000
        shown += [one["id"] for one in trace.json["deliveries"]]
        more = trace.json["links"].get("more_deliveries")
        if more is None:
            break
        query = more.partition("?")[2]
    assert len(shown) == len(set(shown)) == 100
    assert len(trace.json["deliveries"][0]["attempts"]) == 10
