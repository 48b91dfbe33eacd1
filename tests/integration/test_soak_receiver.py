"""A small soak over real sockets: attempts on the traces are requests at the receiver."""

from __future__ import annotations

import pytest

from tests.soak_receiver import soak


@pytest.mark.parametrize("seed", [1, 2])
def test_what_the_traces_say_is_what_the_receiver_saw(seed: int) -> None:
    counts = soak(seed, events=40)
    assert counts["workers died"] > 0
    assert counts["delivery succeeded"] + counts.get("delivery failed", 0) == 200
    assert 200 < counts["requests"] <= counts["attempts"]
