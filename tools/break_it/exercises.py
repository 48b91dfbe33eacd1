"""The four exercises. Each breaks one thing, looks, mends it, and says what it only pretended."""

from __future__ import annotations

import json
import time
from typing import Any

from hooktrace.domain.retry import RETURN_SECONDS
from tools.break_it.throttle import ThrottledTable
from tools.break_it.workbench import Finding, Workbench, totals

ENDS = {"succeeded", "failed", "partial", "discarded"}
EVENTS = 24
AUDIT_SECONDS = 22
"""The local stack's audit looks at events that are 20 s old."""


def dead_endpoint(bench: Workbench) -> Finding:
    """An endpoint that answers 503 to everything, and has no retries left."""
    began = _now_ms()
    bench.endpoint("/status/503", retry_schedule=[])
    events = [bench.event(number) for number in range(EVENTS)]
    bench.until(
        "the end of the events", lambda: all(bench.trace(e)["status"] in ENDS for e in events)
    )

    def failed() -> list[dict[str, Any]] | None:
        lines = bench.lines("deliver", "http_error", began)
        return lines if sum(line["Attempts"] for line in lines) >= EVENTS else None

    lines = bench.until("the lines of its attempts", failed)
    alarm = bench.alarm("FailureRate")
    return Finding(
        broke="a dead endpoint",
        simulated="three periods of five minutes are taken for one",
        alarm=alarm,
        value=alarm.value(totals(lines, alarm)),
        trace=bench.trace(events[0]),
        query="Failed attempts by outcome and status",
        lines=lines[:2],
        healed="mend the endpoint, then POST /v1/deliveries/{id}/retry",
    )


def poisoned_message(bench: Workbench) -> Finding:
    """A deliver message whose body cannot be unpacked, in place of the good one."""
    bench.endpoint("/ok")
    began, sqs, url = _now_ms(), bench.client("sqs"), bench.outputs["DeliverQueueUrl"]
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    with bench.paused("deliver", "Deliver"):
        event = bench.event()
        body = json.loads(bench.take("Deliver", event)["Body"])
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body | {"body": "AAAA"}))
        for _ in RETURN_SECONDS:  # the tries after which the room decides when it comes back
            sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, WaitTimeSeconds=1)
    dead = bench.outputs["DeliverDlqUrl"]

    def depth() -> int:
        wanted = ["ApproximateNumberOfMessages"]
        found = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=wanted)
        return int(found["Attributes"][wanted[0]])

    try:
        seen = bench.until("a dead letter", depth)
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=before["Attributes"])
    bench.sweep()
    bench.until("the end of the event", lambda: bench.trace(event)["status"] in ENDS)
    alarm = bench.alarm("DeliverDeadLetters")
    lines = bench.lines("deliver", "back", began)
    return Finding(
        broke="a poisoned message",
        simulated="two tries are made without the room, and the queue shows messages after 1 s",
        alarm=alarm,
        value=alarm.value([float(seen), None]),
        trace=bench.trace(event),
        query="Messages put back",
        lines=[line for line in lines if event.removeprefix("evt_") in json.dumps(line)][:2],
        healed=bench.redrive(),
    )


def stopped_sweep(bench: Workbench) -> Finding:
    """The schedule is off, and the message of an event is lost: nobody finds it."""
    bench.endpoint("/ok")
    events = bench.client("events")
    rules = events.list_rules()["Rules"]
    (rule,) = [one["Name"] for one in rules if one.get("Description") == "Hooktrace sweep"]
    events.disable_rule(Name=rule)
    began = _now_ms()
    try:
        with bench.paused("match", "Match"):
            event = bench.event()
            bench.take("Match", event)
        time.sleep(AUDIT_SECONDS)
        stuck = bench.trace(event)
        alarm = bench.alarm("SweepNotRunning")
        value = alarm.value([None])  # no datum is what CloudWatch has of a sweep that is off
    finally:
        events.enable_rule(Name=rule)

    def healed() -> bool:
        bench.sweep()
        return bool(bench.trace(event)["status"] in ENDS)

    bench.until("the event, once sweep runs", healed)
    return Finding(
        broke="a stopped sweep",
        simulated="five minutes without a run are taken as gone by",
        alarm=alarm,
        value=value,
        trace=stuck,
        query="What sweep repaired",
        lines=bench.lines("sweep", "match_sent_again", began)[:2],
        healed=f"aws events enable-rule --name {rule}; the event is {bench.trace(event)['status']}",
    )


THROTTLED_EVENTS = 10
"""Each alone would be refused a few times in a minute: too few for the alarm."""


def throttled_table(bench: Workbench) -> Finding:
    """DynamoDB refuses what match asks for, as it does when a table is throttled."""
    bench.endpoint("/ok")
    client, function = bench.client("lambda"), bench.outputs["MatchFunction"]
    variables = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    began = _now_ms()
    with ThrottledTable(bench.state["endpoint_url"]) as table:
        behind = variables | {"AWS_ENDPOINT_URL_DYNAMODB": table.url}
        client.update_function_configuration(
            FunctionName=function, Environment={"Variables": behind}
        )
        try:
            event, *_ = [bench.event(number) for number in range(THROTTLED_EVENTS)]
            alarm = bench.alarm("LedgerThrottles")
            bench.until("throttled calls", lambda: table.refused >= alarm.at_least or None)
            stuck, refused = bench.trace(event), table.refused
            lines = bench.until(
                "a line about it",
                lambda: bench.lines("match", event, began),
            )
        finally:
            table.on = False
            client.update_function_configuration(
                FunctionName=function, Environment={"Variables": variables}
            )

        def healed() -> bool:
            bench.sweep()
            return bool(bench.trace(event)["status"] in ENDS)

        bench.until("the event, once the table answers", healed, seconds=120)
    return Finding(
        broke="a throttled table",
        simulated="the emulator never throttles: a server before it answers as DynamoDB does",
        alarm=alarm,
        value=alarm.value([0, float(refused)]),
        trace=stuck,
        query="Messages put back",
        lines=lines[:2],
        healed=f"raise warm throughput; the event is {bench.trace(event)['status']}",
    )


EXERCISES = (dead_endpoint, poisoned_message, stopped_sweep, throttled_table)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
