"""All routes of the manage room, declared without wiring."""

from __future__ import annotations

from functions.manage.audit import audit_routes, audited
from functions.manage.deliveries import delivery_routes
from functions.manage.desks import Wired
from functions.manage.endpoints import endpoint_routes
from functions.manage.expunge import expunge_routes
from functions.manage.forgetting import forgetting
from functions.manage.operations import operation_routes
from functions.manage.projects import project_routes
from functions.manage.subscriptions import subscription_routes
from hooktrace.api.http import Route


def declare(wired: Wired) -> tuple[Route, ...]:
    """The routes; `wired` is called when a request comes. Changes go through the audit trail.

    Those of an event or a delivery have its trace forgotten first.
    """
    routes = (
        *project_routes(wired),
        *endpoint_routes(wired),
        *subscription_routes(wired),
        *delivery_routes(wired),
        *expunge_routes(wired),
        *operation_routes(wired),
        *audit_routes(wired),
    )
    return tuple(audited(wired, forgetting(wired, route)) for route in routes)
