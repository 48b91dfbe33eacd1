"""Whether a trace, and what the receiver got, are what they must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from tools.demo.samples import FAILS, WORKS, Sample, expected
from tools.demo.stack import DemoError, Received

ENDS = frozenset({"succeeded", "partial", "failed", "discarded", "rejected"})


@dataclass(frozen=True, slots=True)
class Made:
    """What the demo created: ids by name, and the endpoints' paths and secrets."""

    endpoints: Mapping[str, str]
    secrets: Mapping[str, str]
    paths: Mapping[str, str]
    subscriptions: Mapping[str, str]

    def names(self, ids: Sequence[str]) -> set[str]:
        """The names of subscriptions; an unknown id stays itself."""
        known = {identifier: name for name, identifier in self.subscriptions.items()}
        return {known.get(one, one) for one in ids}


def expected_status(sample: Sample) -> str:
    """The status that the sample's event comes to, while the failing endpoint is retried."""
    wanted = expected(sample)
    if not wanted:
        return "discarded"
    return "delivering" if FAILS in wanted else "succeeded"


def difference(sample: Sample, trace: Mapping[str, Any], made: Made) -> str | None:
    """What the trace lacks of the expected outcome, or None."""
    status = expected_status(sample)
    if trace["status"] != status:
        return f"status is {trace['status']}, expected {status}"
    if status == "discarded":
        return None if trace["match"] else "discarded without a match report"
    wanted = expected(sample)
    found = {one["endpoint_id"]: one for one in trace["deliveries"]}
    if set(found) != {made.endpoints[name] for name in wanted}:
        return f"delivered to {sorted(found)}, expected {sorted(wanted)}"
    for name, subscriptions in wanted.items():
        wrong = _delivery_difference(name, found[made.endpoints[name]], subscriptions, made)
        if wrong:
            return f"delivery to `{name}`: {wrong}"
    return None


def _delivery_difference(
    name: str, delivery: Mapping[str, Any], subscriptions: set[str], made: Made
) -> str | None:
    matched = made.names(delivery["matched_by"])
    if matched != subscriptions:
        return f"matched by {sorted(matched)}, expected {sorted(subscriptions)}"
    ended = [one for one in delivery["attempts"] if one["outcome"]]
    if not ended:
        return "no attempt has ended"
    outcome, code = (ended[-1]["outcome"], ended[-1]["status"])
    if name == WORKS:
        good = (delivery["status"], outcome, code) == ("succeeded", "success", 200)
        return None if good else f"{delivery['status']} after {outcome} {code}"
    good = (outcome, code) == ("http_error", 503)
    if not good or delivery["status"] != "retrying" or not delivery["next_attempt_at"]:
        return f"{delivery['status']} after {outcome} {code}, next {delivery['next_attempt_at']}"
    return None


def check_received(
    samples: Mapping[str, Sample], requests: Mapping[str, Sequence[Received]], made: Made
) -> int:
    """Checks every request: signature, event, exact bytes. How many there were.

    The signature is checked by `standardwebhooks`, which shares no code with Hooktrace. Raises
    DemoError for the first request that is wrong, and for a delivery that never arrived.
    """
    arrived: set[tuple[str, str]] = set()
    for name, received in requests.items():
        verifier = Webhook(made.secrets[name])
        for request in received:
            event_id = request.headers.get("webhook-id", "")
            sample = samples.get(event_id)
            if sample is None or name not in expected(sample):
                raise DemoError(f"`{name}` got an event that is not its: {event_id!r}")
            try:
                verifier.verify(request.body, request.headers, json_parse=False)
            except WebhookVerificationError as error:
                raise DemoError(f"signature of {event_id} at `{name}`: {error}") from error
            if not request.body.endswith(b'"data":' + sample.data + b"}"):
                raise DemoError(f"{event_id} arrived at `{name}` with other bytes of data")
            arrived.add((event_id, name))
    missing = {
        (event_id, name) for event_id, sample in samples.items() for name in expected(sample)
    } - arrived
    if missing:
        raise DemoError(f"{len(missing)} deliveries never reached the receiver: {min(missing)}")
    return sum(len(received) for received in requests.values())
