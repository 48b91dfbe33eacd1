"""The local stack over HTTP: its API as the demo calls it, and its receiver."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

PARALLEL = 6
TIMEOUT_SECONDS = 35.0


class DemoError(Exception):
    """The demo did not see what it expects; the text is the one line to show."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request that the receiver got: header names in lower case, the body's exact bytes."""

    headers: dict[str, str]
    body: bytes


class Stack:
    """Calls of one API key. Raises DemoError for every answer that is not expected."""

    def __init__(self, state: dict[str, str], client: httpx.Client, key: str) -> None:
        self.state = state
        self._client = client
        self._auth = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def with_key(self, key: str) -> Stack:
        """The same stack for another caller."""
        return Stack(self.state, self._client, key)

    def curl(self, path: str) -> str:
        """A command that reads a resource as this key does."""
        url = self.state["api_url"].rstrip("/") + path
        return f"curl -H 'authorization: {self._auth['authorization']}' '{url}'"

    def post(self, path: str, body: object, status: int = 201) -> dict[str, Any]:
        """Posts JSON, or bytes that are JSON already."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._call("POST", path, status, content)

    def get(self, path: str) -> dict[str, Any]:
        """Reads a resource."""
        return self._call("GET", path, 200, None)

    def post_events(self, bodies: Iterable[bytes]) -> list[str]:
        """Posts events, some at a time; their ids, in order."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            answers = pool.map(lambda body: self.post("/v1/events", body, 202), bodies)
            return [answer["id"] for answer in answers]

    def traces(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        """The traces of events, in order."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            return list(pool.map(lambda one: self.get(f"/v1/events/{one}"), ids))

    def received(self, path: str) -> list[Received]:
        """What the receiver got on a path, oldest first."""
        url = f"{self.state['receiver_url']}/_requests"
        try:
            answer = self._client.get(url, params={"path": path})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise DemoError(f"the receiver does not answer: {error}") from error
        return [
            Received({k.lower(): v for k, v in one["headers"]}, base64.b64decode(one["body"]))
            for one in answer.json()
        ]

    def _call(self, method: str, path: str, status: int, content: bytes | None) -> dict[str, Any]:
        url = self.state["api_url"].rstrip("/") + path
        try:
            answer = self._client.request(method, url, content=content, headers=self._auth)
        except httpx.HTTPError as error:
            raise DemoError(f"{method} {path}: {error or type(error).__name__}") from error
        if answer.status_code != status:
            raise DemoError(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def connect(state_file: Path) -> Iterator[Stack]:
    """The stack that a state file describes, called with its admin key."""
    try:
        state: dict[str, str] = json.loads(state_file.read_bytes())
        key = state["admin_key"]
    except (OSError, ValueError, KeyError) as error:
        raise DemoError(f"no local stack in {state_file} ({error}); run `make up`") from error
    limits = httpx.Limits(max_connections=PARALLEL)
    # The stack is on this machine: no proxy of the environment stands between.
    with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False, limits=limits) as client:
        yield Stack(state, client, key)
