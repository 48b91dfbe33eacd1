"""The text of foreign errors never becomes part of ours, which are logged."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from redis.exceptions import ConnectionError as NoCache

from hooktrace.adapters.bus import EventBus
from hooktrace.adapters.dynamodb.registry import DynamoRegistryTable
from hooktrace.adapters.dynamodb.table import DynamoTable
from hooktrace.adapters.forget_by_call import ForgetByCall
from hooktrace.adapters.kms import KmsKeys
from hooktrace.adapters.refusals import named
from hooktrace.adapters.s3 import S3Blobs
from hooktrace.adapters.sqs import SqsDeadLetters, SqsQueue
from hooktrace.adapters.trace_cache.valkey import ValkeyTraceCache
from hooktrace.api.log import describe_error
from hooktrace.domain.errors import InvalidInput, Unavailable
from hooktrace.domain.events import Payload
from hooktrace.domain.ids import EventId, OperationId, ProjectId
from hooktrace.domain.messages import OperateTaskV1, decode
from hooktrace.domain.notifications import Notification

SECRET = "4111111111111111"
PROJECT = ProjectId("prj_01ARZ3NDEKTSV4RRFFQ69G5FAV")
EVENT = EventId("evt_01ARZ3NDEKTSV4RRFFQ69G5FAV")
OPERATION = OperationId("op_01ARZ3NDEKTSV4RRFFQ69G5FAV")


ABOUT = Notification("n", "event.failed", EVENT, 1_790_000_000_000, {})


class Refusing:
    """A client whose every operation is refused with a text that quotes what was asked."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, _operation: str) -> Callable[..., Any]:
        def refuse(*_: Any, **__: Any) -> Any:
            raise self._error

        return refuse


CALLS: dict[str, Callable[[Any], object]] = {
    "bus": lambda client: EventBus(client, "bus").publish([ABOUT]),
    "registry": lambda client: DynamoRegistryTable(client, "t").get([("p", "s")]),
    "ledger": lambda client: DynamoTable(client, "t").get([("p", "s")]),
    "forget": lambda client: ForgetByCall(client, "f").forget([(PROJECT, EVENT)]),
    "kms": lambda client: KmsKeys(lambda: client, "arn").new_data_key(PROJECT),
    "kms_unwrap": lambda client: KmsKeys(lambda: client, "arn").unwrap(PROJECT, b"x"),
    "s3_put": lambda client: S3Blobs(lambda: client, "b").put("n", b""),
    "s3_get": lambda client: S3Blobs(lambda: client, "b").get("n"),
    "s3_delete": lambda client: S3Blobs(lambda: client, "b").delete("n"),
    "sqs": lambda client: SqsQueue(client, "u").send([(OperateTaskV1(PROJECT, OPERATION, 1), 0)]),
    "dead": lambda client: SqsDeadLetters(client, "u").receive(),
    "dead_delete": lambda client: SqsDeadLetters(client, "u").delete("h"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_adapter_names_code_and_operation_of_a_refusal(call: Callable[[Any], object]) -> None:
    error = {"Code": "ThrottlingException", "Message": f"The item {SECRET} is refused"}
    client = Refusing(ClientError({"Error": error}, "AnyCall"))  # type: ignore[typeddict-item] # as it comes
    with pytest.raises(Unavailable) as raised:
        call(client)
    line = json.dumps(describe_error(raised.value))
    assert SECRET not in line
    assert "ThrottlingException at AnyCall" in line


def test_an_error_without_a_usable_code_is_named_by_its_type() -> None:
    assert named(EndpointConnectionError(endpoint_url=SECRET)) == "EndpointConnectionError"
    odd = ClientError({"Error": {"Code": f"no code, but {SECRET}", "Message": ""}}, "PutItem")
    assert named(odd) == "ClientError at PutItem"


def test_a_cache_that_does_not_answer_is_named_by_its_error() -> None:
    cache = ValkeyTraceCache(Refusing(NoCache(SECRET)))  # type: ignore[arg-type] # refuses all
    with pytest.raises(Unavailable) as raised:
        cache.forget([(PROJECT, EVENT)])
    assert str(raised.value) == "the cache did not answer: ConnectionError"


@pytest.mark.parametrize(
    "text",
    [f'{{"{SECRET}', f'{{"kind":"{SECRET}","project":"{PROJECT}"}}', f'{{"kind":"{SECRET}"}}'],
)
def test_a_message_that_cannot_be_read_is_not_quoted(text: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        decode(text)
    assert str(raised.value) in {
        "not a message of ours: JSONDecodeError",
        "not a message of ours: ValueError",
        "not a message of ours: KeyError",
    }


def test_a_payload_that_cannot_be_read_is_not_quoted() -> None:
    with pytest.raises(InvalidInput) as raised:
        Payload.unpack(SECRET.encode())
    assert str(raised.value) == "not a stored payload: error"  # zlib.error is called so
