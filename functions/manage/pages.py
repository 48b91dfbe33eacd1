"""Pages of a list: cut before an answer is larger than Lambda lets through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from functions.manage.cursors import next_cursor
from hooktrace.api.http import encode_json
from hooktrace.domain.shown_size import MOST_SHOWN_BYTES


def page_of(
    items: Sequence[Mapping[str, object]], next_after: str | None, *scope: str
) -> dict[str, object]:
    """The body of a page. It has one item at least, if there is one.

    `next_after` is the id after which the next page begins, None after the last item.
    """
    left = MOST_SHOWN_BYTES
    for number, item in enumerate(items):
        left -= len(encode_json(item).encode())
        if left < 0 < number:
            items, next_after = items[:number], str(items[number - 1]["id"])
            break
    return {"items": list(items), "next_cursor": next_cursor(next_after, *scope)}
