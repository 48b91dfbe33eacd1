"""Suggested changes of a filter, and what a filter is once they are made."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from hooktrace.domain.filters.values import MISSING

SuggestionKind = Literal["replace", "add", "remove", "did_you_mean"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The smallest change that would have made a clause hold, or a hint.

    `text` says it in a sentence. `replace` puts `value` where the JSON pointer `clause` leads
    (under the name `operator` when that is given), `add` appends `value` to the list there,
    `remove` takes the clause away. `did_you_mean` changes nothing: `path` names a field that the
    event has.
    """

    kind: SuggestionKind
    text: str
    clause: str | None = None
    operator: str | None = None
    value: object = MISSING
    path: str | None = None

    @property
    def is_edit(self) -> bool:
        """Whether `apply` can make the change."""
        return self.kind != "did_you_mean"

    def to_json(self) -> dict[str, object]:
        """The suggestion as JSON; members that do not apply are left out."""
        shown: dict[str, object] = {"kind": self.kind, "text": self.text}
        for name in ("clause", "operator", "path"):
            if getattr(self, name) is not None:
                shown[name] = getattr(self, name)
        if self.value is not MISSING:
            shown["value"] = self.value
        return shown


def apply(source: Any, suggestions: Iterable[Suggestion]) -> Any:
    """The filter (parsed JSON) with every edit made; hints are passed over.

    What a removal leaves without meaning goes too: an object or list with nothing in it, and an
    `$or` one of whose branches asks for nothing any more. Raises KeyError or IndexError for a
    pointer that leads nowhere.
    """
    changed = copy.deepcopy(source)
    edits = [one for one in suggestions if one.is_edit and one.clause is not None]
    for one in edits:
        if one.kind != "remove":
            _put(changed, _tokens(one.clause or ""), one)
    gone = [_tokens(one.clause or "") for one in edits if one.kind == "remove"]
    for tokens in sorted(gone, key=_document_order, reverse=True):
        _remove(changed, tokens)
    return changed


def _put(root: Any, tokens: list[str], edit: Suggestion) -> None:
    parent = _walk(root, tokens[:-1])
    last = tokens[-1]
    if edit.kind == "add":
        _member(parent, last).append(edit.value)
    elif type(parent) is list:
        parent[int(last)] = edit.value
    else:
        if edit.operator is not None and edit.operator != last:
            del parent[last]
            last = edit.operator
        parent[last] = edit.value


def _remove(root: Any, tokens: list[str]) -> None:
    """Takes the place away, and upwards whatever says nothing without it."""
    while tokens:
        try:
            parent = _walk(root, tokens[:-1])
            _member(parent, tokens[-1])
        except (KeyError, IndexError):
            return  # went with something above it
        if type(parent) is list:
            del parent[int(tokens[-1])]
            if parent and tokens[-2] != "$or":
                return
        else:
            del parent[tokens[-1]]
            if parent:
                return
        tokens = tokens[:-1]


def _walk(root: Any, tokens: list[str]) -> Any:
    for token in tokens:
        root = _member(root, token)
    return root


def _member(container: Any, token: str) -> Any:
    return container[int(token)] if type(container) is list else container[token]


def _tokens(pointer: str) -> list[str]:
    """The reference tokens of an RFC 6901 pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _document_order(tokens: list[str]) -> list[tuple[int, str]]:
    return [(int(t) if t.isdecimal() else -1, t) for t in tokens]
