from __future__ import annotations

import json
import re
from typing import Any

import pytest

import notebooks
from swap.errors import NotFound
from swap.reading import answers, exports, pictures, render


def rendered(*cells: dict[str, Any], **metadata: Any) -> answers.Rendered:
    return render.render(notebooks.content(*cells, **metadata), render.cache())


def test_the_table_of_contents_leads_to_the_headings() -> None:
    found = rendered(
        notebooks.markdown("# The question\n\ntext\n\n## By *continent* <b>x</b>"),
        notebooks.markdown("## By continent x\n\n### $x$"),
        notebooks.code("1"),
    )
    assert found.title == "The question"
    assert [(each.level, each.text, each.anchor) for each in found.outline] == [
        (1, "The question", "The-question"),
        (2, "By continent x", "By-continent-x"),
        (2, "By continent x", "cell-2"),
    ]
    for each in found.outline:
        assert f'id="{each.anchor}"' in found.html


def test_it_is_told_which_cells_are_shown_by_their_ids_and_how_each_begins() -> None:
    found = rendered(
        notebooks.markdown("\n\n  # The question\n\ntext") | {"id": "a-1"},
        {"cell_type": "nonsense", "id": "left-out"},
        notebooks.code("x" * 5_000) | {"id": "<b>"},
        notebooks.code("y = 1") | {"id": ["a"]},
        {"cell_type": "raw", "metadata": {}, "source": [" ", "z\n"]},
    )
    assert [(each.id, each.text) for each in found.spots] == [
        ("a-1", "# The question"),
        ("", "x" * render.SPOT_LENGTH),
        ("", "y = 1"),
        ("", "z"),
    ]
    assert answers.from_json(answers.as_json(found)) == found
    for number in range(1, found.cells + 1):
        assert f'id="cell-{number}"' in found.html


def test_code_is_folded_and_can_all_be_open() -> None:
    found = rendered(notebooks.code("%%swap a\nSELECT 1"), notebooks.code("x = 1"), notebooks.code("  "))
    assert re.findall(r"<summary>(.*?)</summary>", found.html) == ["SQL, 2 lines", "Python, 1 line"]
    assert answers.unfolded(found.html).count('<details class="fold" open>') == 2
    forged = rendered(notebooks.markdown('<details class="fold"><summary>x</summary>y</details>'))
    assert answers.unfolded(forged.html) == forged.html


def test_a_cell_is_made_once_for_what_it_holds_and_again_when_it_changes() -> None:
    kept = render.cache()
    cells = [notebooks.markdown(f"text {number}") for number in range(5)]
    first = render.render(notebooks.content(*cells), kept)
    made: list[Any] = []
    original = render._made
    render._made = lambda cell, language: (made.append(cell.source), original(cell, language))[1]
    try:
        again = render.render(notebooks.content(*cells), kept)
        changed = render.render(notebooks.content(*cells[:4], notebooks.markdown("other")), kept)
        other_language = render.render(notebooks.content(*cells, language_info={"name": "R"}), kept)
    finally:
        render._made = original
    assert again == first
    assert made[0] == "other"
    assert len(made) == 6
    assert "other" in changed.html
    assert other_language.language == "r"


def test_a_picture_has_an_address_of_its_own_and_only_those_of_the_notebook_are_given() -> None:
    content = notebooks.content(notebooks.code("1", notebooks.shown({"image/png": notebooks.png(5, 4)})))
    html = render.render(content, render.cache()).html
    (name,) = re.findall(r'src="([^"]*)"', html)
    assert "data:" not in html
    assert render.picture(content, name)[1] == "image/png"
    with pytest.raises(NotFound):
        render.picture(content, name.replace("png", "svg"))
    with pytest.raises(NotFound):
        render.picture(notebooks.content(notebooks.markdown("a")), name)


def test_an_output_folded_by_its_author_is_folded() -> None:
    folded = rendered(notebooks.code("1", notebooks.printed("a"), jupyter={"outputs_hidden": True}))
    assert "folded by the author" in folded.html
    assert "folded by the author" not in rendered(notebooks.code("1", notebooks.printed("a"))).html


def test_cells_beyond_the_limit_are_counted() -> None:
    found = rendered(*(notebooks.markdown("a") for _ in range(2_010)))
    assert "10 more cells are not shown" in found.html
    assert found.cells == 2_000


def test_charts_that_move_are_named_and_a_picture_beside_them_is_shown() -> None:
    moving = notebooks.shown({"application/vnd.vegalite.v6+json": {}, "text/plain": "alt.Chart(...)"})
    assert "An interactive chart" in rendered(notebooks.code("1", moving)).html
    both = notebooks.shown({"application/vnd.plotly.v1+json": {}, "image/png": notebooks.png()})
    assert "<img" in rendered(notebooks.code("1", both)).html


def test_what_swap_stored_of_a_result_is_a_table() -> None:
    result = {
        "rows": 310_482,
        "summary": "waited 5 s",
        "columns": [{"name": "country", "type": "text"}, {"name": "views", "type": "bigint", "align": "right", "group": True}],
        "page": {"rows": [["IN", "1204118"], [None, "-98.5"], ["", "n"]]},
    }  # fmt: skip
    html = rendered(notebooks.code("1", notebooks.shown({"application/vnd.swap.result+json": result}))).html
    for part in ("1,204,118", '<span class="nul">null</span>', "-98.5", "3 of 310,482 rows · waited 5 s", "bigint"):
        assert part in html


def test_a_notebook_to_take_along_has_no_outputs_and_no_marks() -> None:
    content = notebooks.content(
        notebooks.markdown("# A", attachments={"a.png": {"image/png": notebooks.png()}}),
        notebooks.code("secret = 1", notebooks.printed("hunter2"), trusted=True, token="hunter2"),
        widgets={"state": "hunter2"},
    )
    assert b"hunter2" in content
    made = exports.without_outputs(content)
    assert b"hunter2" not in made
    found = json.loads(made)
    assert [cell["source"] for cell in found["cells"]] == ["# A", "secret = 1"]
    assert found["metadata"]["kernelspec"]["name"] == "swap"
    render.render(made, render.cache())


def test_a_script_runs_and_holds_text_and_magics_as_comments() -> None:
    content = notebooks.content(
        notebooks.markdown("# A\n\ntext"),
        notebooks.code("%%swap a\nSELECT 1"),
        notebooks.code("%load_ext x\n!ls\nb = 6 * 7"),
    )
    made = exports.script(content).decode()
    found: dict[str, Any] = {}
    exec(made, found)
    assert found["b"] == 42
    assert "# SELECT 1" in made
    assert "# # A" in made


def hidden(**told: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": {"application/vnd.swap.hidden+json": told}}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            {"datasets": ["lake.wmf.views"], "ask": "data-privacy"},
            "They come from <code>lake.wmf.views</code>, which you may not read. Ask data-privacy.",
        ),
        (
            {"datasets": ["a.b.c", "a.b.d", "data you may not see"], "ask": "owners"},
            "They come from <code>a.b.c</code>, <code>a.b.d</code>, which you may not read, and from data you may not see. Ask owners.",
        ),
        ({"datasets": ["data you may not see"], "ask": "owners"}, "They come from data you may not see. Ask owners."),
        (
            {"datasets": [], "ask": "owners"},
            "What they come from was not recorded; only the person whose notebook it is sees them.",
        ),
    ],
)
def test_hidden_outputs_say_what_they_come_from_and_whom_to_ask(told: dict[str, Any], said: str) -> None:
    html = rendered(notebooks.code("1", hidden(**told))).html
    assert f'role="note"><p><b>These outputs are hidden from you.</b> {said}</p></div>' in html


@pytest.mark.parametrize("told", [None, 1, [], {"datasets": {}}, {"datasets": [1, None, ["a.b"]], "ask": {}}])
def test_outputs_whose_reason_nobody_can_read_stay_hidden(told: Any) -> None:
    made = hidden()
    made["data"] = {"application/vnd.swap.hidden+json": told}
    assert "These outputs are hidden from you." in rendered(notebooks.code("1", made)).html


def test_nothing_is_shown_beside_what_is_hidden() -> None:
    """Whatever stands there: also where more types come before it than are looked at."""
    many = {f"application/x{number}": "canary" for number in range(60)}
    other = {
        "text/html": "<b>canary</b>",
        "text/plain": "canary",
        "image/png": notebooks.png(5, 4),
        "application/vnd.swap.result+json": {"canary": 1},
        "application/vnd.vegalite.v5+json": {},
    }
    for beside in (other, many | other):
        made = hidden(datasets=["lake.<i>a</i>.b"], ask="<script>")
        made["data"] = beside | made["data"]
        content = notebooks.content(notebooks.code("1", made))
        html = render.render(content, render.cache()).html
        assert "canary" not in html
        assert "<img" not in html
        assert "&lt;i&gt;" in html
        with pytest.raises(NotFound):
            render.picture(content, pictures.name("image/png", other["image/png"]))
