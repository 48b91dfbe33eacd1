"""What an endpoint says of our secrets stays out of the record."""

from __future__ import annotations

import pytest

from hooktrace.domain.redaction import redacted
from tests.fakes import answer

SECRET = "0123456789abcdef"


def test_a_secret_is_masked_wherever_it_is_echoed() -> None:
    result = answer(
        400,
        reason=f"It said {SECRET}.",
        response_body=f'{{"authorization": "Bearer {SECRET}", "again": "{SECRET}"}}',
        response_headers=(("x-request-id", SECRET), ("date", "today")),
        retry_after=SECRET,
    )
    clean = redacted(result, [SECRET])
    assert SECRET not in repr(clean)
    assert clean.response_body == '{"authorization": "Bearer ***", "again": "***"}'
    assert clean.response_headers == (("x-request-id", "***"), ("date", "today"))


@pytest.mark.parametrize("length", [8, 12, 15])
def test_so_is_the_beginning_of_one_that_was_cut_off(length: int) -> None:
    result = answer(400, response_body="you sent " + SECRET[:length], response_truncated=True)
    assert redacted(result, [SECRET]).response_body == "you sent ***"


def test_a_secret_within_another_goes_with_it() -> None:
    result = answer(400, response_body=f"Bearer {SECRET}")
    assert redacted(result, [SECRET, f"Bearer {SECRET}"]).response_body == "***"


def test_short_values_and_other_answers_stay() -> None:
    result = answer(400, response_body="unknown team orders")
    assert redacted(result, ["orders", ""]) is result
    assert redacted(result, [SECRET]) == result
