"""Forks at the database's own level: two at once, and what a write that fails leaves behind."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, select, text

import saves
import services
from swap.db.notebook_tables import notebook, notebook_lineage, notebook_part, notebook_settled, notebook_suggestion
from swap.errors import Conflict, Unavailable
from swap.identity import Principal, Via
from swap.notebooks import forks, saving, sharing, suggestions
from swap.notebooks.merging import Offer
from swap.notebooks.shares import Kind, Role, Share
from swap.notebooks.workspace import Workspace
from swap.people import service as people
from swap.settings import Policy

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
CELLS = ("aaa = 1", "bbb = 1")


class Full(Workspace):
    """A home in which nothing can be written."""

    def replace(self, *_: Any) -> None:
        raise Unavailable


@dataclass
class Pair:
    """A notebook of ann's and a fork of bob's, by the portal's account."""

    engine: Engine
    homes: Path
    ann: Principal
    bob: Principal
    id: str = ""
    fork_id: str = ""

    def home(self, person: Principal) -> Workspace:
        return Workspace(self.homes, person.id)

    def save(self, person: Principal, path: str, *sources: str) -> str:
        """Save as a person's server does; return the notebook's id."""
        document = saves.notebook(*sources)
        (self.homes / person.id).mkdir(exist_ok=True)
        (self.homes / person.id / path).write_text(json.dumps(document))
        with self.engine.begin() as conn:
            head = saving.save(
                conn, Policy(), person, saves.sent(document, path=path, base=0), NOW, lambda: secrets.token_hex(16)
            )
        return head.notebook_id

    def fork(self) -> str:
        with self.engine.begin() as conn:
            return forks.fork(conn, Policy(), self.bob, self.id, self.put, NOW, lambda: secrets.token_hex(16))

    def put(self, stem: str, written: bytes) -> str:
        return self.home(self.bob).put(stem, [written], ".draft", first=None)

    def offer(self, conn: Connection) -> Offer:
        return forks.compare(conn, Policy(), self.bob, self.fork_id, NOW).offers[0]

    def take(self, conn: Connection, offer: Offer, home: Workspace | None = None) -> int:
        at = home or self.home(self.bob)
        return forks.take(
            conn, Policy(), self.bob, self.fork_id, offer.key, offer.mark, at, lambda: secrets.token_hex(4), NOW
        )

    def suggest(self) -> tuple[str, str]:
        """Suggest the first cell of the fork; return the suggestion's id and mark."""
        with self.engine.begin() as conn:
            offer = forks.compare(conn, Policy(), self.bob, self.fork_id, NOW).own[0]
            suggestions.suggest(
                conn, Policy(), self.bob, self.fork_id, offer.key, offer.mark, NOW, lambda: secrets.token_hex(16)
            )
            _, (suggested,), _ = suggestions.waiting(conn, self.ann, self.id, NOW, 0)
        return suggested.suggestion.id, suggested.offer.mark

    def accept(self, conn: Connection, which: tuple[str, str], home: Workspace | None = None) -> int:
        at = home or self.home(self.ann)
        return suggestions.accept(conn, Policy(), self.ann, self.id, *which, at, lambda: secrets.token_hex(4), NOW)

    def head(self, notebook_id: str) -> int:
        with self.engine.begin() as conn:
            return int(conn.scalar(select(notebook.c.head).where(notebook.c.id == notebook_id)) or 0)


@pytest.fixture
def pair(database: services.Database, tmp_path: Path) -> Iterator[Pair]:
    with database.engine("owner").begin() as conn:
        found = [
            people.ensure_person(conn, name, name, (), lambda name=name: f"p{name:z<9}") for name in ("ann", "bob")
        ]
    ann, bob = (Principal(each.id, each.name, each.groups, Via.PORTAL) for each in found)
    made = Pair(database.engine("web"), tmp_path, ann, bob)
    made.id = made.save(ann, "a.ipynb", *CELLS)
    with made.engine.begin() as conn:
        sharing.share(conn, ann, made.id, Share(Kind.PERSON, bob.id, Role.VIEW), NOW)
    made.fork_id = made.fork()
    yield made
    made.engine.dispose()


def waits(pair: Pair, conn: Connection) -> None:
    """Let a connection give up soon where it waits for another one."""
    assert pair.engine.dialect.name == "postgresql"
    conn.execute(text("SET LOCAL lock_timeout = '200ms'"))


def test_whoever_takes_second_waits_and_finds_it_taken(pair: Pair) -> None:
    pair.save(pair.ann, "a.ipynb", "aaa = 2", "bbb = 1")
    with pair.engine.connect() as first:
        offer = pair.offer(first)
        assert pair.take(first, offer) == 2
        with pair.engine.connect() as second:
            waits(pair, second)
            with pytest.raises(Exception, match="lock"):
                pair.take(second, offer)
        first.commit()
    with pair.engine.begin() as conn:
        assert pair.take(conn, offer) == 2
    assert pair.head(pair.fork_id) == 2


def test_whoever_accepts_second_waits_and_is_told(pair: Pair) -> None:
    pair.save(pair.bob, "a.ipynb", "aaa = 5", "bbb = 1")
    which = pair.suggest()
    with pair.engine.connect() as first:
        assert pair.accept(first, which) == 2
        with pair.engine.connect() as second:
            waits(pair, second)
            with pytest.raises(Exception, match="lock"):
                pair.accept(second, which)
        first.commit()
    with pair.engine.begin() as conn, pytest.raises(Conflict, match="does not wait any more"):
        pair.accept(conn, which)
    assert pair.head(pair.id) == 2


def test_a_file_that_cannot_be_written_leaves_everything_as_it_was(pair: Pair) -> None:
    pair.save(pair.ann, "a.ipynb", "aaa = 2", "bbb = 1")
    pair.save(pair.bob, "a.ipynb", "aaa = 1", "bbb = 5")
    which = pair.suggest()
    tables = notebook_part, notebook_lineage, notebook_settled

    def state() -> list[object]:
        with pair.engine.begin() as conn:
            waiting = conn.scalars(select(notebook_suggestion.c.state)).all()
            return [*(conn.scalar(select(func.count()).select_from(table)) for table in tables), list(waiting)]

    before = state()
    with pytest.raises(Unavailable), pair.engine.begin() as conn:
        pair.take(conn, pair.offer(conn), Full(pair.homes, pair.bob.id))
    with pytest.raises(Unavailable), pair.engine.begin() as conn:
        pair.accept(conn, which, Full(pair.homes, pair.ann.id))
    assert state() == before
    assert (pair.head(pair.id), pair.head(pair.fork_id)) == (2, 2)
    with pair.engine.begin() as conn:  # the control
        assert pair.take(conn, pair.offer(conn)) == 3
        assert pair.accept(conn, which) == 3


def test_a_fork_without_a_file_is_none(pair: Pair) -> None:
    def fails(stem: str, written: bytes) -> str:
        raise Unavailable

    with pytest.raises(Unavailable), pair.engine.begin() as conn:
        forks.fork(conn, Policy(), pair.bob, pair.id, fails, NOW, lambda: secrets.token_hex(16))
    with pair.engine.begin() as conn:
        assert conn.scalar(select(func.count()).select_from(notebook)) == 2


def test_a_fork_of_a_notebook_that_was_purged_says_that_it_was_one(pair: Pair, database: services.Database) -> None:
    with database.engine("owner").begin() as conn:
        conn.execute(notebook.delete().where(notebook.c.id == pair.id))
    with pair.engine.begin() as conn:
        assert forks.origin(conn, pair.bob, pair.fork_id, NOW) == forks.Origin(1, None)
        with pytest.raises(Conflict, match="no original that you may open"):
            forks.compare(conn, Policy(), pair.bob, pair.fork_id, NOW)


def test_a_copy_that_was_made_in_the_home_is_a_fork_too(pair: Pair) -> None:
    copy = pair.save(pair.ann, "b.ipynb", *CELLS)
    pair.save(pair.ann, "a.ipynb", "aaa = 2", "bbb = 1")
    with pair.engine.begin() as conn:
        both = forks.compare(conn, Policy(), pair.ann, copy, NOW)
        opened = sharing.open_(conn, pair.ann, pair.id, NOW)
        assert [each.what for each in both.offers] == ["changed"]
        assert [each.notebook_id for each, _ in sharing.forks(conn, pair.ann, opened, NOW, 0)[0]] == [copy]
