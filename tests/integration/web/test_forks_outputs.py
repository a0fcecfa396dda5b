"""Outputs that a fork brings along: those whose data its person may read at that moment, with what they come from.

Rows F02 and F03 of the list of attacks.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

import notebooks
from integration.web.running import Browser
from integration.web.test_attacks import without
from integration.web.test_forks import Fork, fork_of, head, post
from integration.web.test_history import Shelf
from integration.web.test_sharing import Shared, groups, id_of
from integration.web.test_sharing_outputs import SECRET, document, it, judged, shown
from swap.db.notebook_tables import notebook_lineage, notebook_part
from swap.notebooks import lineages, sight

__all__ = ["it", "judged"]


def forked(it: Shared, *also: str) -> Fork:
    """Let bertrand fork it, who is in these groups, too."""
    shelf = Shelf(it.portal, "bertrand")
    shelf.now = datetime.now(UTC)
    groups(it.portal, "analysts", *also)
    return Fork(it, shelf, fork_of(it))


def seen_by(it: Shared, notebook_id: str, browser: Browser) -> str:
    """Return what somebody sees of another notebook."""
    return shown(Shared(it.portal, it.shelf, browser, notebook_id), browser)


def shared_with_carla(it: Shared, notebook_id: str) -> Browser:
    """Share a notebook of bertrand's with somebody who may not read cities."""
    carla = it.portal.signed_in("carla")
    post(it.bob, f"/n/{notebook_id}/share", kind="person", whom=it.portal.person("carla"), role="view")
    return carla


def test_f03_outputs_that_one_may_not_see_are_not_in_a_fork(it: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    """F02: neither in the file nor in what is kept of it."""
    made = forked(it)
    assert SECRET not in made.file.read_text()
    assert "hidden" not in made.file.read_text()
    assert [each.get("outputs", []) for each in json.loads(made.file.read_text())["cells"]] == [[], [], []]
    with it.portal.database.engine().begin() as conn:
        parts = select(func.count()).where(notebook_part.c.notebook_id == made.id)
        assert conn.scalar(parts) == 3 + 1, "the sources, and the manifest"
        assert conn.scalar(select(func.count()).where(notebook_lineage.c.notebook_id == made.id)) == 0
    assert Shared(it.portal, it.shelf, it.bob, made.id).events("notebook-forked")[0]["hidden"] == 2
    monkeypatch.setattr(sight, "_verdicts", lambda *given: dict.fromkeys(given[-1]))
    assert SECRET in forked(it).file.read_text()  # the control


def test_f02_outputs_of_a_fork_come_from_what_they_come_from_in_the_original(it: Shared) -> None:
    made = forked(it, "data-privacy")
    assert SECRET in made.file.read_text()
    groups(it.portal, "analysts")
    carla = shared_with_carla(it, made.id)
    assert SECRET not in seen_by(it, made.id, carla)
    assert SECRET in seen_by(it, made.id, it.bob)
    with without(sight, "_verdicts", lambda *given: dict.fromkeys(given[-1])):
        assert SECRET in seen_by(it, made.id, carla)  # the control


@pytest.mark.parametrize("holds", [True, False], ids=["", "control"])
def test_f02_an_output_pasted_from_a_fork_carries_on_what_it_comes_from(it: Shared, holds: bool) -> None:
    made = forked(it, "data-privacy")
    name = f"pasted-{datetime.now(UTC).timestamp()}.ipynb"
    pasted = notebooks.notebook(notebooks.code(f"# {name}", notebooks.printed(SECRET)))
    if holds:
        made.shelf.save(pasted, path=name)
    else:
        with without(lineages, "known", lambda *_, **__: []):
            made.shelf.save(pasted, path=name)
    notebook_id = id_of(it.portal, name)
    carla = shared_with_carla(it, notebook_id)
    assert (SECRET in seen_by(it, notebook_id, carla)) is not holds


def test_f03_a_cell_is_taken_without_outputs_that_one_may_not_see(it: Shared) -> None:
    made = forked(it)
    news = "New Ulan Bator"
    more = document()
    more["cells"].append(notebooks.code("more", notebooks.printed(news)))
    it.shelf.save(more, path=it.path, base=head(it, it.id))
    assert "It has outputs that you may not see; they stay there." in made.page()
    made.take()
    assert json.loads(made.file.read_text())["cells"][-1]["source"] == "more"
    assert news not in made.file.read_text()
    other = forked(it, "data-privacy")
    later, again = "Later Ulan Bator", document()
    again["cells"].append(notebooks.code("again", notebooks.printed(later)))
    it.shelf.save(again, path=it.path, base=head(it, it.id))
    assert "Its outputs come along." in other.page()
    other.take()
    assert later in other.file.read_text()  # the control
    groups(it.portal, "analysts")
    assert later not in seen_by(it, other.id, shared_with_carla(it, other.id))
