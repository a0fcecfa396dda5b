"""What versions take is counted as they are kept, and there is room for so much."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, text

import notebooks
import saves
import services
from swap.errors import LimitExceeded
from swap.identity import Principal, Via
from swap.notebooks import forks, history, room, saving, store
from swap.people import service
from swap.settings import Policy

POLICY = Policy(ask="data-platform")
NOW = datetime(2026, 11, 30, tzinfo=UTC)
COUNTED = text(
    "SELECT size_bytes, (SELECT coalesce(sum(octet_length(content)), 0) FROM swap.notebook_part WHERE notebook_id = id)"
    " FROM swap.notebook WHERE person_id = :person_id ORDER BY path"
)


@pytest.fixture
def conn(database: services.Database) -> Any:
    with database.engine("owner").begin() as opened:
        yield opened


def person(conn: Connection, name: str) -> Principal:
    made = service.ensure_person(conn, name, name, (), lambda: "p" + name.ljust(9, "a"))
    service.sign_in(conn, made.id, f"s{name}", NOW, 7)
    return Principal(made.id, name, frozenset(), Via.SERVER)


def save(conn: Connection, who: Principal, document: dict[str, Any], most: int | None = None, **more: Any) -> int:
    sent = saves.sent(document, **more)
    return saving.save(conn, POLICY, who, sent, NOW, lambda: secrets.token_hex(8), most_bytes=most).number


def counted(conn: Connection, who: Principal) -> list[int]:
    """Return what is counted of each notebook, which is what its parts take."""
    rows = conn.execute(COUNTED, {"person_id": who.id}).all()
    assert all(size == taken for size, taken in rows), rows
    return [size for size, _ in rows]


def test_the_count_is_what_the_parts_take_whatever_is_done(conn: Connection) -> None:
    ann, bob = person(conn, "ann"), person(conn, "bob")
    picture = {0: [notebooks.shown({"image/png": notebooks.png(40, 40)})]}
    save(conn, ann, saves.notebook("one", "two", outputs=picture))
    (first,) = counted(conn, ann)
    save(conn, ann, saves.notebook("one", "three", outputs=picture), base=1)
    (second,) = counted(conn, ann)
    assert first < second < 1.5 * first, "what stayed is kept once"
    # What an older version had comes again, and the same save twice.
    for _ in range(2):
        save(conn, ann, saves.notebook("one", "two", outputs=picture), base=2, save_id="the same save")
    assert counted(conn, ann) == [second]
    history.restore(conn, POLICY, ann, "a.ipynb", 1, lambda: head(conn, ann), lambda _: None, NOW, "r1")
    assert counted(conn, ann) == [second]

    with_all = {"id": notebook_id(conn, ann), "bob": bob.id}
    conn.execute(
        text(
            "INSERT INTO swap.notebook_share (notebook_id, kind, whom, role, shared_by, at)"
            " SELECT :id, 'person', :bob, 'view', person_id, now() FROM swap.notebook WHERE id = :id"
        ),
        with_all,
    )
    forks.fork(conn, POLICY, bob, with_all["id"], lambda stem, _: f"{stem}.ipynb", NOW, lambda: "fork1")
    assert 0 < counted(conn, bob)[0] < second, "a fork counts for who forks, and what they may not see does not"
    assert room.of(conn, ann.id, 1).used == second


def notebook_id(conn: Connection, who: Principal) -> str:
    found = store.find(conn, who.id, "a.ipynb")
    assert found is not None
    return found.notebook_id


def head(conn: Connection, who: Principal) -> bytes:
    found = store.find(conn, who.id, "a.ipynb")
    assert found is not None
    return found.file_digest


def test_above_the_limit_nothing_is_kept_and_the_largest_are_named(conn: Connection) -> None:
    ann = person(conn, "ann")
    for name, size in (("small", 1), ("large", 60), ("middle", 20)):
        save(conn, ann, saves.notebook("x", outputs={0: [notebooks.shown({"image/png": notebooks.png(size, size)})]}), path=f"{name}.ipynb")  # fmt: skip
    used = room.of(conn, ann.id, 1).used
    before = counted(conn, ann)
    with pytest.raises(LimitExceeded) as refused, conn.begin_nested():
        save(conn, ann, saves.notebook("one more"), used, path="small.ipynb", base=1)
    assert "The largest are large.ipynb (0.1 MB), middle.ipynb (0.1 MB), small.ipynb (0.1 MB)." in str(refused.value)
    assert counted(conn, ann) == before
    # The same content, and a save that was taken, need no room.
    assert save(conn, ann, saves.notebook("x", outputs={0: [notebooks.shown({"image/png": notebooks.png(1, 1)})]}), 1, path="small.ipynb", base=1) == 1  # fmt: skip

    history.delete(conn, ann, "large.ipynb", NOW)
    assert save(conn, ann, saves.notebook("one more"), used, path="small.ipynb", base=1) == 2


def test_saving_and_deleting_again_and_again_ends(conn: Connection) -> None:
    ann = person(conn, "ann")
    for at in range(5):
        save(conn, ann, saves.notebook("x", outputs={0: [notebooks.shown({"image/png": notebooks.png(40, 40, at)})]}), path=f"{at}.ipynb")  # fmt: skip
        history.delete(conn, ann, f"{at}.ipynb", NOW)
    deleted = room.of(conn, ann.id, 1).deleted
    assert save(conn, ann, saves.notebook("one"), deleted) == 1
    with pytest.raises(LimitExceeded, match="you deleted"), conn.begin_nested():
        save(conn, ann, saves.notebook("two"), deleted // 2, base=1)


def test_who_may_not_delete_is_not_told_what_there_is(conn: Connection) -> None:
    ann, bob = person(conn, "ann"), person(conn, "bob")
    save(conn, ann, saves.notebook("x"))
    with pytest.raises(LimitExceeded) as refused:
        room.demand(conn, ann.id, 1, bob.id)
    assert "a.ipynb" not in str(refused.value)
    assert "Ask its owner to delete notebooks" in str(refused.value)


@pytest.mark.parametrize("each", [10, 100, 1_000])
def test_it_is_found_along_the_persons_notebooks_and_no_version(conn: Connection, each: int) -> None:
    """Whatever others have, and however many versions there are."""
    ann = person(conn, "ann")
    many = text(
        "INSERT INTO swap.notebook (id, person_id, path, size_bytes)"
        " SELECT :who || n, :who, n || '.ipynb', 1 FROM generate_series(1, :each) n"
    )
    conn.execute(many, {"who": ann.id, "each": each})
    others = [person(conn, f"o{letter}") for letter in "abcdefgh"]
    for other in others:
        conn.execute(many, {"who": other.id, "each": 1_000})
    conn.execute(text("ANALYZE swap.notebook"))
    for deleted in ("IS NULL", "IS NOT NULL"):
        plan = f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT sum(size_bytes) FROM swap.notebook WHERE person_id = :who AND deleted_at {deleted}"
        (found,) = conn.scalars(text(plan), {"who": ann.id}).one()
        assert looked_at(found["Plan"]) == (each if deleted == "IS NULL" else 0)
    assert room.of(conn, ann.id, 1).used == each


def looked_at(plan: dict[str, Any]) -> float:
    """Return how many rows were read, of which none were left out."""
    below = plan.get("Plans", [])
    assert not plan.get("Rows Removed by Filter"), plan
    return sum(map(looked_at, below)) if below and "Relation Name" not in plan else plan["Actual Rows"]
