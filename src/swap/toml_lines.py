"""On which line of a TOML document a value stands, so that a message can name it.

Works on documents that `tomllib` has accepted; it finds lines and judges nothing.
"""

from __future__ import annotations

import re

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=(.*)$")
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]\]?\s*(?:\#.*)?$")
_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"' r"|'[^']*'|\#.*")


def _parts(key: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))


class Lines:
    """The lines of one document, by path: keys are strings, positions in arrays are numbers."""

    def __init__(self, document: str) -> None:
        self._of: dict[tuple[str | int, ...], int] = {}
        self._table: tuple[str | int, ...] = ()
        self._counts: dict[tuple[str | int, ...], int] = {}
        self._open_string = ""
        self._depth = 0
        self._array: tuple[str | int, ...] = ()
        self._elements = 0
        for number, line in enumerate(document.splitlines(), 1):
            self._read(number, line)

    def of(self, path: tuple[str | int, ...]) -> int:
        """Return the line of a path, or of the nearest table around it; 1 when there is none."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._of:
                return self._of[path[:length]]
        return 1

    def _read(self, number: int, line: str) -> None:
        if self._open_string:
            if self._open_string in line:
                self._open_string = ""
            return
        if self._depth:
            self._inside_value(number, line)
        elif header := _HEADER.match(line):
            self._enter_table(number, _parts(header[2]), array=header[1] == "[[")
        elif key := _KEY.match(line):
            path = (*self._table, *_parts(key[1]))
            self._remember(path, number)
            self._array, self._elements = path, 0
            self._follow(key[2])

    def _enter_table(self, number: int, parts: tuple[str, ...], *, array: bool) -> None:
        path: tuple[str | int, ...] = ()
        for part in parts[:-1]:
            path = (*path, part)
            if path in self._counts:  # [sources.x] below [[sources]] means the newest element
                path = (*path, self._counts[path] - 1)
        path = (*path, parts[-1])
        if array:
            index = self._counts.get(path, 0)
            self._counts[path] = index + 1
            path = (*path, index)
        self._table = path
        self._remember(path, number)

    def _inside_value(self, number: int, line: str) -> None:
        """Follow an array over several lines; each table that begins a line in it is an element."""
        if self._depth == 1 and line.lstrip().startswith("{"):
            self._remember((*self._array, self._elements), number)
            self._elements += 1
        self._follow(line)

    def _follow(self, text: str) -> None:
        for quotes in ('"""', "'''"):
            if text.count(quotes) % 2:
                self._open_string = quotes
                return
        bare = _STRING_OR_COMMENT.sub("", text)
        self._depth = max(0, self._depth + bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}"))

    def _remember(self, path: tuple[str | int, ...], number: int) -> None:
        for length in range(1, len(path) + 1):
            self._of.setdefault(path[:length], number)
