"""A project on the local stack, over HTTPS's plain sister: only the API and a real receiver."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from tools.receiver import Receiver, Step

ENDS = {"succeeded", "partial", "failed", "discarded", "rejected"}


class ApiProject:
    """A fresh project with its own admin key; `receiver` is where its endpoints are."""

    def __init__(self, stack: Mapping[str, Any], receiver: Receiver, **settings: Any) -> None:
        self.receiver = receiver
        self._client = httpx.Client(base_url=stack["api_url"], timeout=40, trust_env=False)
        made = self._client.post(
            "/v1/projects",
            json={"name": "e2e", "allow_http": True} | settings,
            headers={"authorization": f"Bearer {stack['admin_key']}"},
        )
        assert made.status_code == 201, made.text
        self.id = made.json()["id"]
        self.token = made.json()["admin_key"]["token"]

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        return self._client.request(method, path, headers=headers, **more)

    def close(self) -> None:
        self._client.close()

    def made(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.call("POST", path, json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def endpoint(self, path: str, *steps: Step, **more: Any) -> dict[str, Any]:
        if steps:
            self.receiver.behave(path, *steps)
        return self.made("/v1/endpoints", {"url": self.receiver.url + path} | more)

    def subscription(self, endpoint: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return self.made("/v1/subscriptions", {"endpoint_id": endpoint["id"]} | more)

    def post(self, body: bytes | Mapping[str, Any], **headers: str) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call(
            "POST",
            "/v1/events",
            content=raw,
            headers={"content-type": "application/json"} | headers,
        )

    def event(self, event_type: str, data: Any) -> str:
        answer = self.post({"type": event_type, "data": data})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def trace(self, event_id: str) -> dict[str, Any]:
        answer = self.call("GET", f"/v1/events/{event_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def outcome(self, event_id: str, *, seconds: float = 30) -> dict[str, Any]:
        """The trace once the event is at its end."""
        return self.until(event_id, lambda trace: trace["status"] in ENDS, seconds=seconds)

    def until(self, event_id: str, holds: Any, *, seconds: float = 30) -> dict[str, Any]:
        """The trace once `holds(trace)`; fails when that takes longer than `seconds`."""
        deadline = time.monotonic() + seconds
        while not holds(trace := self.trace(event_id)):
            assert time.monotonic() < deadline, json.dumps(trace, indent=1)
            time.sleep(0.1)
        return trace
