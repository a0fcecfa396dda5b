"""What a program printed for a terminal → HTML.  Colours and weights stay; what else a terminal obeys is dropped."""

from __future__ import annotations

import re
from itertools import pairwise

from markupsafe import Markup, escape

_ESCAPE = re.compile(
    r"\x1b\[([0-9;:]{0,60})m"  # a colour or weight
    r"|\x1b\[[0-?]{0,60}[ -/]{0,4}[@-~]"  # what moves or erases
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$|(?=\x1b))"  # titles, links, whole texts for the terminal
    r"|\x1b[ -/]{0,4}[0-~]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]"
)
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_ON = {1: "b", 2: "dim", 3: "i", 4: "u", 9: "gone"}
_OFF = {22: {"b", "dim"}, 23: {"i"}, 24: {"u"}, 29: {"gone"}}
_ORDER = ("b", "dim", "i", "u", "gone")


def shown(text: str) -> Markup:
    r"""Return a text with its colours as classes.

    >>> shown("10 %\r\x1b[1;31mE<\x1b[0m 20 %")
    Markup('<span class="t-b t-red">E&lt;</span> 20 %')
    """
    text = overwritten(text)
    if "\x1b" not in text:
        return escape(_ESCAPE.sub("", text))
    made: list[str] = []
    weights: set[str] = set()
    colour = ""
    at = 0
    for found in [*_ESCAPE.finditer(text), None]:
        part = text[at : found.start() if found else len(text)]
        if part:
            classes = " ".join(f"t-{each}" for each in (*(w for w in _ORDER if w in weights), colour) if each)
            made.append(f'<span class="{classes}">{escape(part)}</span>' if classes else str(escape(part)))
        if found is None:
            break
        at = found.end()
        if found[1] is not None:
            colour = _obey(found[1], weights, colour)
    return Markup("".join(made))  # noqa: S704 — each part is escaped above


def plain(text: str) -> str:
    """Return a text without anything for a terminal."""
    return _ESCAPE.sub("", overwritten(text))


def overwritten(text: str) -> str:
    r"""Return what a terminal shows in the end of lines that were written over.

    >>> overwritten("10 %\r20 %\r\nab\x08c")
    '20 %\nac'
    """
    if "\r" in text:
        lines = text.replace("\r\n", "\n").split("\n")
        text = "\n".join(next((part for part in reversed(line.split("\r")) if part), "") for line in lines)
    if "\x08" not in text:
        return text
    kept: list[str] = []
    for before, char in pairwise(["", *text]):
        del before
        if char != "\x08":
            kept.append(char)
        elif kept and kept[-1] != "\n":
            kept.pop()
    return "".join(kept)


def _obey(codes: str, weights: set[str], colour: str) -> str:
    """Change the weights as the codes say; return the colour from here on."""
    numbers = [int(each) if each else 0 for each in re.split("[;:]", codes)[:16] if len(each) <= 4]
    while numbers:
        code = numbers.pop(0)
        if code == 0:
            weights.clear()
            colour = ""
        elif code in _ON:
            weights.add(_ON[code])
        elif code in _OFF:
            weights -= _OFF[code]
        elif 30 <= code <= 37 or 90 <= code <= 97:
            colour = _COLOURS[code % 10]
        elif code in {38, 48}:
            # One of 256 colours, or of 16 million: Codex has none of them.
            del numbers[: 2 if numbers[:1] == [5] else 4]
        elif code == 39:
            colour = ""
    return colour
