"""Traces as plain, aligned text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from tools.demo.checks import Made

WIDTH = 14


def heading(word: str, trace: Mapping[str, Any]) -> list[str]:
    """A blank line and the event's own line."""
    return ["", f"{word}  {trace['id']}  {trace['type']}"]


def delivered(trace: Mapping[str, Any], made: Made, data_bytes: int, body_bytes: int) -> list[str]:
    """A succeeded event. The signature and the bytes were checked before."""
    (delivery,) = trace["deliveries"]
    rows = [("status", trace["status"]), *_matched(delivery, made)]
    rows += [_attempt(one) for one in delivery["attempts"]]
    rows += [
        ("signature", f"verified by standardwebhooks on the {body_bytes} bytes received"),
        ("data", f"the very {data_bytes} bytes that were posted"),
    ]
    return heading("DELIVERED", trace) + _aligned(rows)


def discarded(trace: Mapping[str, Any], made: Made) -> list[str]:
    """A discarded event: who said no, and by which clause."""
    match = trace["match"]
    missed = ", ".join(f"{count} by {why}" for why, count in match["misses"].items() if count)
    rows = [
        ("status", trace["status"]),
        ("subscriptions", f"{match['considered']} considered, {match['matched']} matched"),
        ("missed", missed),
    ]
    for near in match["near_misses"]:
        rows.append(("nearest", _subscriptions([near["subscription_id"]], made)))
        rows += [("", _clause(one)) for one in near["clauses"]]
    return heading("DISCARDED", trace) + _aligned(rows)


def failing(trace: Mapping[str, Any], made: Made, now: datetime) -> list[str]:
    """An event with a delivery that is retried: its attempts and what comes next."""
    rows = [("status", trace["status"])]
    for delivery in trace["deliveries"]:
        rows.append(("delivery", f"{delivery['status']}, to {delivery['endpoint_id']}"))
        rows += _matched(delivery, made)
        rows += [_attempt(one) for one in delivery["attempts"]]
        if delivery["next"]:
            rows.append(("next", delivery["next"]["text"] + _until(delivery["next"], now)))
    return heading("FAILING", trace) + _aligned(rows)


def _matched(delivery: Mapping[str, Any], made: Made) -> list[tuple[str, str]]:
    return [("matched by", _subscriptions([one], made)) for one in delivery["matched_by"]]


def _subscriptions(ids: Iterable[str], made: Made) -> str:
    return ", ".join(f"{', '.join(made.names([one]))} ({one})" for one in ids)


def _attempt(one: Mapping[str, Any]) -> tuple[str, str]:
    parts = [one["outcome"] or "in flight", one["status"], f"{one['duration_ms']} ms"]
    text = ", ".join(str(part) for part in parts if part is not None)
    if one["address"]:
        text += f", to {one['address']}"
    if one["outcome"] != "success" and one["reason"]:
        text += f": {one['reason']}"
    return (f"attempt {one['number']}", text)


def _clause(one: Mapping[str, Any]) -> str:
    actual = json.dumps(one["actual"]) if "actual" in one else "missing"
    expected = json.dumps(one["expected"])
    return f"{one['path']}  {one['operator']}  expected {expected}  actual {actual}"


def _until(step: Mapping[str, Any], now: datetime) -> str:
    """How long it is until a next step whose time is known and to come."""
    if step["at"] is None:
        return ""
    seconds = round((datetime.fromisoformat(step["at"]) - now).total_seconds())
    return f" That is in {seconds} s." if seconds > 0 else ""


def _aligned(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"  {name:<{WIDTH}}{text}" for name, text in rows]
