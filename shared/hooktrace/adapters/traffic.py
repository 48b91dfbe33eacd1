"""What is known about the traffic to each endpoint: one item, and none while nothing is.

| PK | SK | attributes |
|---|---|---|
| `project#endpoint` | `T` | v version, w write token, x expiry (epoch seconds), rn requests in |
| | | rs seconds of the limit, ra since when, f end of the queue and us of what began (both in |
| | | microseconds), |
| | | ft times given back, p permits (`token:count:until` each), su slow until, hu last hang, |
| | | fa fast answers |

The partition is the endpoint's own, so that a busy limit heats no shard of events. The stream's
filter leaves the item out by its sort key.
"""

from __future__ import annotations

from collections.abc import Iterable

from hooktrace.adapters.items import Item, Key
from hooktrace.adapters.tables import Change, Put, Table, write_one
from hooktrace.domain.registry import RateLimit
from hooktrace.domain.traffic import Permit, Traffic
from hooktrace.endpoint_ports import EndpointKey

SORT_KEY = "T"


class TableTraffic:
    """Fulfils `hooktrace.endpoint_ports.TrafficStore` on a table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, keys: Iterable[EndpointKey]) -> dict[EndpointKey, Traffic]:
        places = {key: _place(key) for key in keys}
        found = self._table.get(list(places.values())) if places else {}
        return {
            key: _traffic(found[place]) if place in found else Traffic()
            for key, place in places.items()
        }

    def replace(self, key: EndpointKey, after: Traffic, *, before: Traffic) -> Traffic | None:
        item = _item(key, after)
        op = Change(_item(key, before), item) if before.version else Put(item)
        refused = write_one(self._table, op)
        if refused is None:
            return None
        current = _traffic(refused.current) if refused.current else Traffic()
        return None if current.write_token == after.write_token else current


def _place(key: EndpointKey) -> Key:
    return f"{key[0]}#{key[1]}", SORT_KEY


def _item(key: EndpointKey, traffic: Traffic) -> Item:
    partition, sort = _place(key)
    permits = [f"{p.token}:{p.count}:{p.until_ms}" for p in traffic.permits]
    limit = traffic.limit
    numbers = {
        "v": traffic.version,
        "x": traffic.expires_s,
        "rn": limit.requests if limit else 0,
        "rs": limit.seconds if limit else 0,
        "ra": traffic.limit_since_ms,
        "f": traffic.free_us,
        "us": traffic.used_us,
        "su": traffic.slow_until_ms,
        "hu": traffic.hung_ms,
        "fa": traffic.fast_answers,
    }
    item: Item = {"PK": {"S": partition}, "SK": {"S": sort}, "w": {"S": traffic.write_token}}
    item |= {name: {"N": str(value)} for name, value in numbers.items() if value}
    lists = {"ft": [str(at) for at in traffic.freed_ms], "p": permits}
    return item | {name: {"S": " ".join(texts)} for name, texts in lists.items() if texts}


def _traffic(item: Item) -> Traffic:
    numbers = {name: int(value["N"]) for name, value in item.items() if "N" in value}
    requests, seconds = numbers.get("rn", 0), numbers.get("rs", 0)
    return Traffic(
        version=numbers["v"],
        limit=RateLimit(requests, seconds) if requests else None,
        limit_since_ms=numbers.get("ra", 0),
        free_us=numbers.get("f", 0),
        used_us=numbers.get("us", 0),
        freed_ms=tuple(map(int, item["ft"]["S"].split(" "))) if "ft" in item else (),
        permits=tuple(map(_permit, item["p"]["S"].split(" "))) if "p" in item else (),
        slow_until_ms=numbers.get("su", 0),
        hung_ms=numbers.get("hu", 0),
        fast_answers=numbers.get("fa", 0),
        expires_s=numbers.get("x", 0),
        write_token=item["w"]["S"],
    )


def _permit(text: str) -> Permit:
    token, count, until = text.split(":")
    return Permit(token, int(count), int(until))
