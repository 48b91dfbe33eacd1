"""Reading the JSON text of a filter strictly."""

from __future__ import annotations

import json
from typing import Never

from hooktrace.domain.filters.limits import TOO_DEEP
from hooktrace.domain.filters.refusals import Faults
from hooktrace.domain.filters.values import integer_from_text


class _Duplicate(Exception):  # noqa: N818 - a signal inside the module
    """A key stands twice in one object."""


class _NotJson(Exception):  # noqa: N818 - a signal inside the module
    """NaN or Infinity."""


def read_json(text: str, faults: Faults) -> object:
    """The value of a JSON text; None, with a fault noted, when it is refused.

    Integers of any length are exact. A fraction or exponent beyond binary64 becomes an infinity,
    which the filter's own checks refuse where it stands.
    """
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=integer_from_text,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        faults.add("", "invalid_json", f"This is not JSON: {error.msg} ({where}).")
    except _NotJson as error:
        faults.add("", "invalid_json", f"{error} is not JSON; use a number, null or a string.")
    except _Duplicate as error:
        faults.add(
            "",
            "duplicate_key",
            f"The key {error} stands twice in one object, so one of its clauses would vanish; "
            "put both into `$and`.",
        )
    except RecursionError:
        faults.add("", "too_deep", TOO_DEEP)
    else:
        return value
    return None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Duplicate(f"`{key[:80]}`")
            seen.add(key)
    return value


def _refuse_constant(word: str) -> Never:
    raise _NotJson(word)
