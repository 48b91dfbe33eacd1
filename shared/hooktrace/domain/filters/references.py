"""`$ref`: the path of another value in the same scope."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hooktrace.domain.filters.paths import split_raw, unescape
from hooktrace.domain.filters.values import MISSING

MAX_REF_CHARACTERS: Final = 512

_PART: Final = re.compile(r"(?P<name>[^\[\]]*)(?P<brackets>(?:\[(?:\$index|0|[1-9][0-9]*)\])*)")
_BRACKET: Final = re.compile(r"\[([^\]]*)\]")


class BadRef(Exception):  # noqa: N818 - a refusal inside the package, never seen outside
    """A reference that is no path; the text says what to do."""


class IndexOfTheWay:
    """`[$index]`: the index of an array entered on the way to the clause."""

    __slots__ = ()


_INDEX_OF_THE_WAY: Final = IndexOfTheWay()


@dataclass(frozen=True, slots=True)
class Ref:
    """A parsed path: names, indexes and `[$index]` from the root of the scope."""

    source: str
    steps: tuple[str | int | IndexOfTheWay, ...]

    def resolve(self, root: object, indexes: list[int]) -> object:
        """The value the path leads to, or MISSING."""
        value = root
        entered = 0
        for step in self.steps:
            if isinstance(step, str):
                value = value.get(step, MISSING) if type(value) is dict else MISSING
            else:
                if isinstance(step, IndexOfTheWay):
                    if entered == len(indexes):
                        return MISSING
                    place = indexes[entered]
                    entered += 1
                else:
                    place = step
                inside = type(value) is list and place < len(value)
                value = value[place] if inside and type(value) is list else MISSING
            if value is MISSING:
                return MISSING
        return value


def parse_ref(source: object) -> Ref:
    """A reference as written. Raises BadRef."""
    if type(source) is not str:
        raise BadRef("`$ref` needs a path as a string, for instance `previous.status`")
    if len(source) > MAX_REF_CHARACTERS:
        raise BadRef(f"a path may have at most {MAX_REF_CHARACTERS} characters")
    path = source.removeprefix("$.")
    steps: list[str | int | IndexOfTheWay] = []
    for position, raw in enumerate(split_raw(path)):
        found = _PART.fullmatch(raw)
        if found is None:
            raise BadRef("a path has names, `[0]` and `[$index]`; wildcards cannot be used")
        name, brackets = found["name"], found["brackets"]
        if name == "$":
            raise BadRef("`$` cannot be used inside a path; write `[$index]` or `[0]`")
        if name != "":
            steps.append(unescape(name))
        elif position > 0 or brackets == "":
            raise BadRef("a dot needs a name on both sides, and a path is not empty")
        steps.extend(
            _INDEX_OF_THE_WAY if text == "$index" else int(text)
            for text in _BRACKET.findall(brackets)
        )
    return Ref(source, tuple(steps))


def parse_header_ref(source: object) -> Ref:
    """A reference among headers: one name in any case, dots and all. Raises BadRef."""
    source = parse_ref(source).source
    return Ref(source, (unescape(source.removeprefix("$.").lower()),))
