"""The routes of subscriptions."""

from __future__ import annotations

from functools import partial

from functions.manage.answers import (
    SubscriptionList,
    SubscriptionView,
    VerdictView,
    subscription_view,
)
from functions.manage.contract import (
    SubscriptionCreate,
    SubscriptionPage,
    SubscriptionPatch,
    SubscriptionTest,
)
from functions.manage.cursors import read_cursor
from functions.manage.desks import Wired
from functions.manage.operation_shapes import OperationView
from functions.manage.pages import page_of
from functions.manage.reading import (
    created,
    if_match,
    path_id,
    read_selecting,
    selection_of,
    tagged,
)
from functions.manage.trying import try_it
from hooktrace.api.http import Request, Response, Route, read_query, validate
from hooktrace.domain.registry import State
from hooktrace.usecases import manage_subscriptions as use

TAGS = ("Subscriptions",)
SELECTION_PROBLEMS = ("invalid_filter", "invalid_event_types", "invalid_event_pattern")
CHANGE_PROBLEMS = ("not_found", "precondition_failed", "invalid_header")


def subscription_routes(wired: Wired) -> tuple[Route, ...]:
    """Subscriptions: read with any key, changed with an admin key, tried with a read key."""
    return (
        Route(
            method="POST",
            path="/v1/subscriptions",
            handler=partial(_create, wired),
            scope="admin",
            operation_id="createSubscription",
            summary="Create a subscription",
            description="The next event meets it already.",
            tags=TAGS,
            body=SubscriptionCreate,
            responses={201: SubscriptionView},
            problems=(*SELECTION_PROBLEMS, "unknown_reference"),
        ),
        Route(
            method="GET",
            path="/v1/subscriptions",
            handler=partial(_list, wired),
            scope="read",
            operation_id="listSubscriptions",
            summary="List subscriptions, oldest first",
            tags=TAGS,
            query=SubscriptionPage,
            responses={200: SubscriptionList},
            problems=("invalid_cursor",),
        ),
        Route(
            method="GET",
            path="/v1/subscriptions/{id}",
            handler=partial(_get, wired),
            scope="read",
            operation_id="getSubscription",
            summary="Read a subscription",
            tags=TAGS,
            responses={200: SubscriptionView, 304: None},
            problems=("not_found",),
            headers=("If-None-Match",),
        ),
        Route(
            method="PATCH",
            path="/v1/subscriptions/{id}",
            handler=partial(_update, wired),
            scope="admin",
            operation_id="updateSubscription",
            summary="Change what a subscription selects",
            tags=TAGS,
            body=SubscriptionPatch,
            responses={200: SubscriptionView},
            problems=(*CHANGE_PROBLEMS, *SELECTION_PROBLEMS),
            headers=("If-Match",),
        ),
        Route(
            method="DELETE",
            path="/v1/subscriptions/{id}",
            handler=partial(_delete, wired),
            scope="admin",
            operation_id="deleteSubscription",
            summary="Delete a subscription",
            description="The next event does not meet it.",
            tags=TAGS,
            responses={204: None},
            problems=CHANGE_PROBLEMS,
            headers=("If-Match",),
        ),
        _switch(wired, "enable", "enabled"),
        _switch(wired, "disable", "disabled"),
        Route(
            method="POST",
            path="/v1/subscriptions/test",
            handler=partial(try_it, wired),
            scope="read",
            operation_id="testSubscription",
            summary="Try a filter or a subscription on an event, or on all that are stored",
            description=(
                "On one event it says clause by clause why it is not taken. With `since` it is "
                "tried on every event stored since then, as an operation: how many it would take, "
                "gain and lose against the subscription `against`; this needs the scope `write`. "
                "No event and no delivery is changed."
            ),
            tags=TAGS,
            body=SubscriptionTest,
            responses={200: VerdictView, 202: OperationView},
            problems=(
                *SELECTION_PROBLEMS,
                "invalid_event_type",
                "unknown_reference",
                "data_expunged",
                "invalid_idempotency_key",
                "idempotency_key_reused",
                "idempotency_in_progress",
            ),
            headers=("Idempotency-Key",),
        ),
    )


def _switch(wired: Wired, verb: str, state: State) -> Route:
    return Route(
        method="POST",
        path=f"/v1/subscriptions/{{id}}/{verb}",
        handler=partial(_set_state, wired, state),
        scope="admin",
        operation_id=f"{verb}Subscription",
        summary=f"{verb.capitalize()} a subscription",
        tags=TAGS,
        responses={200: SubscriptionView},
        problems=CHANGE_PROBLEMS,
        headers=("If-Match",),
    )


def _create(wired: Wired, request: Request) -> Response:
    parsed = read_selecting(request)
    given = validate(parsed, SubscriptionCreate)
    made = use.create_subscription(
        request.project_id,
        given.endpoint_id,
        selection_of(parsed),
        given.description,
        desk=wired().subscriptions,
    )
    request.log["created"] = made.id
    return created(f"/v1/subscriptions/{made.id}", made.version, subscription_view(made))


def _list(wired: Wired, request: Request) -> Response:
    asked = read_query(request, SubscriptionPage)
    endpoint_id = asked.endpoint_id
    scope = ("subscriptions", request.project_id, endpoint_id or "")
    after = read_cursor(asked.cursor, *scope)
    page = use.list_subscriptions(
        request.project_id,
        limit=asked.limit,
        after=after,
        endpoint_id=endpoint_id,
        desk=wired().subscriptions,
    )
    items = [subscription_view(each) for each in page.items]
    return Response(200, page_of(items, page.next_after, *scope))


def _get(wired: Wired, request: Request) -> Response:
    found = use.get_subscription(
        request.project_id, path_id(request, "sub"), desk=wired().subscriptions
    )
    return tagged(request, found.version, subscription_view(found))


def _update(wired: Wired, request: Request) -> Response:
    subscription_id = path_id(request, "sub")
    desk = wired().subscriptions
    # First of all: to somebody else's id a bad body must not answer otherwise than a good one.
    use.get_subscription(request.project_id, subscription_id, desk=desk)
    parsed = read_selecting(request)
    given = validate(parsed, SubscriptionPatch)
    changed = use.update_subscription(
        request.project_id,
        subscription_id,
        selection_of(parsed),
        given.description if "description" in given.model_fields_set else None,
        check=if_match(request),
        desk=desk,
    )
    return tagged(request, changed.version, subscription_view(changed))


def _delete(wired: Wired, request: Request) -> Response:
    use.delete_subscription(
        request.project_id,
        path_id(request, "sub"),
        check=if_match(request),
        desk=wired().subscriptions,
    )
    return Response(204)


def _set_state(wired: Wired, state: State, request: Request) -> Response:
    changed = use.set_subscription_state(
        request.project_id,
        path_id(request, "sub"),
        state,
        check=if_match(request),
        desk=wired().subscriptions,
    )
    return tagged(request, changed.version, subscription_view(changed))
