"""Versions of notebooks: nothing that was acknowledged is lost or altered, whoever saves from wherever."""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, select

import saves
import services
from swap import content
from swap.db.notebook_tables import notebook, notebook_part
from swap.db.tables import audit_event
from swap.errors import Conflict, Invalid, NotFound
from swap.identity import Principal, Via
from swap.notebooks import history, saving
from swap.notebooks.versions import Head, Kind, Page, StaleBase
from swap.people import service as people
from swap.settings import Policy

BEGIN = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


class World:
    """A database, and somebody in it whose clock stands still until it is told."""

    def __init__(self, database: services.Database, name: str = "ann") -> None:
        self.engine: Engine = database.engine("owner")
        self.now = BEGIN
        with self.engine.begin() as conn:
            found = people.ensure_person(conn, f"key-{name}", name, (), lambda: f"p{name:a<9}"[:10])
        self.principal = Principal(found.id, name, frozenset(), Via.SERVER)

    def save(self, document: dict[str, Any], minutes: float = 1, **more: Any) -> int:
        self.now += timedelta(minutes=minutes)
        with self.engine.begin() as conn:
            return saving.save(
                conn, Policy(), self.principal, saves.sent(document, **more), self.now, lambda: secrets.token_hex(6)
            ).number

    def page(self, path: str = "a.ipynb", *, folded: bool = True, before: int = 10**9) -> Page:
        with self.engine.begin() as conn:
            return history.page(conn, self.principal, path, before, folded=folded)

    def head(self, path: str = "a.ipynb") -> Head:
        return self.page(path).head

    def restore(self, number: int, path: str = "a.ipynb", *, file_digest: bytes | None = None) -> dict[str, Any]:
        with self.engine.begin() as conn:
            return self._restored(conn, number, path, file_digest)

    def seen(self, number: int, path: str = "a.ipynb") -> dict[str, Any]:
        """Return what a version has, and change nothing."""
        with self.engine.connect() as conn:
            found = self._restored(conn, number, path, None)
            conn.rollback()
        return found

    def _restored(self, conn: Connection, number: int, path: str, file_digest: bytes | None) -> dict[str, Any]:
        written: list[bytes] = []
        file = self.head(path).file_digest if file_digest is None else file_digest
        save_id = secrets.token_hex(6)
        history.restore(conn, Policy(), self.principal, path, number, lambda: file, written.append, self.now, save_id)
        return dict(json.loads(written[0]))

    def count(self, table: Any) -> int:
        with self.engine.begin() as conn:
            return int(conn.scalar(select(func.count()).select_from(table)) or 0)


@pytest.fixture
def ann(database: services.Database) -> Iterator[World]:
    world = World(database)
    yield world
    world.engine.dispose()


def test_a_change_of_one_cell_keeps_that_cell_alone(ann: World) -> None:
    sources = [f"{number:03} = 1" for number in range(100)]
    ann.save(saves.notebook(*sources))
    before = ann.count(notebook_part)
    ann.save(saves.notebook("000 = 2", *sources[1:]), base=1)
    assert (before, ann.count(notebook_part)) == (101, 103), "the cell, and the manifest"
    assert [ann.seen(number)["cells"][0]["source"] for number in (1, 2)] == ["000 = 1", "000 = 2"]


def test_what_lies_in_the_home_is_taken_in_unless_it_is_old(ann: World) -> None:
    ann.save(saves.notebook("one"))
    ann.save(saves.notebook("two"), base=1)
    assert ann.save(saves.notebook("git"), kind="found") == 3
    assert ann.save(saves.notebook("git"), kind="found") == 3
    with pytest.raises(StaleBase) as stale:
        ann.save(saves.notebook("one"), kind="found")
    assert stale.value.problem.extra["version"] == 3


def test_a_copy_in_the_file_system_is_recognised(ann: World) -> None:
    ann.save(saves.notebook("one"))
    ann.save(saves.notebook("two"), base=1)
    ann.save(saves.notebook("one"), path="b.ipynb", kind="found")
    ann.save(saves.notebook("new"), path="c.ipynb")
    with ann.engine.begin() as conn:
        rows = conn.execute(select(notebook).order_by(notebook.c.path)).all()
    assert [(row.copied_from, row.copied_version) for row in rows] == [(None, None), (rows[0].id, 1), (None, None)]


def test_a_move_keeps_the_history_of_all_below_a_folder(ann: World) -> None:
    for path in ("f/a.ipynb", "f/g/b.ipynb", "f.ipynb", "fa/c.ipynb", "f%/d.ipynb"):
        ann.save(saves.notebook(path), path=path)
    with ann.engine.begin() as conn:
        assert history.move(conn, ann.principal, "f", "new", ann.now) == 2
    assert ann.save(saves.notebook("two"), path="new/g/b.ipynb", base=1) == 2
    assert ann.head("f.ipynb").number == 1
    assert ann.head("fa/c.ipynb").number == 1
    with pytest.raises(NotFound):
        ann.page("f/a.ipynb")


def test_what_was_deleted_leaves_its_place_and_its_history_stays(ann: World) -> None:
    ann.save(saves.notebook("one"))
    with ann.engine.begin() as conn:
        assert history.delete(conn, ann.principal, "a.ipynb", ann.now) == 1
    with pytest.raises(NotFound):
        ann.page()
    assert ann.save(saves.notebook("another")) == 1
    assert ann.count(notebook) == 2


def test_a_file_that_is_new_where_one_was_goes_on_from_it(ann: World) -> None:
    ann.save(saves.notebook("one"))
    with pytest.raises(StaleBase):
        ann.save(saves.notebook("new"))
    assert ann.save(saves.notebook("new"), base=0) == 2


def test_autosaves_are_folded_away_and_what_stands_out_is_not(ann: World) -> None:
    for number in range(1, 13):
        ann.save(saves.notebook(f"v{number}"), base=number - 1 or None, minutes=60 if number in {5, 9} else 1)
    with ann.engine.begin() as conn:
        history.name(conn, ann.principal, "a.ipynb", 7, " Before the meeting ")
    page = ann.page()
    assert [(each.number, each.folded, each.name) for each in page.versions] == [
        (12, 3, ""),
        (8, 0, ""),
        (7, 2, "Before the meeting"),
        (4, 3, ""),
    ]
    assert [each.number for each in ann.page(folded=False).versions] == list(range(12, 0, -1))
    assert [each.number for each in ann.page(before=8).versions] == [7, 4]


@pytest.mark.parametrize("name", ["x" * 101, "two\nlines", "\x00"])
def test_a_name_is_one_short_line(ann: World, name: str) -> None:
    ann.save(saves.notebook("one"))
    with ann.engine.begin() as conn, pytest.raises(Invalid):
        history.name(conn, ann.principal, "a.ipynb", 1, name)
    with ann.engine.begin() as conn, pytest.raises(NotFound):
        history.name(conn, ann.principal, "a.ipynb", 2, "good")


def test_restoring_is_a_new_version_and_says_of_which(ann: World) -> None:
    first, second = saves.notebook("one"), saves.notebook("two")
    ann.save(first)
    ann.save(second, base=1)
    assert ann.restore(1) == first
    newest = ann.page().versions[0]
    assert (newest.number, newest.kind, newest.restored) == (3, Kind.RESTORED, 1)
    assert ann.seen(2) == second
    assert ann.save(saves.notebook("four"), base=3) == 4
    with ann.engine.begin() as conn:
        kinds = conn.scalars(
            select(audit_event.c.detail["kind"].astext).where(audit_event.c.event == "notebook-saved")
        ).all()
    assert sorted(kinds) == ["restored", "saved", "saved", "saved"]


def test_a_file_that_was_changed_since_is_not_written_over(ann: World) -> None:
    ann.save(saves.notebook("one"))
    ann.save(saves.notebook("two"), base=1)
    with pytest.raises(Conflict) as error:
        ann.restore(1, file_digest=b"another")
    assert "was changed since version 2" in error.value.problem.title
    assert ann.head().number == 2


def test_a_file_that_an_older_version_was_is_written_over(ann: World) -> None:
    """Nothing is lost: who managed the notebook, or another home of its person, has made the newest without this file."""
    ann.save(saves.notebook("one"))
    older = ann.head().file_digest
    ann.save(saves.notebook("two"), base=1)
    assert ann.restore(2, file_digest=older) == saves.notebook("two")
    assert ann.head().number == 3


def test_a_file_that_could_not_be_written_leaves_no_version(ann: World) -> None:
    ann.save(saves.notebook("one"))
    ann.save(saves.notebook("two"), base=1)

    def fails(_: bytes) -> None:
        raise OSError("full")

    file = ann.head().file_digest
    with pytest.raises(OSError, match="full"), ann.engine.begin() as conn:
        history.restore(conn, Policy(), ann.principal, "a.ipynb", 1, lambda: file, fails, ann.now, "save-id-1")
    assert ann.head().number == 2


def test_a_version_is_its_persons_own(ann: World, database: services.Database) -> None:
    """F01: by path, by number, to read, to compare, to name or to restore."""
    ann.save(saves.notebook("one"))
    eve = World(database, "eve")
    verbs = (
        lambda conn: history.page(conn, eve.principal, "a.ipynb", 9, folded=True),
        lambda conn: history.compare(conn, Policy(), eve.principal, "a.ipynb", 0, 1, eve.now),
        lambda conn: history.name(conn, eve.principal, "a.ipynb", 1, "mine"),
        lambda conn: history.restore(
            conn, Policy(), eve.principal, "a.ipynb", 1, bytes, lambda _: None, eve.now, "save-id-1"
        ),
    )
    for verb in verbs:
        with eve.engine.begin() as conn, pytest.raises(NotFound):
            verb(conn)
    eve.engine.dispose()


def test_what_changed_is_said_cell_by_cell(ann: World) -> None:
    image = {"output_type": "display_data", "data": {"text/plain": "chart"}, "metadata": {}}
    ann.save(saves.notebook("aaa\nold\nsame", "bbb", "ccc", "ddd"))
    ann.save(saves.notebook("aaa\nnew\nsame", "ddd", "ccc", "eee", outputs={2: [image]}), base=1)
    with ann.engine.begin() as conn:
        found = history.compare(conn, Policy(), ann.principal, "a.ipynb", 1, 2, ann.now)
        everything = history.compare(conn, Policy(), ann.principal, "a.ipynb", 0, 2, ann.now)
    told = [(each.what, each.place, [f"{line.mark}{line.text}" for line in each.lines], each.outputs) for each in found]
    assert told == [
        ("removed", 2, ["-bbb"], ""),
        ("changed", 1, [" aaa", "-old", "+new", " same"], ""),
        ("changed", 3, [], "Has 1 output now."),
        ("added", 4, ["+eee"], ""),
    ]
    assert [each.what for each in everything] == ["added"] * 4


@pytest.mark.parametrize("seed", range(12))
def test_every_acknowledged_save_is_there_as_it_was(ann: World, seed: int) -> None:
    """Two tabs and the file system, at random: edits, moves, copies, restores, saves that are sent twice."""
    chance = random.Random(seed)
    acknowledged: dict[str, list[dict[str, Any]]] = {}
    tabs: list[tuple[str, int]] = [("a.ipynb", 0), ("a.ipynb", 0)]
    fresh = iter(range(10_000))
    for _ in range(40):
        at = chance.randrange(2)
        path, base = tabs[at]
        deed = chance.choice(["save", "save", "save", "twice", "found", "move", "restore"])
        cells = [f"{name}{next(fresh)}" for name in chance.sample(["aaa", "bbb", "ccc", "ddd"], chance.randrange(1, 5))]
        document = saves.notebook(*cells, outputs={0: [{"output_type": "stream", "name": "stdout", "text": cells[0]}]})
        kept = acknowledged.setdefault(path, [])
        if deed in {"save", "twice"}:
            save_id = secrets.token_hex(8)
            if base != len(kept):
                with pytest.raises(StaleBase) as stale:
                    ann.save(document, path=path, base=base or None, save_id=save_id)
                assert stale.value.problem.extra["version"] == len(kept)
            else:
                kept.append(document)
                for _ in range(1 + (deed == "twice")):
                    assert ann.save(document, path=path, base=base or None, save_id=save_id) == len(kept)
            tabs[at] = (path, len(kept))
        elif deed == "found":
            assert ann.save(document, path=path, kind="found") == len(kept) + 1
            kept.append(document)
        elif deed == "move" and kept:
            new = f"{next(fresh)}.ipynb"
            with ann.engine.begin() as conn:
                assert history.move(conn, ann.principal, path, new, ann.now) == 1
            acknowledged[new] = acknowledged.pop(path)
            tabs = [(new if was == path else was, seen) for was, seen in tabs]
        elif deed == "restore" and kept:
            number = chance.randrange(1, len(kept) + 1)
            assert ann.restore(number, path) == kept[number - 1]
            kept.append(kept[number - 1])
    for path, kept in acknowledged.items():
        if kept:
            assert ann.head(path).number == len(kept)
            assert [ann.seen(number, path) for number in range(1, len(kept) + 1)] == kept


def test_a_digest_is_of_what_is_in_the_notebook_alone(ann: World) -> None:
    document = saves.notebook("one")
    looked_at = json.loads(json.dumps(document))
    looked_at["cells"][0]["metadata"] = {"trusted": True, "execution": {"iopub.status.idle": "now"}}
    assert content.take_apart(document).digest == content.take_apart(looked_at).digest
