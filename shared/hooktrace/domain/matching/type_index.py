"""Finds the sets of event types that fit a type: exact names in a dict, patterns in a trie."""

from __future__ import annotations

from typing import Any

_HERE = ""
_ONE_OR_MORE = ">"
"""A pattern ends here with `*` as its last word. No word of a pattern is spelled like these."""


class TypeIndex:
    """Numbers of buckets by exact name and by pattern, as plain dicts for the snapshot."""

    __slots__ = ("exact", "trie")

    def __init__(
        self, exact: dict[str, list[int]] | None = None, trie: dict[str, Any] | None = None
    ) -> None:
        self.exact: dict[str, list[int]] = {} if exact is None else exact
        self.trie: dict[str, Any] = {} if trie is None else trie

    def add(self, pattern: str, number: int) -> None:
        """Notes that the bucket takes what fits the pattern."""
        if "*" not in pattern:
            self.exact.setdefault(pattern, []).append(number)
            return
        words = pattern.split(".")
        end = _HERE
        if words[-1] == "*":
            end = _ONE_OR_MORE
            words.pop()
        node = self.trie
        for word in words:
            node = node.setdefault(word, {})
        node.setdefault(end, []).append(number)

    def buckets(self, event_type: str) -> list[int]:
        """The buckets of which some pattern fits, each once."""
        found = list(self.exact.get(event_type, ()))
        if self.trie:
            words = event_type.split(".")
            pending: list[tuple[dict[str, Any], int]] = [(self.trie, 0)]
            while pending:
                node, at = pending.pop()
                if at < len(words):
                    found += node.get(_ONE_OR_MORE, ())
                    pending.extend(
                        (node[word], at + 1)
                        for word in ("*", words[at])
                        if word in node and word not in (_HERE, _ONE_OR_MORE, "**")
                    )
                else:
                    found += node.get(_HERE, ())
                if "**" in node:
                    pending.extend((node["**"], rest) for rest in range(at, len(words) + 1))
        return list(dict.fromkeys(found))
