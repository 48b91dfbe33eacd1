"""Whatever an endpoint answers and whenever: it is disabled only after five days of nothing but
failures and a day after a warning, and each change is told once."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.endpoint_health import DAY_MS
from hooktrace.domain.registry import Endpoint
from hooktrace.usecases.endpoint_life import Seen
from tests.world import World

HOUR_MS = 3_600_000
GAPS = st.one_of(
    st.integers(0, 3 * HOUR_MS),
    st.integers(20 * HOUR_MS, 30 * HOUR_MS),
    st.integers(3 * DAY_MS, 12 * DAY_MS),
)
STEPS = st.lists(st.tuples(GAPS, st.sampled_from("fffffffse")), min_size=1, max_size=40)


@dataclass
class Story:
    """What happened to an endpoint so far, told apart from what is under test."""

    last_success_ms: int | None = None
    first_failure_ms: int | None = None
    disablings: list[int] = field(default_factory=list)


@given(STEPS)
def test_no_disabling_without_five_days_of_failures_and_a_day_of_warning(
    steps: list[tuple[int, str]],
) -> None:
    world = World()
    endpoint = world.endpoint()
    story = Story()
    for gap_ms, what in steps:
        world.clock.ms += gap_ms
        stands = _stands(world, endpoint)
        if what == "e" and stands.state == "disabled":
            world.registry.endpoints.replace_endpoint(stands.enabled(world.clock.ms), before=stands)
            story.first_failure_ms = None
        elif what == "s" and stands.state == "enabled":
            world.life().note([Seen(stands, AttemptOutcome.SUCCESS, 200)])
            story.first_failure_ms = None
        elif what == "f" and stands.state == "enabled":
            if story.first_failure_ms is None:
                story.first_failure_ms = world.clock.ms
            world.life().note([Seen(stands, AttemptOutcome.HTTP_ERROR, 500)])
            if _stands(world, endpoint).state == "disabled":
                assert world.clock.ms - story.first_failure_ms >= 5 * DAY_MS
                story.disablings.append(world.clock.ms)
    _check_told(world, story)


def _stands(world: World, endpoint: Endpoint) -> Endpoint:
    found = world.registry.endpoints.get_endpoint(endpoint.project_id, endpoint.id)
    assert found is not None
    return found


def _check_told(world: World, story: Story) -> None:
    """The told changes make sense one after the other, and none is told twice."""
    world.notify()
    told = [(one.kind.split(".")[1], one.at_ms) for one in world.told_of_endpoints]
    assert len({one.id for one in world.told_of_endpoints}) == len(told)
    assert [at for kind, at in told if kind == "disabled"] == story.disablings
    before, at_before = "recovered", 0
    for kind, at in told:
        may_follow = {
            "recovered": {"warned"},
            "warned": {"disabled", "recovered"},
            "disabled": {"warned", "recovered"},
        }
        assert kind in may_follow[before]
        if kind == "disabled":
            assert at - at_before >= DAY_MS
        before, at_before = kind, at
