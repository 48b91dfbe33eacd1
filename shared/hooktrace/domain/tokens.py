"""Access tokens by OAuth 2.0 client credentials: the request for one, and what its answer says.

Source: RFC 6749 §4.4 and §5. Nothing of an answer is recorded but its status and, of an error,
the code when it is one that the RFC knows: everything else could hold what must not be shown.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote_plus, urlencode

from hooktrace.domain.attempts import AttemptOutcome, OutgoingRequest, RawAnswer, SendResult
from hooktrace.domain.confidential import opened
from hooktrace.domain.endpoint_auth import ClientCredentials, basic_header

DEFAULT_LIFE_SECONDS = 300
"""How long a token is used whose answer does not say how long it lives."""
LONGEST_LIFE_SECONDS = 86_400
MARGIN_SECONDS = 30
"""A token is used until so long before its end (at most half its life): an attempt takes time."""
MAX_TOKEN_CHARACTERS = 16_384

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_DIGITS = re.compile(r"[0-9]{1,12}")
_ERRORS = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
        "access_denied",
        "temporarily_unavailable",
        "server_error",
    }
)


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token, when it was asked for, and until when it is used (Unix ms)."""

    value: str = field(repr=False)
    taken_ms: int
    until_ms: int


def token_request(
    credentials: ClientCredentials, *, timeout_seconds: float, allow_http: bool
) -> OutgoingRequest:
    """The request for a token. `credentials` are opened."""
    secret = opened(credentials.client_secret)
    form = {"grant_type": "client_credentials"}
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "accept": "application/json",
    }
    if credentials.auth_style == "basic":
        headers["authorization"] = basic_header(
            quote_plus(credentials.client_id), quote_plus(secret)
        )
    else:
        form |= {"client_id": credentials.client_id, "client_secret": secret}
    if credentials.scope is not None:
        form["scope"] = credentials.scope
    if credentials.audience is not None:
        form["audience"] = credentials.audience
    return OutgoingRequest(
        url=credentials.token_url,
        headers=tuple(headers.items()),
        body=urlencode(form).encode("ascii"),
        timeout_seconds=timeout_seconds,
        allow_http=allow_http,
    )


def read_token(answer: RawAnswer, asked_ms: int) -> Token | SendResult:
    """The token that a token endpoint gave, or the result of the attempt that got none."""
    result = answer.result
    if result.status is None:
        return no_token(result, f"The token endpoint: {result.reason}")
    said = _json(answer.body)
    if result.outcome is not AttemptOutcome.SUCCESS:
        error = said.get("error")
        known = f" ({error})" if isinstance(error, str) and error in _ERRORS else ""
        words = result.reason.removeprefix("The endpoint answered ").split(";")[0].rstrip(".")
        return no_token(result, f"The token endpoint answered {words}{known}.")
    value, kind = said.get("access_token"), said.get("token_type", "bearer")
    if not isinstance(value, str) or len(value) > MAX_TOKEN_CHARACTERS:
        return _unreadable(result, "its answer holds no access_token")
    if _TOKEN.fullmatch(value) is None:
        return _unreadable(result, "its access_token is no bearer token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        return _unreadable(result, "its token is not of the type bearer")
    life = _life_seconds(said.get("expires_in"))
    used = life - min(MARGIN_SECONDS, life / 2)
    return Token(value, asked_ms, asked_ms + round(used * 1000))


def no_token(result: SendResult, sentence: str) -> SendResult:
    """An attempt that ended at the token endpoint, so that the endpoint saw no request.

    Its status is none: that of a token endpoint must not be taken for the endpoint's own.
    """
    return replace(
        SendResult(result.outcome, f"{sentence} No request was made to the endpoint."),
        address=result.address,
        duration_ms=result.duration_ms,
        parts_ms=result.parts_ms,
        phase="token",
    )


def _unreadable(result: SendResult, why: str) -> SendResult:
    failed = replace(result, outcome=AttemptOutcome.PROTOCOL_ERROR)
    return no_token(failed, f"The token endpoint answered {result.status}, but {why}.")


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _life_seconds(said: Any) -> float:
    """`expires_in` as a number; some servers send it as text."""
    if isinstance(said, str) and _DIGITS.fullmatch(said):
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int | float) or not said >= 0:
        return DEFAULT_LIFE_SECONDS
    return min(said, LONGEST_LIFE_SECONDS)
