"""How much of an answer a record takes in a list or a trace.

Lambda answers at most 6 MB, and counts the answer after it has put our JSON into its own: there
every quote and backslash is doubled. A page that would be larger is a 502 for the caller.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from hooktrace.domain.deliveries import Attempt, DeliveryRecord
from hooktrace.domain.events import EventRecord

MOST_SHOWN_BYTES = 2_500_000
"""Of all records of a page, by `shown_bytes`: twice that, and what surrounds it, always fits."""
MOST_TRACE_BYTES = 1_800_000
"""Of the deliveries of a trace, beside an event of 1 MiB and its report."""
_RECORD_BYTES = 1_000
_ATTEMPT_BYTES = 600


def shown_bytes(record: EventRecord | DeliveryRecord) -> int:
    """An upper bound of what the record takes as JSON, before it is put into other JSON."""
    if isinstance(record, EventRecord):
        return _RECORD_BYTES + (len(json.dumps(record.report)) if record.report else 0)
    return _RECORD_BYTES + sum(map(_of_attempt, record.attempts))


def _of_attempt(one: Attempt) -> int:
    texts = [one.reason, one.url, one.response_body, one.response_headers]
    return _ATTEMPT_BYTES + len(json.dumps(texts))


def fitting(records: Sequence[DeliveryRecord], most_bytes: int) -> Sequence[DeliveryRecord]:
    """The first of the records that fit, and one at least."""
    left = most_bytes
    for number, record in enumerate(records):
        left -= shown_bytes(record)
        if left < 0 < number:
            return records[:number]
    return records
