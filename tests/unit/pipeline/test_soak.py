"""The soak, small: what the traces say is what the endpoints saw, whatever goes wrong."""

from __future__ import annotations

import pytest

from tests.soak import Soak


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_lost_and_nothing_stays_under_way(seed: int) -> None:
    soak = Soak(seed, events=60)
    soak.run()
    counts = soak.check()
    assert len(soak.sent) == 60
    assert counts["workers died"] > 0
    assert sum(n for name, n in counts.items() if name.startswith("delivery ")) == 300
