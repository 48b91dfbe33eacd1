"""Endpoints: create, change, enable, disable, rotate the secret, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from hooktrace.domain.confidential import opened
from hooktrace.domain.endpoint_auth import ClientCredentials
from hooktrace.domain.endpoint_secrets import unmasked
from hooktrace.domain.errors import Fault, InvalidInput, NotFound, Unavailable
from hooktrace.domain.ids import ulid
from hooktrace.domain.registry import (
    DisabledReason,
    Endpoint,
    Project,
)
from hooktrace.domain.retry import DEFAULT_SCHEDULE
from hooktrace.domain.targets import parse_target
from hooktrace.endpoint_ports import Vault
from hooktrace.ports import Clock
from hooktrace.registry_ports import EndpointStore, Page, ProjectStore, PurgeStore, Stop
from hooktrace.usecases.amend import VersionCheck, amend, current, remove
from hooktrace.usecases.endpoint_life import EndpointLife
from hooktrace.usecases.guard_endpoints import opened_endpoint, sealed_endpoint
from hooktrace.usecases.read_brake import BrakeReport, ReadBrake
from hooktrace.usecases.read_health import HealthReport, ReadHealth
from hooktrace.usecases.signing_keys import (
    NO_KEYS,
    GivenKeys,
    first_secrets,
    next_secrets,
    with_missing_secrets,
)
from hooktrace.usecases.stop_deliveries import StopDeliveries

PURGE_PIECES = 400
"""Pieces of 49 subscriptions that one DELETE removes itself; sweep goes on with the rest."""
LONGEST_KEPT_MS = 365 * 86_400_000
RETRY_MARGIN_MS = 3_600_000
"""Beyond the schedule (with its jitter), how much older a cancelled delivery's event may be."""


@dataclass(frozen=True, slots=True)
class EndpointDesk:
    """What managing endpoints works with.

    `random_bytes(n)` makes ids and secrets. `allow_loopback` is the local stack's exception; it
    counts only in projects that allow http.
    """

    projects: ProjectStore
    endpoints: EndpointStore
    purges: PurgeStore
    vault: Vault
    clock: Clock
    random_bytes: Callable[[int], bytes]
    allow_loopback: bool = False
    life: EndpointLife = field(kw_only=True)
    stopping: StopDeliveries = field(kw_only=True)
    health: ReadHealth = field(kw_only=True)
    brake: ReadBrake = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class EndpointInput:
    """The fields of an `Endpoint` that the caller set, checked for shape and limits."""

    url: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    keys: GivenKeys = NO_KEYS


@dataclass(frozen=True, slots=True)
class Keyed:
    """An endpoint, and the `whsec_` secret that this call gave it: to be shown this once."""

    endpoint: Endpoint
    secret: str | None = field(repr=False)


def create_endpoint(project_id: str, given: EndpointInput, *, desk: EndpointDesk) -> Keyed:
    """A new, enabled endpoint with secrets of its own. Raises InvalidInput for URL and keys."""
    project = _project(project_id, desk)
    url = _checked_url(given.url or "", "/url", project, desk)
    _check_token_url(given, project, desk)
    now_ms = desk.clock.now_ms()
    signatures = given.fields.get("signatures", ("v1",))
    secrets = first_secrets(signatures, given.keys, desk.random_bytes)
    endpoint = Endpoint(
        id=f"ep_{ulid(now_ms, desk.random_bytes(10))}",
        project_id=project_id,
        url=url,
        created_ms=now_ms,
        updated_ms=now_ms,
        secrets=secrets,
        **given.fields,
    )
    endpoint = _consistent(unmasked(endpoint, None))
    desk.endpoints.create_endpoint(sealed_endpoint(endpoint, desk.vault))
    return Keyed(endpoint, opened(secrets[0].value))


def get_endpoint(project_id: str, endpoint_id: str, *, desk: EndpointDesk) -> Endpoint:
    """The endpoint. Raises NotFound."""
    return current(lambda: desk.endpoints.get_endpoint(project_id, endpoint_id))


def read_health(endpoint: Endpoint, *, desk: EndpointDesk) -> HealthReport:
    """How the endpoint fares. Raises Unavailable."""
    return desk.health.of(endpoint)


def read_brake(endpoint: Endpoint, *, desk: EndpointDesk) -> BrakeReport:
    """What holds deliveries to the endpoint now. Raises Unavailable."""
    return desk.brake.of(endpoint)


def list_endpoints(
    project_id: str, *, limit: int, after: str | None, desk: EndpointDesk
) -> Page[Endpoint]:
    """Endpoints in the order in which they were created."""
    return desk.endpoints.list_endpoints(project_id, limit=limit, after=after)


def update_endpoint(
    project_id: str,
    endpoint_id: str,
    given: EndpointInput,
    *,
    check: VersionCheck,
    desk: EndpointDesk,
) -> Endpoint:
    """Sets the given fields. Raises InvalidInput, NotFound, PreconditionFailed."""
    changes = dict(given.fields)
    # The endpoint first: to somebody else's id a bad URL must not answer otherwise than a good one.
    get_endpoint(project_id, endpoint_id, desk=desk)
    if given.url is not None:
        changes["url"] = _checked_url(given.url, "/url", _project(project_id, desk), desk)
    if given.fields.get("auth") is not None:
        _check_token_url(given, _project(project_id, desk), desk)

    def change(stored: Endpoint, now_ms: int) -> Endpoint:
        before = opened_endpoint(stored, desk.vault)
        after = with_missing_secrets(replace(before, **changes), desk.random_bytes)
        after = _consistent(unmasked(after, before))
        return stored if after == before else replace(after, updated_ms=now_ms)

    return _amend(project_id, endpoint_id, change, check, desk)


@dataclass(frozen=True, slots=True)
class Enabled:
    """An endpoint that takes deliveries. `cancelled_since_ms`: events from then on may have
    deliveries that were cancelled while it was disabled; None when it was enabled all along."""

    endpoint: Endpoint
    cancelled_since_ms: int | None


def enable_endpoint(
    project_id: str, endpoint_id: str, *, check: VersionCheck, desk: EndpointDesk
) -> Enabled:
    """Takes deliveries again from the next event on. Enabling an enabled one changes nothing.

    Before that its disabling is told, should the one who disabled it have died before.
    """
    was: Endpoint | None = None

    def change(before: Endpoint, now_ms: int) -> Endpoint:
        nonlocal was
        was = before
        if before.state == "enabled":
            return before
        desk.life.announce(before)
        return before.enabled(now_ms)

    endpoint = _amend(project_id, endpoint_id, change, check, desk)
    now_ms = desk.clock.now_ms()
    return Enabled(endpoint, None if was is None else _cancelled_since_ms(was, now_ms))


def _cancelled_since_ms(disabled: Endpoint, now_ms: int) -> int | None:
    """When the oldest event that is still kept came whose retry can have been cancelled."""
    if disabled.state == "enabled" or disabled.disabled_ms is None:
        return None
    given = disabled.retry_schedule
    seconds = sum(DEFAULT_SCHEDULE if given is None else given) * 1.1
    since_ms = disabled.disabled_ms - round(seconds * 1000) - RETRY_MARGIN_MS
    return max(since_ms, now_ms - LONGEST_KEPT_MS)


def disable_endpoint(
    project_id: str,
    endpoint_id: str,
    reason: DisabledReason,
    *,
    check: VersionCheck,
    desk: EndpointDesk,
) -> Endpoint:
    """Takes no deliveries from the next event on. The first reason stays.

    Parts, in this order: (1) the registry, with a note for sweep; (2) the health, from which it
    is told; (3) a bounded look for what is pending, which is cancelled. After 1 it is disabled,
    and the call succeeds: sweep does what a crash or a store that does not answer leaves out.
    """

    def change(before: Endpoint, now_ms: int) -> Endpoint:
        return before if before.state == "disabled" else before.disabled(reason, now_ms)

    endpoint = _amend(project_id, endpoint_id, change, check, desk)
    with suppress(Unavailable):
        desk.life.announce(endpoint)
        since_ms = endpoint.disabled_ms or 0
        desk.stopping.start(Stop(project_id, endpoint_id, since_ms, endpoint.version))
    return endpoint


def rotate_secret(
    project_id: str,
    endpoint_id: str,
    given: GivenKeys = NO_KEYS,
    *,
    check: VersionCheck,
    desk: EndpointDesk,
    overlap_seconds: int | None = None,
) -> Keyed:
    """New secrets sign from now on; those before sign too for so long, 24 hours if none is given.

    Every scheme of the endpoint gets a new one; when the caller gives keys, only their schemes do.
    """
    shown: list[str | None] = []

    def change(stored: Endpoint, now_ms: int) -> Endpoint:
        before = opened_endpoint(stored, desk.vault)
        made = next_secrets(before, given, desk.random_bytes)
        shown[:] = [opened(secret.value) for secret in made if secret.scheme == "v1"]
        overlap_ms = None if overlap_seconds is None else overlap_seconds * 1000
        return before.rotated(made, now_ms, overlap_ms=overlap_ms)

    endpoint = _amend(project_id, endpoint_id, change, check, desk)
    return Keyed(endpoint, next(iter(shown), None))


def delete_endpoint(
    project_id: str, endpoint_id: str, *, check: VersionCheck, desk: EndpointDesk
) -> None:
    """Stops matching to the endpoint at once, cancels what is pending, removes its subscriptions.

    Once it is deleted, the call succeeds: sweep goes on with what is too much for a call, was cut
    off, or met a store that does not answer.
    """

    def delete(before: Endpoint) -> None:
        desk.life.announce(before)
        desk.endpoints.delete_endpoint(before)

    remove(lambda: desk.endpoints.get_endpoint(project_id, endpoint_id), delete, check=check)
    with suppress(Unavailable):
        desk.stopping.start(Stop(project_id, endpoint_id, desk.clock.now_ms(), 0))
    with suppress(Unavailable):
        for _ in range(PURGE_PIECES):
            if desk.purges.purge_subscriptions(project_id, endpoint_id):
                break


def _amend(
    project_id: str,
    endpoint_id: str,
    change: Callable[[Endpoint, int], Endpoint],
    check: VersionCheck,
    desk: EndpointDesk,
) -> Endpoint:
    return amend(
        lambda: desk.endpoints.get_endpoint(project_id, endpoint_id),
        lambda before: change(before, desk.clock.now_ms()),
        lambda after, before: desk.endpoints.replace_endpoint(
            sealed_endpoint(after, desk.vault), before=before
        ),
        check=check,
    )


def _project(project_id: str, desk: EndpointDesk) -> Project:
    project = desk.projects.get_project(project_id)
    if project is None:
        raise NotFound
    return project


def _checked_url(url: str, pointer: str, project: Project, desk: EndpointDesk) -> str:
    try:
        parse_target(
            url,
            allow_http=project.allow_http,
            allow_loopback=desk.allow_loopback and project.allow_http,
        )
    except InvalidInput as error:
        fault = Fault(pointer, error.code, error.message)
        raise InvalidInput(error.code, error.message, (fault,)) from error
    return url


def _check_token_url(given: EndpointInput, project: Project, desk: EndpointDesk) -> None:
    auth = given.fields.get("auth")
    if isinstance(auth, ClientCredentials):
        _checked_url(auth.token_url, "/auth/token_url", project, desk)


def _consistent(endpoint: Endpoint) -> Endpoint:
    """Raises InvalidInput when two settings would both set `Authorization`."""
    for name, _ in endpoint.headers:
        if endpoint.auth is not None and name.lower() == "authorization":
            message = "auth sets Authorization; remove either that header or auth."
            fault = Fault(f"/headers/{name}", "invalid_field", message)
            raise InvalidInput("invalid_field", message, (fault,))
    return endpoint
