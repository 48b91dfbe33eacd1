"""Send requests with what the endpoint wants to see of us, and record nothing of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock

from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest, SendResult
from hooktrace.domain.endpoint_auth import ClientCredentials
from hooktrace.domain.outgoing import UNAUTHORIZED
from hooktrace.domain.redaction import redacted
from hooktrace.domain.tokens import Token, no_token, read_token, token_request
from hooktrace.ports import Clock, Fetcher, Sender

MAX_TOKENS = 1_000
"""Tokens that one environment keeps; the one unused for longest makes room."""
LEAST_SECONDS = 0.05
"""With less than this left of an attempt's time no request is begun."""


@dataclass(slots=True)
class _Slot:
    """The token of one client; who holds the lock is taking a new one."""

    lock: Lock = field(default_factory=Lock)
    token: Token | None = None


class AuthorizedSender:
    """A `Sender` before the real one; safe to use from many threads at once.

    A token is kept until shortly before its end. An answer of 401 drops it: that attempt is
    recorded as it is, and the next one takes a new token. It is not sent again by itself, for
    each attempt on the record is at most one request at the endpoint. The attempt's one deadline
    holds for token and request together. `monotonic` is in seconds.
    """

    def __init__(
        self,
        sender: Sender,
        fetcher: Fetcher,
        *,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._sender = sender
        self._fetcher = fetcher
        self._clock = clock
        self._monotonic = monotonic
        self._slots: OrderedDict[tuple[str, ClientCredentials], _Slot] = OrderedDict()
        self._slots_lock = Lock()

    def send(self, request: OutgoingRequest) -> SendResult:
        """Makes the request, with a token if it needs one."""
        credentials = request.credentials
        if credentials is None:
            return redacted(self._sender.send(request), request.never_recorded)
        started = self._monotonic()
        slot = self._slot(request.endpoint_id, credentials)
        token = self._token(slot, request, credentials)
        spent = self._monotonic() - started
        if isinstance(token, SendResult):
            return redacted(token, request.never_recorded)
        left = request.timeout_seconds - spent
        if left < LEAST_SECONDS:
            return _too_late(request, spent)
        result = self._sender.send(
            replace(
                request,
                headers=(*request.headers, ("authorization", f"Bearer {token.value}")),
                timeout_seconds=left,
            )
        )
        if result.status == UNAUTHORIZED:
            self._drop(slot, token)
        return redacted(_with_token_time(result, spent), (*request.never_recorded, token.value))

    def _slot(self, endpoint_id: str, credentials: ClientCredentials) -> _Slot:
        key = (endpoint_id, credentials)
        with self._slots_lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            if len(self._slots) > MAX_TOKENS:
                self._slots.popitem(last=False)
        return slot

    def _token(
        self, slot: _Slot, request: OutgoingRequest, credentials: ClientCredentials
    ) -> Token | SendResult:
        """The token that is kept, or a new one. While one thread takes it, the others wait."""
        began = self._monotonic()
        if not slot.lock.acquire(timeout=request.timeout_seconds):
            return _too_late(request, self._monotonic() - began)
        try:
            kept, now_ms = slot.token, self._clock.now_ms()
            if kept and now_ms < kept.until_ms and kept.taken_ms >= request.token_after_ms:
                return kept
            left = request.timeout_seconds - (self._monotonic() - began)
            if left < LEAST_SECONDS:
                return _too_late(request, self._monotonic() - began)
            asked = token_request(credentials, timeout_seconds=left, allow_http=request.allow_http)
            answer = read_token(self._fetcher.fetch(asked), now_ms)
            slot.token = answer if isinstance(answer, Token) else None
            return answer
        finally:
            slot.lock.release()

    def _drop(self, slot: _Slot, refused: Token) -> None:
        # No lock: who holds it may be waiting for a token; at worst a new one is taken once more.
        if slot.token is refused:
            slot.token = None


def _too_late(request: OutgoingRequest, spent: float) -> SendResult:
    timed_out = SendResult(AttemptOutcome.TIMEOUT, duration_ms=round(spent * 1000))
    limit = f"{request.timeout_seconds:.1f} s"
    return no_token(timed_out, f"Waiting for a token took the {limit} that the attempt has.")


def _with_token_time(result: SendResult, spent: float) -> SendResult:
    milliseconds = round(spent * 1000)
    if not milliseconds:
        return result
    return replace(
        result,
        duration_ms=result.duration_ms + milliseconds,
        parts_ms={"token": milliseconds} | dict(result.parts_ms),
    )
