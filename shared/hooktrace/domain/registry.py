"""The records of the registry: projects, endpoints, subscriptions, and what the matchers read.

Times are epoch milliseconds (`_ms`). Every record carries a `version` that rises by one with each
write; a write names the version it was made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from hooktrace.domain.confidential import Confidential, opened
from hooktrace.domain.endpoint_auth import EndpointAuth
from hooktrace.domain.errors import HooktraceError, InvalidInput
from hooktrace.domain.errors import NotFound as NotFound
from hooktrace.domain.notification_kinds import DEFAULT_CHOICE, NotificationChoice
from hooktrace.domain.times import rfc3339

if TYPE_CHECKING:
    from hooktrace.domain.matching import MatchRow

State = Literal["enabled", "disabled"]
DisabledReason = Literal["manual", "gone", "failing"]
Payload = Literal["envelope", "data"]
Scheme = Literal["v1", "v1a"]
"""How requests are signed: HMAC-SHA256 with a shared secret, or Ed25519 with a key pair."""

SECRET_OVERLAP_MS = 24 * 3600 * 1000
"""How long the secret before a rotation still signs."""

MAX_SECRETS = 5
"""The secrets of one scheme that may sign one request: each adds a signature to its header."""

DEFAULT_TIMEOUT_SECONDS = 15
DEFAULT_RETENTION_DAYS = 30
DEFAULT_SHARDS = 4


class VersionConflict(HooktraceError):  # noqa: N818 - named for what it says
    """A conditional write lost: the record is no longer at the version the writer saw."""


@dataclass(frozen=True, slots=True)
class Project:
    """The unit of isolation. `redact_actual` keeps event values out of match reports.

    `failure_retention_days` is at least `retention_days`; None: the same.
    """

    id: str
    name: str
    created_ms: int
    shards: int = DEFAULT_SHARDS
    allow_http: bool = False
    retention_days: int = DEFAULT_RETENTION_DAYS
    failure_retention_days: int | None = None
    redact_actual: bool = False
    notifications: NotificationChoice = DEFAULT_CHOICE
    version: int = 1

    @property
    def failure_days(self) -> int:
        """How many days events are kept that failed, wholly or in part."""
        return max(self.retention_days, self.failure_retention_days or 0)


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A `whsec_` secret, or a `whsk_` private key with its `whpk_` public half.

    `expires_ms` is None for the current one of its scheme.
    """

    value: Confidential = field(repr=False)
    expires_ms: int | None = None
    public_key: str | None = None

    @property
    def scheme(self) -> Scheme:
        """The scheme that it signs by, as its public half shows also of a sealed one."""
        return "v1" if self.public_key is None else "v1a"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `requests` in any `seconds`."""

    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A customer's URL and how to deliver to it.

    `retry_schedule` holds the seconds between an attempt and the one after it, for the attempts
    after the first: `(5, 300)` means three attempts, `()` one, None the default schedule.
    `concurrency` is the most requests at the same time. `secrets` has the newest first; those of
    the schemes in `signatures` sign. `headers` are sent with every request as they stand, and so
    is what `auth` says. Their values, the secrets and what is confidential in `auth` are sealed
    wherever the endpoint is stored.
    """

    id: str
    project_id: str
    url: str
    created_ms: int
    updated_ms: int
    secrets: tuple[SigningSecret, ...]
    state: State = "enabled"
    disabled_reason: DisabledReason | None = None
    disabled_ms: int | None = None
    description: str = ""
    retry_schedule: tuple[int, ...] | None = None
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    rate_limit: RateLimit | None = None
    concurrency: int | None = None
    permanent_statuses: tuple[int, ...] = ()
    headers: tuple[tuple[str, Confidential], ...] = field(default=(), repr=False)
    payload: Payload = "envelope"
    metadata: Mapping[str, str] = field(default_factory=dict)
    signatures: tuple[Scheme, ...] = ("v1",)
    auth: EndpointAuth | None = None
    version: int = 1

    def signing_secrets(self, now_ms: int) -> tuple[str, ...]:
        """The secrets that sign at `now_ms`, newest first; expired ones are left out.

        Raises StillSealed unless the endpoint was opened.
        """
        return tuple(
            opened(secret.value)
            for secret in self.secrets
            if secret.scheme in self.signatures
            and (secret.expires_ms is None or secret.expires_ms > now_ms)
        )

    def current_secret(self, scheme: Scheme) -> SigningSecret | None:
        """The secret of a scheme that no rotation has begun to retire."""
        current = (s for s in self.secrets if s.scheme == scheme and s.expires_ms is None)
        return next(current, None)

    def enabled(self, now_ms: int) -> Endpoint:
        """This endpoint, taking deliveries again."""
        return self._with_state("enabled", None, None, now_ms)

    def disabled(self, reason: DisabledReason, now_ms: int) -> Endpoint:
        """This endpoint, taking no deliveries, and why."""
        return self._with_state("disabled", reason, now_ms, now_ms)

    def rotated(
        self, new: Iterable[SigningSecret], now_ms: int, *, overlap_ms: int | None = None
    ) -> Endpoint:
        """This endpoint with new secrets; those before sign too for `overlap_ms`.

        A scheme without a new secret keeps the one it has.

        By default that is `SECRET_OVERLAP_MS`, and secrets that an earlier rotation is still
        retiring keep their own expiry, so a second rotation does not take away a secret that a
        receiver was promised. An overlap that is asked for holds for these, too: none of them
        signs longer, and with 0 all end at once.
        Raises InvalidInput when more than `MAX_SECRETS` of a scheme would sign at once.
        """
        made = tuple(new)
        schemes = {secret.scheme for secret in made}
        until = now_ms + (SECRET_OVERLAP_MS if overlap_ms is None else overlap_ms)
        retired = (
            _retired(old, until, shorten=overlap_ms is not None) if old.scheme in schemes else old
            for old in self.secrets
        )
        kept = [one for one in retired if one.expires_ms is None or one.expires_ms > now_ms]
        for scheme in schemes:
            of_it = [one for one in kept if one.scheme == scheme]
            if len(of_it) >= MAX_SECRETS:
                ends_ms = min(one.expires_ms for one in of_it if one.expires_ms is not None)
                message = (
                    f"{MAX_SECRETS} secrets of this endpoint sign already. The next of them ends "
                    f"at {rfc3339(ends_ms)}; `overlap_seconds` ends them sooner."
                )
                raise InvalidInput("too_many_secrets", message)
        return replace(self, secrets=(*made, *kept), updated_ms=now_ms)

    def _with_state(
        self, state: State, reason: DisabledReason | None, since_ms: int | None, now_ms: int
    ) -> Endpoint:
        return replace(
            self, state=state, disabled_reason=reason, disabled_ms=since_ms, updated_ms=now_ms
        )


def _retired(old: SigningSecret, until_ms: int, *, shorten: bool) -> SigningSecret:
    """A secret that a rotation replaces: it ends then, or with its own earlier end."""
    if old.expires_ms is None or (shorten and old.expires_ms > until_ms):
        return replace(old, expires_ms=until_ms)
    return old


@dataclass(frozen=True, slots=True)
class Subscription:
    """What an endpoint wants to receive.

    `filter_text` is the JSON text that is matched; when the filter was given as an EventBridge
    pattern it is the converted filter, and `event_pattern_text` what was given.
    """

    id: str
    project_id: str
    endpoint_id: str
    created_ms: int
    updated_ms: int
    event_types: tuple[str, ...] = ("*",)
    filter_text: str | None = None
    event_pattern_text: str | None = None
    state: State = "enabled"
    description: str = ""
    version: int = 1

    def match_row(self) -> MatchRow:
        """The part of the subscription that matching needs.

        Imported here: most rooms read projects and endpoints only, and must not load matching.
        """
        from hooktrace.domain.matching import MatchRow

        return MatchRow(
            subscription_id=self.id,
            endpoint_id=self.endpoint_id,
            event_types=self.event_types,
            filter_text=self.filter_text,
            enabled=self.state == "enabled",
        )


@dataclass(frozen=True, slots=True)
class MatchingSet:
    """All that matching needs of one project, as of `version` or a little later.

    Rows may be newer than `version`; applying the changes after it again does no harm.
    """

    version: int
    rows: tuple[MatchRow, ...]
    disabled_endpoints: frozenset[str]


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed between a version and `version`, folded: each id stands in one place only."""

    version: int
    upserts: tuple[MatchRow, ...] = ()
    removed: tuple[str, ...] = ()
    endpoints_disabled: tuple[str, ...] = ()
    endpoints_enabled: tuple[str, ...] = ()


def fold_changes(version: int, steps: list[Changes]) -> Changes:
    """One `Changes` with the effect of `steps` in order; `version` when there are none."""
    rows: dict[str, MatchRow | None] = {}
    endpoints: dict[str, bool] = {}
    for step in steps:
        version = step.version
        rows.update((row.subscription_id, row) for row in step.upserts)
        rows.update(dict.fromkeys(step.removed))
        endpoints.update(dict.fromkeys(step.endpoints_disabled, False))
        endpoints.update(dict.fromkeys(step.endpoints_enabled, True))
    return Changes(
        version=version,
        upserts=tuple(row for row in rows.values() if row is not None),
        removed=tuple(sid for sid, row in rows.items() if row is None),
        endpoints_disabled=tuple(eid for eid, on in endpoints.items() if not on),
        endpoints_enabled=tuple(eid for eid, on in endpoints.items() if on),
    )
