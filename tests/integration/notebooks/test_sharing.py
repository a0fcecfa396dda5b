"""What is asked of the database for a shared notebook: as much for one that is not shared as for none, however large the site."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

import saves
import services
from swap.errors import NotFound
from swap.identity import Principal, Via
from swap.notebooks import saving, sharing
from swap.notebooks.shares import Kind, Role, Share
from swap.people import service as people
from swap.settings import Policy

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)


@contextmanager
def heard(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    said: list[tuple[str, Any]] = []

    def hear(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", hear)


@pytest.fixture
def web(database: services.Database) -> Iterator[Engine]:
    """Return the portal's own account of a site of many people who share much."""
    owner, portal = database.engine("owner"), database.engine("web")
    with owner.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO swap.person (id, directory_key, name, groups)"
                " SELECT 'p' || lpad(n::text, 9, '0'), 'key-' || n, 'person ' || n, '{}' FROM generate_series(1, 5000) n"
            )
        )
        conn.execute(text("ANALYZE swap.person"))
    yield portal
    owner.dispose()
    portal.dispose()


def person(database: services.Database, name: str) -> Principal:
    with database.engine("owner").begin() as conn:
        found = people.ensure_person(conn, f"test-{name}", name, ("research",), lambda: f"p{name:z<9}"[:10])
    return Principal(found.id, name, found.groups, Via.PORTAL)


def saved(database: services.Database, owner: Principal) -> str:
    with database.engine("owner").begin() as conn:
        return saving.save(
            conn, Policy(), owner, saves.sent(saves.notebook("one")), NOW, lambda: secrets.token_hex(16)
        ).notebook_id


def test_f01_as_much_is_asked_for_a_notebook_that_is_not_shared_as_for_none(
    database: services.Database, web: Engine
) -> None:
    """F01: no time tells them apart."""
    ann, bob = person(database, "ann"), person(database, "bob")
    notebook_id = saved(database, ann)
    asked = []
    for wanted in (notebook_id, "0" * 32):
        with heard(web) as said, web.begin() as conn, pytest.raises(NotFound):
            sharing.open_(conn, bob, wanted, NOW)
        asked.append([statement for statement, _ in said])
    assert asked[0] == asked[1]
    assert len(asked[0]) == 1


def test_people_are_found_along_an_index_by_the_beginning_of_their_name(
    database: services.Database, web: Engine
) -> None:
    person(database, "ann")
    with heard(web) as said, web.begin() as conn:
        found = sharing.search(conn, "Person 123")
    assert [each.name for each in found][:2] == ["person 123", "person 1230"]
    assert len(found) == sharing.FOUND
    statement, parameters = next(each for each in said if "FROM swap.person " in each[0])
    with database.engine("owner").begin() as conn:
        plan = "\n".join(conn.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
    assert "ix_person_beginning" in plan


def test_a_share_that_is_taken_away_while_somebody_shares_on_is_seen_by_them(
    database: services.Database, web: Engine
) -> None:
    """Two transactions at once: whoever comes second waits, and has no role any more."""
    ann, bob = person(database, "ann"), person(database, "bob")
    notebook_id = saved(database, ann)
    with web.begin() as conn:
        sharing.share(conn, ann, notebook_id, Share(Kind.PERSON, bob.id, Role.MANAGE), NOW)
    with web.connect() as first:
        sharing.end(first, ann, notebook_id, Kind.PERSON, bob.id, NOW)
        with web.connect() as second:
            second.execute(text("SET LOCAL lock_timeout = '200ms'"))
            with pytest.raises(Exception, match="lock"):
                sharing.share(second, bob, notebook_id, Share(Kind.EVERYONE, "", Role.VIEW), NOW)
        first.commit()
    with web.begin() as conn, pytest.raises(NotFound):
        sharing.share(conn, bob, notebook_id, Share(Kind.EVERYONE, "", Role.VIEW), NOW)


def test_a_notebook_is_shared_with_so_many_at_most(
    database: services.Database, web: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = person(database, "ann"), person(database, "bob")
    notebook_id = saved(database, ann)
    monkeypatch.setattr(sharing, "SHARES", 1)
    with web.begin() as conn:
        sharing.share(conn, ann, notebook_id, Share(Kind.PERSON, bob.id, Role.VIEW), NOW)
        sharing.share(conn, ann, notebook_id, Share(Kind.PERSON, bob.id, Role.MANAGE), NOW)
        with pytest.raises(sharing.LimitExceeded):
            sharing.share(conn, ann, notebook_id, Share(Kind.EVERYONE, "", Role.VIEW), NOW)
