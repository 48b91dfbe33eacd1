"""What the use cases need from the outside, declared by what they call.

Adapters fulfil these: DynamoDB, SQS and HTTP in `adapters/`, and the shipped fakes in
`adapters/memory/`, which pass the same conformance suite.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from hooktrace.domain.attempts import OutgoingRequest, RawAnswer, SendResult
from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.events import EventRecord, PlannedDelivery
from hooktrace.domain.ids import DeliveryId, EndpointId, EventId, OperationId, ProjectId
from hooktrace.domain.messages import Task

if TYPE_CHECKING:
    from hooktrace.domain.stats import RollUp, RollUpKey

Record = EventRecord | DeliveryRecord


@dataclass(frozen=True, slots=True)
class Write:
    """One conditional write: `after` instead of `before` (None: it must not exist yet).

    The condition is the version of `before`. `after.write_token` marks the write, so that one
    that succeeded but reported failure is recognised as one's own.
    """

    after: Record
    before: Record | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The write was made (by this call, or by its own repetition that looked like a loss)."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody else wrote first; `current` is what stands there now (None: nothing does)."""

    current: Record | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The store did not do this write, or did not say so; the others are not concerned.

    It may have been made all the same. `why` is the operation and the code of the error;
    `is_final`: the store will never take it, so trying again is of no use.
    """

    why: str
    is_final: bool = False


class Ledger(Protocol):
    """Events and deliveries. Reads raise Unavailable when the store does not answer."""

    def write(self, writes: Sequence[Write]) -> list[Written | Lost | Failed]:
        """Each write on its own, in any order; one answer for each, in the order given.

        Raises nothing: what the store did not do is Failed, for this write alone.
        """
        ...

    def events(self, refs: Iterable[tuple[ProjectId, EventId]]) -> dict[EventId, EventRecord]:
        """Those of the events that exist, read strongly consistent."""
        ...

    def deliveries(
        self, refs: Iterable[tuple[ProjectId, DeliveryId]]
    ) -> dict[DeliveryId, DeliveryRecord]:
        """Those of the deliveries that exist, read strongly consistent."""
        ...


class Payloads(Protocol):
    """Payloads and plans that do not fit into the event's own item."""

    def put_payload(self, project: ProjectId, event: EventId, packed: bytes, ttl: int) -> str:
        """Stores a packed payload beside its event; answers where ("item" or "s3")."""
        ...

    def put_payloads(
        self, project: ProjectId, payloads: Sequence[tuple[EventId, bytes, int]]
    ) -> list[str | Failed]:
        """Many of them, each (event, packed, ttl) with its own answer; raises nothing."""
        ...

    def payload(self, project: ProjectId, event: EventId) -> bytes | None:
        """The packed payload stored beside its event, or None."""
        ...

    def put_plan(self, event: EventRecord, token: str, plan: Sequence[PlannedDelivery]) -> int:
        """Stores a long plan in pages under `token`; answers how many pages."""
        ...

    def plan_page(self, event: EventRecord, page: int) -> tuple[PlannedDelivery, ...]:
        """One page (from 0) of the event's stored plan."""
        ...


class PayloadEraser(Protocol):
    """Takes payloads away for good."""

    def erase_payload(self, project: ProjectId, event: EventId, place: str | None) -> None:
        """Deletes what `put_payload` stored at `place`, every version of it, if it is there.

        Raises Unavailable.
        """
        ...


class AttemptShelf(Protocol):
    """Attempts that no longer fit into their delivery's record."""

    def shelve(self, delivery: DeliveryRecord, attempts: Sequence[Attempt]) -> None:
        """Stores attempts beside their delivery; the same attempt twice is stored once."""
        ...

    def shelved(
        self, delivery: DeliveryRecord, *, limit: int, before: int | None = None
    ) -> list[Attempt]:
        """The newest `limit` shelved attempts, of those before this number, oldest first.

        Fewer than `limit` are all that there are.
        """
        ...


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """What an idempotency key stands for: an event, the bytes it came with, until when (s).

    A key of `POST /v1/operations` stands for an operation: `event_id` holds the operation's id.
    """

    event_id: EventId
    fingerprint: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class Contended:
    """Others kept taking an idempotency key over: nothing was claimed."""


class IdempotencyKeys(Protocol):
    """Idempotency keys of a project."""

    def claim(self, project: ProjectId, key: str, mine: KeyClaim, *, now_s: int) -> KeyClaim:
        """The claim that stands: `mine` if the key was free or its claim expired.

        Raises Conflict (`idempotency_in_progress`) while others keep taking it over.
        """
        ...

    def claim_all(
        self, project: ProjectId, mine: Sequence[tuple[str, KeyClaim]], *, now_s: int
    ) -> list[KeyClaim | Contended | Failed]:
        """As `claim` for many keys, which may repeat: of two the first stands. Raises nothing."""
        ...

    def claimed(self, project: ProjectId, key: str, *, now_s: int) -> bool:
        """Whether a claim on the key stands."""
        ...


@dataclass(frozen=True, slots=True)
class Due:
    """What sweep must look at now, over all projects."""

    deliveries: list[tuple[ProjectId, DeliveryId]]
    events: list[tuple[ProjectId, EventId]]
    operations: list[tuple[ProjectId, OperationId]] = field(default_factory=list)


class LedgerScan(Protocol):
    """What sweep looks through."""

    def events_in_shard(
        self,
        project: ProjectId,
        shard: int,
        since_ms: int,
        until_ms: int,
        after: EventId | None = None,
    ) -> Iterable[EventRecord]:
        """The events accepted in [since, until) in this shard, oldest first; those behind `after`
        alone, if it is given."""
        ...

    def due(self, until_ms: int, *, limit: int) -> Due:
        """Up to `limit` deliveries, events and operations whose due time has come."""
        ...


class StatsStore(Protocol):
    """Roll-ups of statistics. Every method raises Unavailable when the store does not answer."""

    def roll_ups(self, keys: Iterable[RollUpKey]) -> dict[RollUpKey, RollUp]:
        """Those of the roll-ups that exist, read strongly consistent."""
        ...

    def write(self, writes: Sequence[tuple[RollUp, RollUp | None]]) -> dict[RollUpKey, RollUp]:
        """Each (after, before) on the condition of its version; those that lost, as they stand."""
        ...

    def days(
        self, project: ProjectId, lane: int, endpoint: EndpointId | None, first: int, last: int
    ) -> list[RollUp]:
        """The roll-ups of these days (counted from 1970), both ends included; one Query."""
        ...


class TaskQueue(Protocol):
    """A queue that takes tasks."""

    def send(self, tasks: Sequence[tuple[Task, int]]) -> None:
        """Sends tasks, each with its delay in whole seconds (0 to 900), in batches.

        Raises Unavailable when any of them could not be sent; others may have been. Unsent says
        which were not.
        """
        ...


class Sender(Protocol):
    """Makes one HTTP request; what goes wrong is part of the result, nothing is raised."""

    def send(self, request: OutgoingRequest) -> SendResult: ...


class Fetcher(Protocol):
    """Makes one HTTP request whose answer is needed in full, by the same rules as a Sender."""

    def fetch(self, request: OutgoingRequest) -> RawAnswer: ...


class Clock(Protocol):
    """The time of day."""

    def now_ms(self) -> int:
        """Unix milliseconds."""
        ...


class Chance(Protocol):
    """Random numbers: ids, write tokens and jitter."""

    def token(self) -> str:
        """A short text that no other write has."""
        ...

    def entropy(self) -> bytes:
        """Ten random bytes for an id."""
        ...

    def fraction(self) -> float:
        """A number in [0, 1)."""
        ...
