"""Who may edit another's notebook saves versions of it, and learns nothing of what is hidden in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

import notebooks
import saves
from integration.gateway.desks import CITIES, COUNTRIES, NO_CITIES, NOT_KNOWN, Desk, newest, told
from integration.gateway.gateways import Gateway
from integration.gateway.test_shared import NOWHERE, asked, read, sees, share, unshare
from swap import content
from swap.content import Cell, Manifest
from swap.identity import Via
from swap.notebooks import keeping, saving

Saved = tuple[str, int]
ONE, TWO = "aaa = 1", "bbb = 2"


@pytest.fixture
def ann(shared: Gateway) -> Desk:
    return Desk(shared, "ann", "analysts")


@pytest.fixture
def bob(shared: Gateway) -> Desk:
    """Somebody who may read countries, and nothing else."""
    return Desk(shared, "bob", "readers")


@pytest.fixture
def saved(ann: Desk, bob: Desk) -> Saved:
    """A notebook of Ann's that Bob may edit; the outputs of its first cell come from what he may not read."""
    ann.asks("SELECT country_code FROM lake.wmf.pageview_hourly LIMIT 1", "k1")
    ann.asks(COUNTRIES, "k2")
    first = ann.home.save(document("42", None), kernel_id="k1").json()
    ann.home.save(document("42", "Germany"), kernel_id="k2", base=1)
    saved = (str(first["notebook"]), 2)
    share(ann, saved, "person", bob.person.id, role="edit")
    return saved


def document(*outputs: str | None, sources: tuple[str, ...] = (ONE, TWO), **metadata: Any) -> dict[str, Any]:
    """Return a notebook whose cells have these outputs."""
    shown = {at: [notebooks.printed(each)] for at, each in enumerate(outputs) if each is not None}
    return saves.notebook(*sources, outputs=shown, **metadata)


def edit(desk: Desk, saved: Saved, made: dict[str, Any], base: int = 2, **more: Any) -> httpx.Response:
    """Save somebody else's notebook, from one's own server."""
    return put(desk, saved, saves.body(made, base=base, **more))


def put(desk: Desk, saved: Saved, body: bytes, **headers: str) -> httpx.Response:
    return desk.home.ask("PUT", f"/v1/shared/{saved[0]}/version", content=body, headers=headers)


def version(answer: httpx.Response) -> int:
    assert answer.status_code == 200, answer.text
    return int(answer.json()["version"])


def cells(desk: Desk, saved: Saved) -> list[tuple[str, Any]]:
    """Return the source and the outputs of each cell, as somebody sees them."""
    made = read(asked(desk, saved[0], "/version"))[1]
    return [(cell["source"], told(cell["outputs"]) if cell["outputs"] else None) for cell in made["cells"]]


def of_ann(ann: Desk, saved: Saved) -> list[Any]:
    """Return what Ann sees of the newest version."""
    with ann.swap.database.engine("owner").begin() as conn:
        number = conn.scalars(text("SELECT head FROM swap.notebook WHERE id = :id"), {"id": saved[0]}).one()
    return [told(each["outputs"]) if each["outputs"] else None for each in ann.document((saved[0], number))["cells"]]


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["title"]


def test_an_edit_is_a_version_by_its_editor_with_what_was_hidden_where_it_was(
    ann: Desk, bob: Desk, saved: Saved
) -> None:
    bob.asks(COUNTRIES, "b1")
    more = (ONE, TWO, "ccc = 3")
    assert version(edit(bob, saved, document(None, "Germany", "Paris", sources=more), kernel_id="b1")) == 3
    assert cells(bob, saved) == [(ONE, NOT_KNOWN), (TWO, "Germany"), ("ccc = 3", "Paris")]
    assert of_ann(ann, saved) == ["42", "Germany", "Paris"]
    row = ann.swap.audit("notebook-saved")[-1]
    assert (row.person_id, row.via, row.detail["version"], row.detail["notebook_id"]) == (
        bob.person.id,
        "server",
        3,
        saved[0],
    )
    with ann.swap.database.engine("owner").begin() as conn:
        wanted = "SELECT author, parent, kind FROM swap.notebook_version WHERE notebook_id = :id AND number = 3"
        assert tuple(conn.execute(text(wanted), {"id": saved[0]}).one()) == (bob.person.id, 2, "saved")
    # And on: what he made is his, also as his server names it.
    assert version(edit(bob, saved, document(None, None, "Paris", sources=more), base=3, kernel_id="b1")) == 4
    assert cells(bob, saved)[2] == ("ccc = 3", "Paris")
    assert of_ann(ann, saved) == ["42", None, "Paris"]


def test_a_save_that_is_sent_again_is_one_version_and_an_old_base_is_told_nothing(
    ann: Desk, bob: Desk, saved: Saved
) -> None:
    made = document(None, "Germany", sources=("aaa = 1", "bbb = 3"))
    for _ in range(2):
        assert version(edit(bob, saved, made, save_id="the-same-save")) == 3
    answer = edit(bob, saved, document(None, "Paris"))
    assert (answer.status_code, answer.json()["error"]["extra"]) == (409, {"version": 3})
    stale = ann.home.save(document("42", "Germany", sources=("aaa = 1", "ccc = 3")), base=2)
    assert (stale.status_code, stale.json()["error"]["extra"]) == (409, {"version": 3})


@pytest.mark.parametrize("defended", [True, False], ids=["", "control"])
def test_a_right_guess_looks_like_a_wrong_one(
    ann: Desk, bob: Desk, saved: Saved, defended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F02: an output that is the same as a hidden one, saved beside it, is no more and no less its editor's."""
    if not defended:
        monkeypatch.setattr(saving, "_made_by", lambda _, part: part)
    bob.asks(COUNTRIES, "b1")
    seen = []
    for base, guess in enumerate(("41", "42"), 2):
        made = document(None, "Germany", guess, sources=(ONE, TWO, "mine = 1"))
        assert version(edit(bob, saved, made, base=base, kernel_id="b1")) == base + 1
        seen.append(cells(bob, saved)[2][1])
        assert cells(bob, saved)[0] == (ONE, NOT_KNOWN)
    assert (seen == ["41", "42"]) is defended


def test_what_an_editor_prepared_is_not_what_the_owner_makes_later(ann: Desk, bob: Desk, saved: Saved) -> None:
    """He writes the source and its likely output; she runs it, and her output comes from what her kernel read."""
    bob.asks(COUNTRIES, "b1")
    edit(bob, saved, document(None, "Germany", "7", sources=(ONE, TWO, "total")), kernel_id="b1")
    assert cells(bob, saved)[2] == ("total", "7")
    made = document("42", "Germany", "7", sources=(ONE, TWO, "total"))
    assert version(ann.home.save(made, base=3, kernel_id="k1")) == 4
    assert cells(bob, saved) == [(ONE, NOT_KNOWN), (TWO, "Germany"), ("total", NOT_KNOWN)]


@pytest.mark.parametrize("guess", ["42", "43"])
def test_a_part_that_one_does_not_see_is_missing_whether_it_is_there_or_not(
    ann: Desk, bob: Desk, saved: Saved, guess: str
) -> None:
    made = document(guess, "Germany")
    outputs = [names[1] for _, names in content.take_apart(made).cells]
    answer = put(bob, saved, saves.body(made, base=2, known=[outputs[0]]))
    assert (answer.status_code, answer.json()["error"]["extra"]) == (409, {"send": "all"})
    as_source = saves.body(made, base=2, known=[outputs[0]]).replace(outputs[0].encode(), b"0" * 64)
    assert put(bob, saved, as_source).json()["error"]["extra"] == {"send": "all"}, "the same as for what nobody has"
    seen = put(bob, saved, saves.body(document(None, "Germany"), base=2, known=[outputs[1]]))
    assert version(seen) == 2, "the control: what he sees need not be sent, and nothing is new"


@pytest.mark.parametrize("defended", [True, False], ids=["", "control"])
def test_hidden_outputs_stay_with_the_cell_that_they_are_of(
    ann: Desk, bob: Desk, saved: Saved, defended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a source that their editor wrote they would say something that they do not."""

    def anywhere(before: Manifest, sent: Manifest, hidden: Any, _: Any) -> Manifest:
        was = next(cell for cell in before.cells if cell.outputs in hidden)
        bare = [Cell(cell.source, cell.outputs or was.outputs, cell.images) for cell in sent.cells]
        return Manifest(sent.metadata, sent.minor, tuple(bare))

    if not defended:
        monkeypatch.setattr(keeping, "keep", anywhere)
    moved = document("Germany", None, None, sources=(TWO, ONE, "aaa > 40"))
    moved["cells"][1]["metadata"] = {"tags": ["looked at"]}
    assert version(edit(bob, saved, moved)) == 3
    assert of_ann(ann, saved) == ["Germany", "42", None if defended else "42"]


def test_an_editor_that_clears_what_is_hidden_loses_none_of_it(ann: Desk, bob: Desk, saved: Saved) -> None:
    assert version(edit(bob, saved, document(None, None))) == 3
    assert of_ann(ann, saved) == ["42", None]
    assert version(edit(bob, saved, document(None, sources=("aaa = 2",)), base=3)) == 4
    assert of_ann(ann, saved) == [None], "of another source they are no outputs; the version before has them"


def test_what_an_editor_made_of_what_the_owner_may_not_read_is_hidden_from_the_owner(
    ann: Desk, bob: Desk, saved: Saved
) -> None:
    bob.swap.set_groups(bob.person, "analysts", "data-privacy")
    bob.asks(CITIES, "b1")
    more = (ONE, TWO, "city = 1")
    assert version(edit(bob, saved, document("42", "Germany", "Berlin", sources=more), kernel_id="b1")) == 3
    assert of_ann(ann, saved) == ["42", "Germany", NO_CITIES]
    assert cells(bob, saved)[2] == ("city = 1", "Berlin")
    # Her save has no outputs there, and they stay; and her server cannot ask by their name whether she guessed them.
    answer = ann.home.save(document("42", "Paris", None, sources=more), base=3, kernel_id="k2")
    assert version(answer) == 4
    assert of_ann(ann, saved) == ["42", "Paris", NO_CITIES]
    assert cells(bob, saved)[2] == ("city = 1", "Berlin")
    part = newest(ann, saved[0]).cells[2].outputs
    named = saves.body(document("42", "Paris", "x", sources=more), base=4)
    x = content.take_apart(document("x", sources=("x",))).cells[0][1][1]
    assert ann.home.put(named.replace(x.encode(), str(part).encode())).status_code in {400, 409}
    ann.swap.set_groups(ann.person, "analysts", "data-privacy")
    assert of_ann(ann, saved)[2] == "Berlin", "the control"


@pytest.mark.parametrize("guess", ["Berlin", "Bonn"])
def test_an_owner_learns_nothing_by_sending_what_they_guess(ann: Desk, bob: Desk, saved: Saved, guess: str) -> None:
    bob.swap.set_groups(bob.person, "analysts", "data-privacy")
    bob.asks(CITIES, "b1")
    more = (ONE, TWO, "city = 1")
    edit(bob, saved, document("42", "Germany", "Berlin", sources=more), kernel_id="b1")
    made = document("42", "Germany", guess, sources=more)
    taken = content.take_apart(made)
    name = taken.cells[2][1][1]
    theirs = content.made_by(taken.parts[name], bob.person.id)
    answer = ann.home.put(with_part(made, name, theirs, base=3))
    assert error(answer) == (400, "This is not a save that SWAP can read.")
    assert version(ann.home.save(made, base=3, kernel_id="k2")) == 4, "the control"
    assert of_ann(ann, saved)[2] == guess, "hers, whatever his is"


def with_part(made: dict[str, Any], name: str, instead: bytes, base: int) -> bytes:
    """Return a save in which another part stands in the place of one."""
    save = saves.save_of(made, base=base)
    parts = {each: part for each, part in save.taken.parts.items() if each != name} | {content.digest(instead): instead}
    manifest = save.taken.manifest.replace(name.encode(), content.digest(instead).encode())
    taken = content.Taken(manifest, parts, save.taken.cells)
    return saves.written(replace(save, taken=taken), frozenset())


def test_an_output_that_the_owner_takes_over_comes_from_what_its_editor_read_too(
    ann: Desk, bob: Desk, saved: Saved
) -> None:
    """Otherwise whoever may not read that would see it from then on."""
    bob.swap.set_groups(bob.person, "analysts")
    bob.asks("SELECT country_code FROM lake.wmf.pageview_hourly LIMIT 1", "b1")
    eve = Desk(ann.swap, "eve", "readers")
    share(ann, saved, "person", eve.person.id)
    more = (ONE, TWO, "code = 1")
    edit(bob, saved, document("42", "Germany", "DE", sources=more), kernel_id="b1")
    assert version(ann.home.save(document("42", "France", "DE", sources=more), base=3, kernel_id="k2")) == 4
    assert sees(eve, saved) == [NOT_KNOWN, "France", NOT_KNOWN]
    ann.home.save(document("DE", sources=("pasted",)), path="b.ipynb", kernel_id="k2")
    pasted = (str(ann.home.save(document("DE", "x"), path="c.ipynb", kernel_id="k2").json()["notebook"]), 1)
    share(ann, pasted, "person", eve.person.id)
    assert sees(eve, pasted) == [NOT_KNOWN, "x"], "also in another notebook"


def test_an_edit_reads_and_writes_nothing_of_what_controls_hold(ann: Desk, bob: Desk, saved: Saved) -> None:
    ann.home.save(document("42", "Germany", widgets={"state": "hers"}), base=2, kernel_id="k2")
    assert version(edit(bob, saved, document(None, "Germany", title="his", widgets={"state": "his"}), base=3)) == 4
    assert newest(ann, saved[0]).metadata == {"title": "his", "widgets": {"state": "hers"}}


@pytest.mark.parametrize("role", ["view", "comment"])
def test_who_may_view_or_comment_saves_nothing(ann: Desk, bob: Desk, saved: Saved, role: str) -> None:
    made = document(None, "Germany", sources=(ONE, "bbb = 3"))
    unshare(ann, saved)
    share(ann, saved, "person", bob.person.id, role=role)
    assert edit(bob, saved, made).status_code == 403
    unshare(ann, saved)
    share(ann, saved, "person", bob.person.id, role="manage")
    assert version(edit(bob, saved, made)) == 3, "the control"


def test_without_a_share_there_is_no_such_notebook_to_save(ann: Desk, bob: Desk, saved: Saved) -> None:
    """F01, F05, F06: ended, a group that was left, another's, none."""
    made = document(None, "Germany", sources=(ONE, "bbb = 3"))
    none = edit(bob, ("0" * 20, 1), made)
    assert error(none) == (404, NOWHERE)
    unshare(ann, saved)
    assert edit(bob, saved, made).content == none.content
    share(ann, saved, "group", "readers", role="edit")
    bob.swap.set_groups(bob.person)
    assert edit(bob, saved, made).content == none.content
    bob.swap.set_groups(bob.person, "readers")
    eve = Desk(ann.swap, "eve")
    assert edit(eve, saved, made).content == none.content
    assert error(edit(ann, saved, made)) == (404, "This notebook is yours.")
    assert version(edit(bob, saved, made)) == 3, "the control"


@pytest.mark.parametrize("via", [Via.KERNEL, Via.PORTAL, Via.READER])
def test_no_other_power_saves_another_persons_notebook(bob: Desk, saved: Saved, via: Via) -> None:
    body = saves.body(document(None, "Germany", sources=(ONE, "bbb = 3")), base=2)
    headers = {"authorization": f"Bearer {bob.person.token(via)}"}
    assert put(bob, saved, body, **headers).status_code == 403
    assert put(bob, saved, body, authorization=f"Bearer {bob.home.credential}").status_code == 401
    assert version(put(bob, saved, body)) == 3, "the control"


def test_a_path_that_is_sent_leads_to_nothing(ann: Desk, bob: Desk, saved: Saved) -> None:
    """Neither hers nor his: an edit is of the notebook at its address."""
    bob.home.save(document("mine", None))
    assert version(edit(bob, saved, document(None, "Germany", sources=(ONE, "bbb = 3")), path="b.ipynb")) == 3
    with ann.swap.database.engine("owner").begin() as conn:
        rows = conn.execute(text("SELECT path, person_id FROM swap.notebook WHERE id = :id"), {"id": saved[0]})
        assert tuple(rows.one()) == ("a.ipynb", ann.person.id)
