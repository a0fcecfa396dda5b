"""A notebook → what of it goes into a mail: its words, what its cells print, its pictures.  No code, and no HTML."""

from __future__ import annotations

from collections.abc import Iterator

from swap.reading import ansi, document, pictures, posted
from swap.reading.document import PLOTLY, VEGA_LITE, Cell, Data, Output, Stream
from swap.reading.posted import Block, Picture, Text

CHART = "(A chart is not in this mail: it stands on the report's page.)"
REST = "(The rest is not in this mail: it stands on the report's page.)"
_IN_WORDS = "Chart"
"""How a chart in words begins that Altair draws in SWAP (`client.altair`): its title, and its bars if they are few."""
_WRITTEN = ("image/png", "image/jpeg", "image/webp", "image/gif")
"""Pictures of dots, the first of which an output has is taken; a drawing is not written anew as dots."""


def blocks(content: bytes) -> bytes:
    """Return what of a notebook's file goes into a mail, up to `posted`'s limits; folded outputs stay where they are.

    Raises Invalid, LimitExceeded.
    """
    made: list[Block] = []
    length, size, count = 0, 0, 0
    for block in _blocks(content):
        if len(made) >= posted.BLOCKS:
            made.append(Text(REST))
            break
        if isinstance(block, Picture):
            count, size = count + 1, size + len(block.content)
            fits = count <= posted.PICTURES and size <= posted.ALL_BYTES and len(block.content) <= posted.PICTURE_BYTES
            if not fits:
                count, size, block = count - 1, size - len(block.content), Text(CHART)  # noqa: PLW2901
        else:
            length += len(block.text)
            if length > posted.ALL_LENGTH:
                made.append(Text(REST))
                break
        made.append(block)
    return posted.written(made)


def _blocks(content: bytes) -> Iterator[Block]:
    for raw in document.cells(document.load(content)):
        cell = document.cell(raw)
        if cell.kind == "markdown":
            yield from _text(cell.source, printed=False)
        elif cell.kind == "code" and not cell.hides_outputs:
            yield from _shown(cell)


def _shown(cell: Cell) -> Iterator[Block]:
    for output in cell.outputs:
        yield from _output(output)


def _output(output: Output) -> Iterator[Block]:
    if isinstance(output, Stream):
        if not output.is_error:
            yield from _text(ansi.plain(output.text), printed=True)
    elif isinstance(output, Data):
        yield from _data(output)


def _data(data: Data) -> Iterator[Block]:
    if document.HIDDEN in data.values:
        return
    for kind in _WRITTEN:
        if kind in data.pictures:
            yield _picture(kind, data.pictures[kind])
            return
    plain = ansi.plain(data.texts.get("text/plain", ""))
    if data.pictures or PLOTLY in data.values or not VEGA_LITE.isdisjoint(data.values):
        if plain.startswith(_IN_WORDS):
            yield from _text(plain, printed=True)
        yield Text(CHART)
    elif "text/markdown" in data.texts:
        yield from _text(data.texts["text/markdown"], printed=False)
    else:
        yield from _text(plain, printed=True)


def _picture(kind: str, data: str) -> Block:
    try:
        content, type_ = pictures.written(kind, data)
    except ValueError:
        return Text(CHART)
    return Picture(type_.removeprefix("image/"), content)


def _text(text: str, *, printed: bool) -> Iterator[Block]:
    text = text.strip("\n")
    if len(text) > posted.TEXT_LENGTH:
        text = f"{text[: posted.TEXT_LENGTH]}\n{REST}"
    if text.strip():
        yield Text(text, printed)
