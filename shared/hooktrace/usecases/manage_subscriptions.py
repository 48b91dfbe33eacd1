"""Subscriptions: create, change, enable, disable, delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hooktrace.domain.errors import Fault, InvalidInput, NotFound
from hooktrace.domain.ids import is_id, ulid
from hooktrace.domain.registry import State, Subscription
from hooktrace.ports import Clock
from hooktrace.registry_ports import EndpointReader, Page, SubscriptionStore
from hooktrace.usecases.amend import VersionCheck, amend, current, remove
from hooktrace.usecases.select_events import Selection


@dataclass(frozen=True, slots=True)
class SubscriptionDesk:
    """What managing subscriptions works with. `random_bytes(n)` makes ids."""

    endpoints: EndpointReader
    subscriptions: SubscriptionStore
    clock: Clock
    random_bytes: Callable[[int], bytes]


def create_subscription(
    project_id: str,
    endpoint_id: str,
    selection: Selection,
    description: str,
    *,
    desk: SubscriptionDesk,
) -> Subscription:
    """A new, enabled subscription, which the next event already meets.

    Raises InvalidInput when the project has no such endpoint.
    """
    if not is_id(endpoint_id, "ep"):
        raise _unknown_endpoint()
    now_ms = desk.clock.now_ms()
    subscription = Subscription(
        id=f"sub_{ulid(now_ms, desk.random_bytes(10))}",
        project_id=project_id,
        endpoint_id=endpoint_id,
        created_ms=now_ms,
        updated_ms=now_ms,
        description=description,
        **selection.changes(),
    )
    try:
        desk.subscriptions.create_subscription(subscription)
    except NotFound as error:
        raise _unknown_endpoint() from error
    return subscription


def get_subscription(
    project_id: str, subscription_id: str, *, desk: SubscriptionDesk
) -> Subscription:
    """The subscription. Raises NotFound."""
    return current(_reader(project_id, subscription_id, desk))


def list_subscriptions(
    project_id: str,
    *,
    limit: int,
    after: str | None,
    endpoint_id: str | None,
    desk: SubscriptionDesk,
) -> Page[Subscription]:
    """Subscriptions in the order in which they were created, all or those of one endpoint."""
    return desk.subscriptions.list_subscriptions(
        project_id, limit=limit, after=after, endpoint_id=endpoint_id
    )


def update_subscription(
    project_id: str,
    subscription_id: str,
    selection: Selection,
    description: str | None,
    *,
    check: VersionCheck,
    desk: SubscriptionDesk,
) -> Subscription:
    """Sets what the selection names, and the description unless None."""
    changes: dict[str, Any] = {} if description is None else {"description": description}

    def change(before: Subscription) -> Subscription:
        return replace(before, **changes, **selection.changes(before))

    return _amend(project_id, subscription_id, change, check, desk)


def set_subscription_state(
    project_id: str,
    subscription_id: str,
    state: State,
    *,
    check: VersionCheck,
    desk: SubscriptionDesk,
) -> Subscription:
    """Enables or disables from the next event on."""

    def change(before: Subscription) -> Subscription:
        return replace(before, state=state)

    return _amend(project_id, subscription_id, change, check, desk)


def delete_subscription(
    project_id: str, subscription_id: str, *, check: VersionCheck, desk: SubscriptionDesk
) -> None:
    """Removes it; the next event does not meet it."""
    remove(
        _reader(project_id, subscription_id, desk),
        desk.subscriptions.delete_subscription,
        check=check,
    )


def _reader(
    project_id: str, subscription_id: str, desk: SubscriptionDesk
) -> Callable[[], Subscription | None]:
    return lambda: desk.subscriptions.get_subscription(project_id, subscription_id)


def _amend(
    project_id: str,
    subscription_id: str,
    change: Callable[[Subscription], Subscription],
    check: VersionCheck,
    desk: SubscriptionDesk,
) -> Subscription:
    def stamped(before: Subscription) -> Subscription:
        after = change(before)
        return before if after == before else replace(after, updated_ms=desk.clock.now_ms())

    return amend(
        _reader(project_id, subscription_id, desk),
        stamped,
        lambda after, before: desk.subscriptions.replace_subscription(after, before=before),
        check=check,
    )


def _unknown_endpoint() -> InvalidInput:
    """The same for another project's endpoint, a deleted one and one that never was."""
    fault = Fault("/endpoint_id", "unknown_reference", "There is no such endpoint in this project.")
    return InvalidInput("unknown_reference", fault.message, (fault,))
