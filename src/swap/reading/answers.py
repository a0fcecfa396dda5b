"""What a reader of notebooks answers, and how it is sent.  The portal needs this, and nothing that reads one."""

from __future__ import annotations

import json
import re
import socket
import struct
from dataclasses import asdict, dataclass
from typing import Any

from markupsafe import escape

OPEN, FOLDED = '<details class="fold" open>', '<details class="fold">'
CHART = '<a href="chart:'
"""How a link to a chart begins, and no other link: who shows the notebook puts where it leads in its place."""
KINDS_OF_CHARTS = frozenset({"vegalite", "plotly"})
_MOVES = re.compile(r'<p class="moves">.*?</p>')
HEADER = struct.Struct("!II")
"""Before each message: the bytes of its JSON, and of what comes behind it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A heading of the whole notebook, for the table of contents."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A cell that is shown: its id, or nothing for one without, and how it begins."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A whole notebook."""

    title: str
    html: str
    outline: tuple[Mark, ...]
    spots: tuple[Spot, ...]
    """The cells, in their order: the nth has the anchor `cell-n`."""
    language: str

    @property
    def cells(self) -> int:
        """How many cells are shown."""
        return len(self.spots)


def unfolded(html: str) -> str:
    """Return a notebook's HTML with all code open.  Only our own markup can hold this: theirs has no classes."""
    return html.replace(FOLDED, OPEN)


def leading(html: str, to_charts: str) -> str:
    """Return a notebook's HTML with the links to its charts leading to an address that ends with a chart's name."""
    return html.replace(CHART, f'<a href="{escape(to_charts)}')


def without_charts(html: str) -> str:
    """Return a notebook's HTML without those links."""
    return _MOVES.sub("", html)


def as_json(rendered: Rendered) -> dict[str, Any]:
    """Return a rendered notebook as JSON has it."""
    return asdict(rendered)


def from_json(value: dict[str, Any]) -> Rendered:
    """Return what `as_json` was given.  Raises TypeError, KeyError for anything else."""
    outline = tuple(Mark(**each) for each in value["outline"])
    return Rendered(**{**value, "outline": outline, "spots": tuple(Spot(**each) for each in value["spots"])})


def send(control: socket.socket, message: dict[str, Any], behind: bytes) -> None:
    """Send one message.  Raises OSError."""
    told = json.dumps(message).encode()
    control.sendall(HEADER.pack(len(told), len(behind)) + told)
    control.sendall(behind)


def receive(control: socket.socket, limit: int = 2**31) -> tuple[dict[str, Any], bytes]:
    """Return the next message.  Raises EOFError when there is none, ValueError for what is none or too long."""
    told, behind = HEADER.unpack(_exactly(control, HEADER.size))
    if told + behind > limit:
        raise ValueError("too long")
    message = json.loads(_exactly(control, told))
    if not isinstance(message, dict):
        raise TypeError("no message")
    return message, bytes(_exactly(control, behind))


def _exactly(control: socket.socket, size: int) -> bytearray:
    """Return so many bytes.  Raises EOFError when they end before."""
    made = bytearray(size)
    view = memoryview(made)
    while view:
        got = control.recv_into(view)
        if not got:
            raise EOFError
        view = view[got:]
    return made
