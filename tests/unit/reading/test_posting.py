"""What of a notebook goes into a mail: text and pictures of dots, bounded, whatever the notebook holds."""

from __future__ import annotations

import base64
import json

import pytest

import notebooks
from swap.client import altair
from swap.errors import LimitExceeded
from swap.reading import posted, posting
from swap.reading.posted import Block, Picture, Text


def read(*cells: dict[str, object]) -> tuple[Block, ...]:
    return posted.read(posting.blocks(notebooks.content(*cells)))


def test_words_prints_tables_and_pictures_come_in_their_order_and_no_code() -> None:
    frame = {"text/html": "<table></table>", "text/plain": "country  views"}
    found = read(
        notebooks.markdown("# Readers"),
        notebooks.code("secret = 1", notebooks.printed("\x1b[31mforty\x1b[0m"), notebooks.printed("bad", "stderr")),
        notebooks.code("df", notebooks.shown(frame)),
        notebooks.code("plot", notebooks.shown({"image/png": notebooks.png(), "text/plain": "<Figure>"})),
    )
    assert found[:3] == (Text("# Readers"), Text("forty", printed=True), Text("country  views", printed=True))
    (picture,) = found[3:]
    assert isinstance(picture, Picture)
    assert picture.content.startswith(b"\x89PNG")


def test_a_picture_is_written_anew_and_brings_nothing_along() -> None:
    plain = base64.b64decode(notebooks.png())
    found = read(notebooks.code("p", notebooks.shown({"image/png": base64.b64encode(plain + b"secret").decode()})))
    assert isinstance(found[0], Picture)
    assert b"secret" not in found[0].content


@pytest.mark.parametrize(
    "data",
    [
        {"image/svg+xml": notebooks.SVG},
        {"image/png": "bm90IGEgcGljdHVyZQ=="},
        {"application/vnd.vegalite.v5+json": {"mark": "bar"}, "text/plain": "alt.Chart(...)"},
    ],
)
def test_what_is_no_picture_of_dots_is_named_and_stands_on_the_page(data: dict[str, object]) -> None:
    assert read(notebooks.code("c", notebooks.shown(data))) == (Text(posting.CHART),)


def test_a_chart_that_is_drawn_on_the_page_comes_in_words() -> None:
    spec = {
        "mark": "bar",
        "title": "Views",
        "encoding": {"x": {"field": "n", "type": "quantitative"}, "y": {"field": "name", "type": "nominal"}},
        "datasets": {"d": [{"name": "DE", "n": 42}]},
    }
    bundle, _ = altair.render(spec)
    assert read(notebooks.code("c", notebooks.shown(bundle))) == (
        Text(f"Chart (bar): Views\nDE  {'█' * altair.BAR_WIDTH} 42", printed=True),
        Text(posting.CHART),
    )


def test_what_its_author_folded_stays_folded() -> None:
    folded = notebooks.code("c", notebooks.printed("42"), jupyter={"outputs_hidden": True})
    assert read(folded) == ()


def test_a_mail_has_a_size() -> None:
    lines = notebooks.code("c", notebooks.printed("x" * 300_000))
    assert len("".join(each.text for each in read(*[lines] * 30) if isinstance(each, Text))) < 2 * posted.ALL_LENGTH
    picture = notebooks.code("c", notebooks.shown({"image/png": notebooks.png(600, 600)}))
    found = read(*[picture] * 10)
    sizes = [len(each.content) for each in found if isinstance(each, Picture)]
    assert 0 < len(sizes) <= posted.PICTURES
    assert sum(sizes) <= posted.ALL_BYTES
    assert Text(posting.CHART) in found


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"7",
        b'{"a": 1}',
        b'[{"text": 1, "printed": false}]',
        b'[{"text": "a"}]',
        b'[{"kind": "png", "content": "PHNjcmlwdD4="}]',
        b'[{"kind": "svg+xml", "content": "PHN2Zz4="}]',
        b'[{"kind": "png", "content": "%"}]',
        json.dumps([{"text": "a", "printed": False}] * 1001).encode(),
        b"[" * 100_000,
    ],
)
def test_what_the_reading_process_answers_is_believed_no_further(answer: bytes) -> None:
    with pytest.raises(LimitExceeded):
        posted.read(answer)
