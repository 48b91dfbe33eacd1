"""What an endpoint echoes of our secrets is not recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hooktrace.domain.attempts import SendResult
from hooktrace.domain.confidential import MASK

SHORTEST = 8
"""Shorter texts are left: masking them would take words out of answers that hold no secret."""


def redacted(result: SendResult, secrets: Iterable[str]) -> SendResult:
    """`result` with `***` for every secret in it, as it stands; also for one that was cut off."""
    texts = sorted({s for s in secrets if len(s) >= SHORTEST}, key=len, reverse=True)
    if not texts:
        return result
    return replace(
        result,
        reason=_masked(result.reason, texts),
        response_body=_masked(result.response_body, texts, cut=result.response_truncated),
        response_headers=tuple(
            (name, _masked(value, texts, cut=True)) for name, value in result.response_headers
        ),
        retry_after=None if result.retry_after is None else _masked(result.retry_after, texts),
    )


def _masked(text: str, secrets: list[str], *, cut: bool = False) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    if cut:
        for secret in secrets:
            for length in range(len(secret) - 1, SHORTEST - 1, -1):
                if text.endswith(secret[:length]):
                    return text[:-length] + MASK
    return text
