"""The schedule, its jitter, and `Retry-After` in the wild."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from hooktrace.domain.retry import DEFAULT_SCHEDULE, RetryPolicy, parse_retry_after

NOW_MS = 1_790_000_000_000


def delay(
    step: int,
    *,
    status: int | None = 500,
    after: str | None = None,
    chance: float = 0.5,
    schedule: tuple[int, ...] = (60, 60),
) -> float | None:
    return RetryPolicy(schedule).delay_seconds(
        step, status=status, retry_after=after, now_ms=NOW_MS, chance=chance
    )


def test_the_default_schedule_is_that_of_standard_webhooks() -> None:
    hours = [0, 0, 0.5, 2, 5, 10, 14, 20, 24]
    assert [s // 1800 / 2 for s in DEFAULT_SCHEDULE] == hours
    assert DEFAULT_SCHEDULE[:2] == (5, 300)


def test_jitter_stays_within_a_tenth() -> None:
    assert delay(0, chance=0.0) == pytest.approx(54)
    assert delay(0, chance=1.0) == pytest.approx(66)
    assert delay(2) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("5", 60),
        ("0", 60),
        ("-5", 60),
        ("1.5", 60),
        ("", 60),
        ("soon", 60),
        ("99999999999", 86_400),
        (formatdate(NOW_MS / 1000 + 300, usegmt=True), 300),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 60),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("１２０", 60),
        ("9" * 5_000, 86_400),
        ("120, 300", 300),  # several headers, as the endpoint and a proxy make them
        ("300,\t120", 300),
        ("120, soon", 60),
        ("120,", 60),
        ("+120", 60),
        ("1e3", 60),
        (formatdate(NOW_MS / 1000 - 300, usegmt=True), 60),
        (formatdate(NOW_MS / 1000 + 300, usegmt=True).replace("GMT", "+0000"), 300),
        ("Monday, 21-Sep-26 13:18:20 GMT", 60),
        ("Mon, 21 Sep 2026 13:18:20 -2400", 60),
    ],
)
def test_fc_35_retry_after_in_the_wild(value: str, seconds: float) -> None:
    assert delay(0, status=503, after=value) == pytest.approx(seconds, abs=1)
    assert delay(0, status=429, after=value) == pytest.approx(seconds, abs=1)


def test_retry_after_counts_on_throttling_answers_only() -> None:
    assert delay(0, status=500, after="600") == pytest.approx(60)


def test_a_throttling_answer_without_it_waits_half_a_minute() -> None:
    assert delay(0, status=503, schedule=(1,)) == 30
    assert delay(0, status=500, schedule=(1,)) == pytest.approx(1)


@pytest.mark.parametrize("value", [None, "Wed, 99 Foo 2015", "Mon", "A" * 5000, "Fri, 31 Dec 9999"])
def test_unreadable_values_are_no_wish(value: str | None) -> None:
    assert parse_retry_after(value, now_ms=NOW_MS) is None


def test_410_and_the_endpoints_own_statuses_are_final() -> None:
    policy = RetryPolicy(permanent_statuses=frozenset({404}))
    assert policy.ends(410)
    assert policy.ends(404)
    assert not policy.ends(400)
    assert not policy.ends(None)
