"""What deliveries do to their endpoint: warned of when it only fails, disabled, well again.

The registry decides whether an endpoint is disabled; the ledger keeps how it fares, and its
stream tells what changes there. Whoever disables an endpoint writes (1) the registry, with a note
that its pending deliveries have to be looked for, and (2) the health in the ledger, which is what
notifications come from. A crash between them: sweep finds the note and does the second.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from hooktrace.domain.attempts import AttemptOutcome
from hooktrace.domain.endpoint_health import (
    DAY_MS,
    EndpointHealth,
    Failure,
    HealthState,
    LifeTimes,
    after_disabling,
    after_failure,
    after_success,
    must_disable,
)
from hooktrace.domain.errors import Unavailable
from hooktrace.domain.ids import EndpointId, ProjectId
from hooktrace.domain.registry import DisabledReason, Endpoint, NotFound, VersionConflict
from hooktrace.endpoint_ports import EndpointHealths
from hooktrace.ports import Chance, Clock

TRIES = 5
TRUSTED_MS = 10_000
"""An endpoint seen to work, and unchanged, is not looked up again so long for a success."""
MOST_TRUSTED = 10_000


class EndpointControl(Protocol):
    """Reading endpoints strongly consistent, and changing one by its version."""

    def get_endpoint(self, project_id: str, endpoint_id: str) -> Endpoint | None: ...

    def replace_endpoint(self, endpoint: Endpoint, *, before: Endpoint) -> Endpoint: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of an attempt, and the endpoint as it was when the attempt began."""

    endpoint: Endpoint
    outcome: AttemptOutcome
    status: int | None = None

    @property
    def is_success(self) -> bool:
        return self.outcome is AttemptOutcome.SUCCESS


class EndpointLife:
    """Keeps the health of endpoints, and disables those that ask for it or only fail."""

    def __init__(
        self,
        *,
        endpoints: EndpointControl,
        healths: EndpointHealths,
        clock: Clock,
        chance: Chance,
        times: LifeTimes | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._healths = healths
        self._clock = clock
        self._chance = chance
        self._times = times or LifeTimes()
        self._trusted: dict[tuple[EndpointId, int], int] = {}

    def note(self, seen: Iterable[Seen]) -> None:
        """Takes in the results of a batch, which are on record already.

        One read for each endpoint, none while it is known to work; one conditional write for each
        change. Of several results of an endpoint a success counts: it does not do nothing but
        fail. A forced attempt to a disabled endpoint says nothing. What a crash or a store that
        does not answer leaves out, the next result makes up for.
        """
        latest: dict[EndpointId, Seen] = {}
        for one in seen:
            key = EndpointId(one.endpoint.id)
            if one.endpoint.state == "enabled" and (one.is_success or key not in latest):
                latest[key] = one
        now_ms = self._clock.now_ms()
        asked = {
            key: one
            for key, one in latest.items()
            if not (one.is_success and self._trusted.get((key, one.endpoint.version), 0) > now_ms)
        }
        if not asked:
            return
        with suppress(Unavailable):
            refs = [(ProjectId(one.endpoint.project_id), key) for key, one in asked.items()]
            found = self._healths.healths(refs)
            for project, key in refs:
                health = found.get(key) or EndpointHealth(project, key)
                self._apply(asked[key], health, now_ms)

    def _apply(self, one: Seen, health: EndpointHealth, now_ms: int) -> None:
        key, version = health.endpoint_id, one.endpoint.version
        for _ in range(TRIES):
            after = self._after(one, health, now_ms)
            if after is None:
                break
            current = self._healths.write_health(after, health)
            health = after if current is None else current
            if current is None:
                break
        self._trusted.pop((key, version), None)
        if one.is_success:
            if health.state is HealthState.WORKING:
                self._trust((key, version), now_ms)
        elif must_disable(health, endpoint_version=version, now_ms=now_ms, times=self._times):
            self.disable(health.project_id, key, "failing")

    def _after(self, one: Seen, health: EndpointHealth, now_ms: int) -> EndpointHealth | None:
        token, version = self._chance.token(), one.endpoint.version
        if one.is_success:
            return after_success(health, endpoint_version=version, now_ms=now_ms, token=token)
        return after_failure(
            health,
            Failure(now_ms, one.outcome, one.status),
            endpoint_version=version,
            times=self._times,
            token=token,
        )

    def _trust(self, key: tuple[EndpointId, int], now_ms: int) -> None:
        if len(self._trusted) >= MOST_TRUSTED:
            self._trusted.clear()
        self._trusted[key] = now_ms + TRUSTED_MS

    def disable(self, project: ProjectId, endpoint_id: EndpointId, reason: DisabledReason) -> None:
        """Disables the endpoint and has it told; the first reason stays.

        Raises Unavailable when the registry does not take it. The rest is made up for by sweep.
        """
        endpoint = disable_endpoint(
            self._endpoints, project, endpoint_id, reason, self._clock.now_ms()
        )
        if endpoint is not None:
            with suppress(Unavailable):
                self.announce(endpoint)

    def announce(self, endpoint: Endpoint) -> None:
        """Has it told that the endpoint is disabled, unless it is enabled or that is told already.

        One conditional write; of several callers one makes it. Raises Unavailable.
        """
        if endpoint.state == "enabled":
            return
        health = self._health(endpoint.project_id, endpoint.id)
        for _ in range(TRIES):
            after = after_disabling(
                health, endpoint, now_ms=self._clock.now_ms(), token=self._chance.token()
            )
            if after is None:
                return
            current = self._healths.write_health(after, health)
            if current is None:
                return
            health = current
        raise Unavailable(f"the health of {endpoint.id} keeps changing")

    def forget(self, project_id: str, endpoint_id: str) -> None:
        """Lets the health of a deleted endpoint expire. Raises Unavailable."""
        health = self._health(project_id, endpoint_id)
        if health.version and health.expires_s is None:
            expires_s = (self._clock.now_ms() + DAY_MS) // 1000
            after = replace(
                health,
                version=health.version + 1,
                expires_s=expires_s,
                write_token=self._chance.token(),
            )
            self._healths.write_health(after, health)

    def _health(self, project_id: str, endpoint_id: str) -> EndpointHealth:
        ref = ProjectId(project_id), EndpointId(endpoint_id)
        return self._healths.healths([ref]).get(ref[1]) or EndpointHealth(*ref)


def disable_endpoint(
    store: EndpointControl, project_id: str, endpoint_id: str, reason: DisabledReason, now_ms: int
) -> Endpoint | None:
    """Disables the endpoint unless it is; answers with it as it stands then, None when deleted.

    One conditional write, decided anew when somebody else changed the endpoint meanwhile.
    Raises Unavailable.
    """
    for _ in range(TRIES):
        endpoint = store.get_endpoint(project_id, endpoint_id)
        if endpoint is None or endpoint.state == "disabled":
            return endpoint
        try:
            return store.replace_endpoint(endpoint.disabled(reason, now_ms), before=endpoint)
        except VersionConflict:
            continue
        except NotFound:
            return None
    raise Unavailable(f"{endpoint_id} keeps changing; could not disable it")
