"""Starts the emulator with what this stack needs put right, each as AWS has it.

- A write by `BatchExecuteStatement`, which is how the ledger is written, is in the table's stream.
- Where roles are enforced, a PartiQL statement needs the permission of its kind, for instance
  `dynamodb:PartiQLInsert`, and a batch of messages that of one; the emulator asks for actions that
  AWS does not have.
- There, too, plain HTTP counts as TLS: policies that refuse it would refuse all that is local.
- CloudFormation takes alarms on metric math, which change their state by `SetAlarmState` alone,
  and saved queries of Logs Insights, which nothing here can run.

Run by the emulator's own Python, never by ours: `.local/emulator/bin/python
tools/ministack_main.py`.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

from ministack import app  # type: ignore[import-not-found] # in the emulator's venv alone
from ministack.core import iam_actions  # type: ignore[import-not-found] # as above
from ministack.services import dynamodb  # type: ignore[import-not-found] # as above
from ministack.services.cloudformation import (  # type: ignore[import-not-found] # as above
    provisioners,
)

Write = Callable[..., Any]
Checks = Callable[[str, bytes, str, str], list[tuple[str, str]]]

STATEMENT = re.compile(
    r"""\s*(?:(INSERT)\s+INTO|(UPDATE)|(DELETE)\s+FROM|(SELECT)\b.*?\bFROM)\s+"?([\w.-]+)""",
    re.IGNORECASE | re.DOTALL,
)
BATCH = "dynamodb:BatchExecuteStatement"


def streamed(write: Write, key_of: Callable[[Any, Any], tuple[Any, Any]]) -> Write:
    """`write`, and the stream record of what it changed."""

    def wrapper(table: Any, parsed: Any, *more: Any) -> Any:
        partition, sort = key_of(table, parsed)
        old = copy.deepcopy(table["items"].get(partition, {}).get(sort))
        answer = write(table, parsed, *more)
        if answer[0] == 200:
            new = table["items"][partition][sort]
            kind = "INSERT" if old is None else "MODIFY"
            dynamodb._emit_stream_event(table["TableName"], kind, old, copy.deepcopy(new))
        return answer

    return wrapper


def inserted_key(table: Any, parsed: Any) -> tuple[Any, Any]:
    """The key of an INSERT's item."""
    item = parsed.get("item", {})
    if isinstance(item, dict) and set(item) == {"M"}:
        item = item["M"]
    value = dynamodb._extract_key_val
    sort = value(item.get(table["sk_name"])) if table["sk_name"] else "__no_sort__"
    return value(item.get(table["pk_name"])), sort


def updated_key(table: Any, parsed: Any) -> tuple[Any, Any]:
    """The key that an UPDATE's WHERE names."""
    partition, sort, _, _ = dynamodb._partiql_key_target(table, parsed)
    return partition, sort


def statement_checks(others: Checks) -> Checks:
    """`others`, and (action, table ARN) of each statement of a batch."""

    def checks(action: str, body: bytes, region: str, account: str) -> list[tuple[str, str]]:
        if action != BATCH:
            return others(action, body, region, account)
        found = [
            STATEMENT.match(one["Statement"]) for one in json.loads(body).get("Statements", [])
        ]
        return [
            (
                f"dynamodb:PartiQL{next(filter(None, one.groups()[:4])).title()}",
                f"arn:aws:dynamodb:{region}:{account}:table/{one[5]}",
            )
            for one in found
            if one is not None
        ]

    return checks


def without_batch(action_of: Callable[..., str | None]) -> Callable[..., str | None]:
    """`action_of`, with the action of one message for a batch of them."""

    def action(*request: Any) -> str | None:
        found = action_of(*request)
        return found.removesuffix("Batch") if found and found.startswith("sqs:") else found

    return action


def as_if_secure(pin: Callable[[str, bool], None]) -> Callable[[str, bool], None]:
    """`pin`, with every request taken for one over TLS."""
    return lambda address, _secure: pin(address, True)


MATH = {"Namespace": "metric math", "MetricName": "metric math"}


def with_math(record: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """`record`, for alarms on metric math as well: no datum ever fits what they are given."""

    def wrapper(name: str, props: Any) -> Any:
        if not props.get("Metrics"):
            return record(name, props)
        return record(name, {k: v for k, v in props.items() if k != "Metrics"} | MATH)

    return wrapper


def saved_query(logical_id: str, _props: Any, stack_name: str) -> tuple[str, dict[str, str]]:
    """A query definition: an id, and nothing behind it."""
    identifier = f"{stack_name}-{logical_id}"
    return identifier, {"QueryDefinitionId": identifier}


def kept_query(identifier: str, *_: Any) -> tuple[str, dict[str, str]]:
    """The same after an update."""
    return identifier, {"QueryDefinitionId": identifier}


if __name__ == "__main__":
    provisioners._cw_metric_alarm_record = with_math(provisioners._cw_metric_alarm_record)
    provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"] = {
        "create": saved_query,
        "update": kept_query,
        "delete": lambda *_: None,
    }
    dynamodb._partiql_insert = streamed(dynamodb._partiql_insert, inserted_key)
    dynamodb._partiql_update = streamed(dynamodb._partiql_update, updated_key)
    iam_actions.dynamodb_transaction_checks = statement_checks(
        iam_actions.dynamodb_transaction_checks
    )
    iam_actions.extract_iam_action = without_batch(iam_actions.extract_iam_action)
    app.pin_request_origin = as_if_secure(app.pin_request_origin)
    app.main()
