"""What an exercise works with: a project of its own, the stack's AWS clients, its log lines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3
import httpx

from infra.alarm_table import OWN, Alarm, Thresholds, alarm_table
from infra.permissions import ALL_ROOMS
from tools.demo.stack import Stack
from tools.emulator import REGION

T = TypeVar("T")
TIMEOUT_SECONDS = 35.0
POLL_SECONDS = 0.2

Line = dict[str, Any]


class NotSeen(Exception):  # noqa: N818 - named for what it says
    """What the exercise expects did not come."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One exercise: the alarm with its value, the trace, and the lines that a query would find."""

    broke: str
    simulated: str
    alarm: Alarm
    value: float | None
    trace: Mapping[str, Any]
    query: str
    lines: list[Line]
    healed: str


class Workbench:
    """The stack of `state` (`.hooktrace/local.json`), with a new project."""

    def __init__(self, state: Mapping[str, Any], api: Stack) -> None:
        self.state = state
        self.outputs: Mapping[str, str] = state["outputs"]
        self.receiver: str = state["receiver_url"]
        made = api.post("/v1/projects", {"name": "break-it", "allow_http": True})
        self.project_id: str = made["id"]
        self.key: str = made["admin_key"]["token"]
        self.api = api.with_key(self.key)
        self._alarms = {alarm.name: alarm for alarm in _alarms(self.outputs)}

    def client(self, service: str) -> Any:
        """A boto3 client that reaches the stack and nothing else."""
        return boto3.client(  # type: ignore[call-overload] # any service
            service,
            endpoint_url=self.state["endpoint_url"],
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulator takes anything
        )

    def alarm(self, name: str) -> Alarm:
        """A row of the table that the template's alarms are made from."""
        return self._alarms[name]

    def endpoint(self, path: str, **more: Any) -> str:
        """The id of an endpoint at the receiver that gets every event."""
        made = self.api.post("/v1/endpoints", {"url": self.receiver + path} | more)
        self.api.post("/v1/subscriptions", {"endpoint_id": made["id"]})
        return str(made["id"])

    def event(self, number: int = 0) -> str:
        """The id of an event that was accepted."""
        body = {"type": "order.created", "data": {"n": number}}
        return str(self.api.post("/v1/events", body, 202)["id"])

    def trace(self, event: str) -> dict[str, Any]:
        return self.api.get(f"/v1/events/{event}")

    def redrive(self) -> str:
        """The command that sends again what sweep wrote to traces of the project."""
        where = f"--api '{self.state['api_url']}' --key {self.key}"
        return f"PYTHONPATH=.:shared .venv/bin/python -m tools.redrive traces {where}"

    def sweep(self) -> None:
        """One round, as the schedule would make it."""
        self.client("lambda").invoke(FunctionName=self.outputs["SweepFunction"])

    def lines(self, room: str, wanted: str, since_ms: int) -> list[Line]:
        """The lines of a room that hold a text."""
        function = self.outputs[f"{room.title()}Function"]
        configured = self.client("lambda").get_function_configuration(FunctionName=function)
        found = self.client("logs").filter_log_events(
            logGroupName=configured["LoggingConfig"]["LogGroup"],
            filterPattern=f'"{wanted}"',
            startTime=since_ms,
        )
        texts = [one["message"].strip() for one in found["events"]]
        return [json.loads(text) for text in texts if text.startswith("{")]

    @contextmanager
    def paused(self, room: str, queue: str) -> Iterator[None]:
        """A queue that its room does not read meanwhile."""
        client = self.client("lambda")
        arn = self.queue_arn(queue)
        (mapping,) = client.list_event_source_mappings(
            FunctionName=self.outputs[f"{room.title()}Function"], EventSourceArn=arn
        )["EventSourceMappings"]
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        try:
            yield
        finally:
            client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    def queue_arn(self, queue: str) -> str:
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=self.outputs[f"{queue}QueueUrl"], AttributeNames=["QueueArn"]
        )
        return str(attributes["Attributes"]["QueueArn"])

    def take(self, queue: str, wanted: str) -> Mapping[str, Any]:
        """Takes the message that holds a text out of a queue that nobody reads."""
        sqs, url = self.client("sqs"), self.outputs[f"{queue}QueueUrl"]

        def found() -> Mapping[str, Any] | None:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1)
            return next((m for m in answer.get("Messages", []) if wanted in m["Body"]), None)

        message = self.until("a message", found)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return message

    def until(self, what: str, look: Callable[[], T | None], seconds: float = 60) -> T:
        """What `look` finds; raises NotSeen when it finds nothing for so long."""
        deadline = time.monotonic() + seconds
        while not (found := look()):
            if time.monotonic() > deadline:
                raise NotSeen(f"{what} did not come within {seconds:g} s")
            time.sleep(POLL_SECONDS)
        return found


def totals(lines: list[Line], alarm: Alarm) -> list[float | None]:
    """The sums of an alarm's own metrics in these lines; None for one that is in none."""
    seen: list[float | None] = []
    for one in alarm.series:
        assert one.namespace == OWN
        values = [line[one.name] for line in lines if one.name in line]
        seen.append(sum(values) if values else None)
    return seen


@contextmanager
def workbench(state: Mapping[str, Any]) -> Iterator[Workbench]:
    """A workbench on a running stack."""
    base = str(state["api_url"])
    with httpx.Client(base_url=base, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        yield Workbench(state, Stack(dict(state), client, str(state["admin_key"])))


def _alarms(outputs: Mapping[str, str]) -> list[Alarm]:
    queues = [n.removesuffix("Url") for n in outputs if n.endswith("DlqUrl")]
    queues += [n.removesuffix("QueueUrl") for n in outputs if n.endswith("QueueUrl")]
    rooms = {r: one for r, one in ALL_ROOMS.items() if f"{r.title()}Function" in outputs}
    drained = {
        "".join(part.title() for part in name.split("_"))
        for allowed in rooms.values()
        for name in allowed.drains
    }
    return alarm_table(
        rooms=rooms,
        queues=queues,
        drained=drained,
        streams=[room for room, allowed in rooms.items() if allowed.stream],
        tables=("Ledger", "Registry"),
        thresholds=Thresholds(),
    )
