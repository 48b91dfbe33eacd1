"""A project and a receiver for each test; the stack is shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from tests.e2e.client import ApiProject
from tools.receiver import Receiver


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


@pytest.fixture
def stack_clients(stack: dict[str, Any]) -> Callable[[str], Any]:
    """Makes boto3 clients that reach the stack and nothing else."""

    def make(service: str) -> Any:
        return boto3.client(service, **stack["aws"])  # type: ignore[call-overload] # any service

    return make


@pytest.fixture
def new_project(stack: dict[str, Any], receiver: Receiver) -> Iterator[Callable[..., ApiProject]]:
    made: list[ApiProject] = []

    def make(**settings: Any) -> ApiProject:
        made.append(ApiProject(stack, receiver, **settings))
        return made[-1]

    yield make
    for project in made:
        project.close()


@pytest.fixture
def project(new_project: Callable[..., ApiProject]) -> ApiProject:
    return new_project()
