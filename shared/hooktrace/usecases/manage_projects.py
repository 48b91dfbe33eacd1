"""Projects and API keys: create, change, list, revoke."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hooktrace.domain.errors import Fault, InvalidInput, NotFound
from hooktrace.domain.ids import ulid
from hooktrace.domain.keys import Scope, StoredKey
from hooktrace.domain.notification_kinds import NotificationChoice
from hooktrace.domain.registry import Project
from hooktrace.ports import Clock
from hooktrace.registry_ports import EndpointStore, KeyStore, ProjectStore
from hooktrace.usecases.amend import VersionCheck, amend, current

KEYS_PER_PROJECT = 100


@dataclass(frozen=True, slots=True)
class ProjectDesk:
    """What managing projects and keys works with.

    `random_bytes(n)` makes ids. `make_token(ulid)` makes the token of the key `key_<ulid>` and
    the SHA-256 of its secret.
    """

    projects: ProjectStore
    keys: KeyStore
    endpoints: EndpointStore
    clock: Clock
    random_bytes: Callable[[int], bytes]
    make_token: Callable[[str], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with its token, which is shown this once and stored nowhere."""

    key: StoredKey
    token: str


def create_project(
    fields: Mapping[str, Any], keys: Mapping[str, Iterable[Scope]], *, desk: ProjectDesk
) -> tuple[Project, list[NewKey]]:
    """A new project with its first keys (name to scopes), all or nothing.

    Raises InvalidInput for endpoints to notify, a new project has none, and for failures that
    would be kept shorter than successes.
    """
    now_ms = desk.clock.now_ms()
    project_id = f"prj_{ulid(now_ms, desk.random_bytes(10))}"
    _check_recipients(project_id, fields, desk)
    project = _checked(Project(id=project_id, created_ms=now_ms, **fields), fields)
    made = [_new_key(project_id, name, scopes, desk) for name, scopes in keys.items()]
    desk.projects.create_project(project, [new.key for new in made])
    return project, made


def _checked(project: Project, given: Mapping[str, Any]) -> Project:
    """The project, if its settings go together."""
    longer = project.failure_retention_days
    if longer is not None and longer < project.retention_days:
        message = (
            f"Failures are kept at least as long as successes, and {longer} days are fewer than "
            f"{project.retention_days}. Give both."
        )
        name = "failure_retention_days"
        name = name if name in given else "retention_days"
        fault = Fault(f"/{name}", "invalid_field", message)
        raise InvalidInput("invalid_field", message, (fault,))
    return project


def get_project(caller: str, project_id: str, *, desk: ProjectDesk) -> Project:
    """The caller's own project. Raises NotFound for every other id."""
    return current(lambda: _own(caller, project_id, desk))


def update_project(
    caller: str,
    project_id: str,
    changes: Mapping[str, Any],
    *,
    check: VersionCheck,
    desk: ProjectDesk,
) -> Project:
    """Sets the given fields. Raises NotFound, PreconditionFailed, and InvalidInput for endpoints
    to notify that the project does not have, or failures kept shorter than successes."""
    # The project first: to somebody else's id a bad endpoint must not answer otherwise.
    before = get_project(caller, project_id, desk=desk)
    _check_recipients(project_id, changes, desk, before.notifications.endpoint_ids)
    return amend(
        lambda: _own(caller, project_id, desk),
        lambda now: _checked(replace(now, **changes), changes),
        lambda after, before: desk.projects.replace_project(after, before=before),
        check=check,
    )


def create_key(project_id: str, name: str, scopes: Iterable[Scope], *, desk: ProjectDesk) -> NewKey:
    """A new key. Raises InvalidInput when the project has too many."""
    if len(desk.keys.list_keys(project_id)) >= KEYS_PER_PROJECT:
        raise InvalidInput(
            "too_many_keys", f"A project has at most {KEYS_PER_PROJECT} keys; revoke one first."
        )
    new = _new_key(project_id, name, scopes, desk)
    desk.keys.create_key(new.key)
    return new


def list_keys(project_id: str, *, desk: ProjectDesk) -> list[StoredKey]:
    """The keys of the project, oldest first, without their secrets."""
    return desk.keys.list_keys(project_id)


def get_key(project_id: str, key_id: str, *, desk: ProjectDesk) -> StoredKey:
    """A key of the project, without its secret. Raises NotFound."""
    key = desk.keys.load_key(key_id)
    if key is None or key.project_id != project_id:
        raise NotFound
    return key


def revoke_key(project_id: str, key_id: str, *, desk: ProjectDesk) -> None:
    """Ends a key; rooms that have it cached take it for up to 30 s more. Raises NotFound."""
    desk.keys.revoke_key(project_id, key_id)


def _check_recipients(
    project_id: str, fields: Mapping[str, Any], desk: ProjectDesk, named: Sequence[str] = ()
) -> None:
    """Those `named` before may stay, also when they were deleted meanwhile."""
    choice = fields.get("notifications")
    if not isinstance(choice, NotificationChoice) or not choice.endpoint_ids:
        return
    known = desk.endpoints.get_endpoints(project_id, choice.endpoint_ids)
    message = "There is no such endpoint in this project. Leave it out."
    faults = tuple(
        Fault(f"/notifications/endpoint_ids/{place}", "unknown_reference", message)
        for place, identifier in enumerate(choice.endpoint_ids)
        if identifier not in known and identifier not in named
    )
    if faults:
        raise InvalidInput("unknown_reference", message, faults)


def _own(caller: str, project_id: str, desk: ProjectDesk) -> Project | None:
    return desk.projects.get_project(project_id) if project_id == caller else None


def _new_key(project_id: str, name: str, scopes: Iterable[Scope], desk: ProjectDesk) -> NewKey:
    key_ulid = ulid(desk.clock.now_ms(), desk.random_bytes(10))
    token, secret_sha256 = desk.make_token(key_ulid)
    key = StoredKey(
        key_id=f"key_{key_ulid}",
        project_id=project_id,
        secret_sha256=secret_sha256,
        scopes=frozenset(scopes),
        name=name,
    )
    return NewKey(key, token)
