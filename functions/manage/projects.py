"""The routes of projects and API keys."""

from __future__ import annotations

from functools import partial

from functions.manage.answers import (
    KeyList,
    KeyView,
    NewKeyView,
    NewProjectView,
    ProjectList,
    ProjectView,
    key_view,
    new_key_view,
    project_view,
)
from functions.manage.contract import KeyCreate, ProjectCreate, ProjectPatch
from functions.manage.desks import Wired
from functions.manage.reading import created, if_match, path_id, tagged
from hooktrace.api.http import Request, Response, Route, read_json
from hooktrace.usecases import manage_projects as use

PROJECTS, KEYS = ("Projects",), ("API keys",)


def project_routes(wired: Wired) -> tuple[Route, ...]:
    """Projects and keys: all for admin keys."""
    return (
        Route(
            method="POST",
            path="/v1/projects",
            handler=partial(_create_project, wired),
            scope="admin",
            operation_id="createProject",
            summary="Create a project",
            description="The answer holds the project's first admin key; it is shown this once.",
            tags=PROJECTS,
            body=ProjectCreate,
            responses={201: NewProjectView},
            problems=("unknown_reference",),
        ),
        Route(
            method="GET",
            path="/v1/projects",
            handler=partial(_list_projects, wired),
            scope="admin",
            operation_id="listProjects",
            summary="List the projects that this key can see: its own",
            tags=PROJECTS,
            responses={200: ProjectList},
        ),
        Route(
            method="GET",
            path="/v1/projects/{id}",
            handler=partial(_get_project, wired),
            scope="admin",
            operation_id="getProject",
            summary="Read a project",
            tags=PROJECTS,
            responses={200: ProjectView, 304: None},
            problems=("not_found",),
            headers=("If-None-Match",),
        ),
        Route(
            method="PATCH",
            path="/v1/projects/{id}",
            handler=partial(_update_project, wired),
            scope="admin",
            operation_id="updateProject",
            summary="Change settings of a project",
            tags=PROJECTS,
            body=ProjectPatch,
            responses={200: ProjectView},
            problems=("not_found", "precondition_failed", "invalid_header", "unknown_reference"),
            headers=("If-Match",),
        ),
        Route(
            method="POST",
            path="/v1/keys",
            handler=partial(_create_key, wired),
            scope="admin",
            operation_id="createKey",
            summary="Create an API key",
            description="The token is shown this once; only its SHA-256 is stored.",
            tags=KEYS,
            body=KeyCreate,
            responses={201: NewKeyView},
            problems=("too_many_keys",),
        ),
        Route(
            method="GET",
            path="/v1/keys",
            handler=partial(_list_keys, wired),
            scope="admin",
            operation_id="listKeys",
            summary="List the project's API keys",
            tags=KEYS,
            responses={200: KeyList},
        ),
        Route(
            method="GET",
            path="/v1/keys/{id}",
            handler=partial(_get_key, wired),
            scope="admin",
            operation_id="getKey",
            summary="Read an API key",
            description="Its name and scopes; the token is not stored.",
            tags=KEYS,
            responses={200: KeyView},
            problems=("not_found",),
        ),
        Route(
            method="DELETE",
            path="/v1/keys/{id}",
            handler=partial(_revoke_key, wired),
            scope="admin",
            operation_id="revokeKey",
            summary="Revoke an API key",
            description="Refused everywhere within 30 seconds, the time that keys are cached.",
            tags=KEYS,
            responses={204: None},
            problems=("not_found",),
        ),
    )


def _create_project(wired: Wired, request: Request) -> Response:
    given = read_json(request, ProjectCreate)
    desk = wired().projects
    project, keys = use.create_project(given.settings(), {"admin": ("admin",)}, desk=desk)
    body = project_view(project) | {"admin_key": new_key_view(keys[0])}
    return created(f"/v1/projects/{project.id}", project.version, body)


def _list_projects(wired: Wired, request: Request) -> Response:
    own = use.get_project(request.project_id, request.project_id, desk=wired().projects)
    return Response(200, {"items": [project_view(own)], "next_cursor": None})


def _get_project(wired: Wired, request: Request) -> Response:
    project_id = path_id(request, "prj")
    project = use.get_project(request.project_id, project_id, desk=wired().projects)
    return tagged(request, project.version, project_view(project))


def _update_project(wired: Wired, request: Request) -> Response:
    project_id = path_id(request, "prj")
    given = read_json(request, ProjectPatch)
    project = use.update_project(
        request.project_id,
        project_id,
        given.settings(),
        check=if_match(request),
        desk=wired().projects,
    )
    return tagged(request, project.version, project_view(project))


def _create_key(wired: Wired, request: Request) -> Response:
    given = read_json(request, KeyCreate)
    new = use.create_key(request.project_id, given.name, given.scopes, desk=wired().projects)
    request.log["created"] = new.key.key_id
    return Response(201, new_key_view(new), {"location": f"/v1/keys/{new.key.key_id}"})


def _list_keys(wired: Wired, request: Request) -> Response:
    keys = use.list_keys(request.project_id, desk=wired().projects)
    return Response(200, {"items": [key_view(key) for key in keys], "next_cursor": None})


def _get_key(wired: Wired, request: Request) -> Response:
    key = use.get_key(request.project_id, path_id(request, "key"), desk=wired().projects)
    return Response(200, key_view(key))


def _revoke_key(wired: Wired, request: Request) -> Response:
    use.revoke_key(request.project_id, path_id(request, "key"), desk=wired().projects)
    return Response(204)
