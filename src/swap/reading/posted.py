"""What of a notebook goes into a mail: texts and pictures, as the reading process answers.  Pure values.

That process has read what anybody may have written, so its answer is no more than text and PNG or JPEG.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Final

from swap.errors import LimitExceeded, Problem

BLOCKS: Final = 500
TEXT_LENGTH: Final = 20_000
"""Characters of one text."""
ALL_LENGTH: Final = 200_000
"""Of all of them."""
PICTURES: Final = 20
PICTURE_BYTES: Final = 2_000_000
ALL_BYTES: Final = 6_000_000
"""Of all pictures; mail servers take ten million bytes and more, and a third is added on the way."""
_BEGINS: Final = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff"}


@dataclass(frozen=True, slots=True)
class Text:
    """Words of the notebook's, or, set as it is printed, what a cell shows."""

    text: str
    printed: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture written anew: `png` or `jpeg`."""

    kind: str
    content: bytes


Block = Text | Picture


def written(blocks: list[Block]) -> bytes:
    """Return blocks as the reading process answers."""
    told = [
        {"text": each.text, "printed": each.printed}
        if isinstance(each, Text)
        else {"kind": each.kind, "content": base64.b64encode(each.content).decode()}
        for each in blocks
    ]
    return json.dumps(told).encode()


def read(answer: bytes) -> tuple[Block, ...]:
    """Return the blocks of an answer, none of which is what it should not be.  Raises LimitExceeded for another."""
    try:
        found = tuple(_block(each) for each in json.loads(answer))
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise _too_much() from error
    texts = sum(len(each.text) for each in found if isinstance(each, Text))
    pictures = [len(each.content) for each in found if isinstance(each, Picture)]
    # As much again is what says that something was left out.
    if len(found) > 2 * BLOCKS or texts > 2 * ALL_LENGTH or len(pictures) > PICTURES or sum(pictures) > ALL_BYTES:
        raise _too_much()
    return found


def _block(told: dict[str, object]) -> Block:
    if "text" in told:
        text, printed = told["text"], told["printed"]
        if not isinstance(text, str) or not isinstance(printed, bool):
            raise TypeError(text)
        # A half of a pair that stands alone cannot be sent.
        return Text(text.encode("utf-8", "replace").decode(), printed)
    kind, content = told["kind"], base64.b64decode(str(told["content"]), validate=True)
    if kind not in _BEGINS or not content.startswith(_BEGINS[str(kind)]):
        raise ValueError(kind)
    return Picture(str(kind), content)


def _too_much() -> LimitExceeded:
    return LimitExceeded(Problem("This edition cannot be mailed.", todo="Look at its page."))
