"""Rows as aligned text, for consoles, logs and notebooks without our renderer.

Control characters never reach a terminal: what a source stores must not move somebody's cursor.
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

NULL = "null"
CELL_WIDTH = 48
PAGE_WIDTH = 160
"""Columns of text when nobody says how wide the screen is."""


def table(
    columns: Sequence[dict[str, Any]], rows: Sequence[Sequence[str | None]], *, first: int = 1, width: int | None = None
) -> str:
    """Return head, types and rows, numbers at the right; columns that do not fit are named below."""
    numbers = [str(first + index) for index in range(len(rows))]
    blocks = [_block("", "", numbers, right=True)]
    room = (width or _screen()) - len(blocks[0][0])
    fitting = 0
    for index, column in enumerate(columns):
        right = column.get("align") == "right"
        cells = [_shown(row[index], group=bool(column.get("group"))) for row in rows]
        block = _block(one_line(column["name"]), column["type"], cells, right=right)
        room -= 2 + width_of(block[0])
        if room < 0 and fitting:
            break
        blocks.append(block)
        fitting += 1
    lines = ["  ".join(parts).rstrip() for parts in zip(*blocks, strict=True)]
    if not any(column["type"] for column in columns):
        del lines[1]
    left = [one_line(column["name"]) for column in columns[fitting:]]
    if left:
        lines.append(f"and {count(len(left), 'more column')}: {', '.join(left[:20])}{' …' if len(left) > 20 else ''}")
    return "\n".join(lines)


def one_line(value: str, width: int = CELL_WIDTH) -> str:
    r"""Return a value on one line, its control characters made visible, cut at a width.

    >>> one_line("a\tb\x1b[2J"), one_line("")
    ('a\\tb\\x1b[2J', '""')
    """
    if not value:
        return '""'
    shown = "".join(_visible(character) for character in value[: width + 1])
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def safe(value: str) -> str:
    """Return text with everything but its line ends made visible."""
    return "\n".join("".join(map(_visible, line)) for line in value.split("\n"))


def width_of(value: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if value.isascii():
        return len(value)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in value
    )


def grouped(value: str) -> str:
    """Return a number with thousands separated.

    >>> grouped("-1204118.5"), grouped("NaN")
    ('-1,204,118.5', 'NaN')
    """
    whole, dot, part = value.partition(".")
    digits = whole.lstrip("-")
    if not digits.isdecimal():
        return value
    return f"{'-' if whole.startswith('-') else ''}{int(digits):,}{dot}{part}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count(1, "row"), count(310482, "row")
    ('1 row', '310,482 rows')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def seconds(value: float) -> str:
    """Return a duration.

    >>> seconds(0.034), seconds(27.9), seconds(182.4)
    ('0.03 s', '27.9 s', '3 m 02 s')
    """
    if value < 60:
        return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"
    return f"{int(value) // 60} m {int(value) % 60:02} s"


def left(value: float) -> str:
    """Return how long something is expected to go on; nothing when that is over.

    >>> left(6.2), left(200), left(0.3)
    ('about 6 s left', 'about 3 min left', '')
    """
    if value < 0.5:
        return ""
    return f"about {max(1, round(value))} s left" if value < 90 else f"about {round(value / 60)} min left"


def size(number: float) -> str:
    """Return a size in bytes.

    >>> size(9_700_000_000), size(512)
    ('9.7 GB', '512 B')
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}" if number < 100 * factor else f"{number / factor:.0f} {unit}"
    return f"{number:.0f} B"


def _visible(character: str) -> str:
    # C: controls, invisible formats, surrogates.  A zero-width joiner is part of writing.
    if character == "\u200d" or not unicodedata.category(character).startswith(("C", "Zl", "Zp")):
        return character
    return character.encode("unicode_escape").decode("ascii")


def _shown(value: str | None, *, group: bool) -> str:
    if value is None:
        return NULL
    return grouped(value) if group else one_line(value)


def _block(name: str, type_: str, cells: Sequence[str], *, right: bool) -> list[str]:
    texts = [name, type_, *cells]
    width = max(width_of(each) for each in texts)
    pads = [" " * (width - width_of(each)) for each in texts]
    lined = [pad + each if right else each + pad for pad, each in zip(pads, texts, strict=True)]
    return [*lined[:2], "─" * width, *lined[2:]]


def _screen() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PAGE_WIDTH
