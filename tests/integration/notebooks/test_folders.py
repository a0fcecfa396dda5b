"""Folders that are shared: what lies in one opens for whom it is shared with, and nothing else does, on every way there is.

Rows F01, F05 and F06 of the list of attacks.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import IntegrityError

import saves
import services
from integration.notebooks.test_sharing import heard
from swap.db.notebook_tables import folder_share, notebook, notice
from swap.errors import Forbidden, Invalid, LimitExceeded, NotFound
from swap.identity import Principal, Via
from swap.notebooks import card_store, cards, folder_store, folders, history, notices, saving, sharing
from swap.notebooks.card_store import Wanted
from swap.notebooks.shares import Kind, Role, Share
from swap.people import service as people
from swap.settings import Policy

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


class Site:
    """People with notebooks, and what each of them may open, asked on every way at once."""

    def __init__(self, database: services.Database) -> None:
        self.database = database
        self.web, self.gateway = database.engine("web"), database.engine("gateway")
        self.ann, self.bob = self.person("ann"), self.person("bob")

    def person(self, name: str) -> Principal:
        with self.database.engine("owner").begin() as conn:
            found = people.ensure_person(conn, f"test-{name}", name, ("research",), lambda: f"p{name:z<9}"[:10])
        return Principal(found.id, name, found.groups, Via.PORTAL)

    def save(self, path: str, owner: Principal | None = None) -> str:
        with self.gateway.begin() as conn:
            sent = saves.sent(saves.notebook("one"), path=path)
            return saving.save(conn, Policy(), owner or self.ann, sent, NOW, lambda: secrets.token_hex(16)).notebook_id

    def move(self, old: str, new: str) -> None:
        """Move a notebook or a folder, as a person's server tells of it, by the account that has no right to shares."""
        with self.gateway.begin() as conn:
            assert history.move(conn, self.ann, old, new, NOW)

    def share(self, folder: str, by: Principal | None = None, **more: Any) -> None:
        wanted = Share(**({"kind": Kind.PERSON, "whom": self.bob.id, "role": Role.VIEW} | more))
        with self.web.begin() as conn:
            folders.share(conn, by or self.ann, folder, wanted, NOW)

    def end(self, folder: str) -> None:
        with self.web.begin() as conn:
            folders.end(conn, self.ann, folder, Kind.PERSON, self.bob.id)

    def opens(self, notebook_id: str, reader: Principal | None = None, now: datetime = NOW) -> bool:
        """Tell whether somebody may open a notebook."""
        return bool(self.open_among([notebook_id], reader, now))

    def open_among(
        self, notebook_ids: Collection[str], reader: Principal | None = None, now: datetime = NOW
    ) -> set[str]:
        """Return those that somebody may open; all that decides and all that lists must say the same."""
        reader = reader or self.bob
        cards.work_off(self.web)
        with self.web.begin() as conn:
            received = {each.notebook_id for each in sharing.received(conn, reader, now, 0)[0]}
            found = {row.notebook_id for row in card_store.listed(conn, reader, Wanted(), now, 0, 500)}
            kept = sharing.store.some(conn, reader, notebook_ids)
            judged = {
                name for name, each in kept.items() if sharing.shares.role(reader, each.owner_id, each.shares, now)
            }
            named = {name for name, each in kept.items() if notices.who_may_open(conn, each, {reader.name}, now)}
            told = {name for name in notebook_ids if self._is_told(conn, reader, name, now)}
        wanted = set(notebook_ids)
        assert told == judged == named == received & wanted == found & wanted
        return told

    def _is_told(self, conn: Connection, reader: Principal, notebook_id: str, now: datetime) -> bool:
        try:
            sharing.open_(conn, reader, notebook_id, now)
        except NotFound:
            return False
        return True


@pytest.fixture
def it(database: services.Database) -> Site:
    return Site(database)


def test_what_lies_in_a_folder_now_or_later_is_open_and_what_leaves_it_is_not(it: Site) -> None:
    inside, deep, outside = it.save("a/one.ipynb"), it.save("a/b/c/two.ipynb"), it.save("three.ipynb")
    assert not any(map(it.opens, (inside, deep, outside)))
    it.share("a")
    assert [it.opens(each) for each in (inside, deep, outside)] == [True, True, False]
    later = it.save("a/later.ipynb")
    assert it.opens(later)
    it.move("three.ipynb", "a/three.ipynb")
    assert it.opens(outside)
    it.move("a/one.ipynb", "one.ipynb")
    it.move("a/b", "b")
    assert [it.opens(each) for each in (inside, deep, outside)] == [False, False, True]
    it.end("a")
    assert not any(map(it.opens, (inside, deep, outside, later)))


NAMES = ("a", "a/b", "A", "aa", "ab", "a%", "a_", "\u00e1", "a\u0301", "a'--")
"""Of folders; two of them look the same and are not."""


def test_f01_a_folder_is_no_other_one_whose_name_is_like_it(it: Site) -> None:
    """Beginnings, case, patterns of SQL, letters that look alike: only what lies below is open."""
    made = {f"{name}/x.ipynb": it.save(f"{name}/x.ipynb") for name in NAMES} | {"a.x.ipynb": it.save("a.x.ipynb")}
    for folder in NAMES:
        it.share(folder)
        assert it.open_among(made.values()) == {made[path] for path in made if path.startswith(f"{folder}/")}
        it.end(folder)


def test_f01_and_would_be_by_patterns(it: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: compared as most would write it, one folder opens others."""
    by_pattern = lambda each: folder_share.c.person_id.is_not(None) & each.c.path.ilike(folder_share.c.folder + "%")  # noqa: E731
    it.save("A_/x.ipynb")
    it.share("A_")
    assert not it.opens(it.save("ab/x.ipynb"))
    monkeypatch.setattr(folder_store, "lies_in", by_pattern)
    assert it.opens(it.save("ab/y.ipynb"))


ELSEWHERE = ("", "..", "a/..", "../a", "a/../b", "/a", "a/", "a//b", ".swap", "a/.b")


def test_f01_a_path_that_leads_elsewhere_is_no_folder(it: Site) -> None:
    it.save("a/x.ipynb")
    everyone = Share(Kind.EVERYONE, "", Role.VIEW)
    for path in (*ELSEWHERE, "a\\b", "a\nb", "a\0b", "a" * 1001):
        for attack in (
            lambda conn, path=path: folders.share(conn, it.ann, path, everyone, NOW),
            lambda conn, path=path: folders.end(conn, it.ann, path, Kind.EVERYONE, ""),
            lambda conn, path=path: folders.open_(conn, it.ann, path),
        ):
            with it.web.begin() as conn, pytest.raises(NotFound):
                attack(conn)


def test_f01_and_the_table_would_not_hold_it(it: Site) -> None:
    row = {"person_id": it.ann.id, "kind": "everyone", "whom": "", "role": "view", "at": NOW}
    with it.web.begin() as conn:
        conn.execute(insert(folder_share).values(folder="a/b..c", **row))  # the control: no step of it leads up
    for path in ELSEWHERE:
        with pytest.raises(IntegrityError, match="ck_folder_share_folder"), it.web.begin() as conn:
            conn.execute(insert(folder_share).values(folder=path, **row))


def test_f01_nobody_shares_anothers_folder_and_ones_own_opens_nothing_of_theirs(it: Site) -> None:
    hers, his = it.save("a/x.ipynb"), it.save("b/x.ipynb", it.bob)
    eve = it.person("eve")
    with pytest.raises(NotFound):
        it.share("a", by=eve, kind=Kind.EVERYONE, whom="")
    it.save("a/y.ipynb", eve)
    it.share("a", by=eve, kind=Kind.EVERYONE, whom="")
    assert not it.opens(hers)
    assert not it.opens(his, it.ann)
    # Who may manage what lies in a folder manages the notebook, and not the folder.
    it.share("a", role=Role.MANAGE)
    with it.web.begin() as conn:
        assert sharing.open_(conn, it.bob, hers, NOW).role is Role.MANAGE
        with pytest.raises(NotFound):
            folders.share(conn, it.bob, "a", Share(Kind.EVERYONE, "", Role.VIEW), NOW)


def test_roles_groups_and_days_are_those_of_a_notebook_and_the_larger_role_counts(it: Site) -> None:
    inside = it.save("a/b/x.ipynb")
    it.share("a", kind=Kind.GROUP, whom="research", expires_at=LATER)
    assert it.opens(inside)
    assert not it.opens(inside, now=LATER)
    it.share("a/b", role=Role.COMMENT)
    with it.web.begin() as conn:
        assert sharing.open_(conn, it.bob, inside, NOW).role is Role.COMMENT
        with pytest.raises(Forbidden):
            sharing.open_(conn, it.bob, inside, NOW, Role.MANAGE)
        # It is not his to end where it was given to the folder: what he ends is a share of the notebook.
        sharing.end(conn, it.bob, inside, Kind.PERSON, it.bob.id, NOW)
        assert sharing.open_(conn, it.bob, inside, NOW).role is Role.COMMENT


def test_a_folder_that_is_renamed_is_shared_no_more_and_says_so(it: Site) -> None:
    inside = it.save("a/x.ipynb")
    it.share("a")
    it.move("a", "new")
    assert not it.opens(inside)
    with it.web.begin() as conn:
        (told,) = folders.shared(conn, it.ann)
    assert (told.folder, told.shares, told.notebooks) == ("a", 1, 0)
    it.move("new", "a")
    assert it.opens(inside)


def test_what_cannot_be_shared_says_why(it: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    it.save("a/x.ipynb")
    bad: list[tuple[type[Exception], Callable[[], None]]] = [
        (NotFound, lambda: it.share("empty")),
        (NotFound, lambda: it.share("a/x")),
        (Invalid, lambda: it.share("a", role=Role.OWN)),
        (Invalid, lambda: it.share("a", whom=it.ann.id)),
        (Invalid, lambda: it.share("a", whom="pnobody000")),
        (Invalid, lambda: it.share("a", expires_at=NOW)),
    ]
    for kind, attempt in bad:
        with pytest.raises(kind):
            attempt()
    it.share("a")
    monkeypatch.setattr(folders, "SHARES", 1)
    it.share("a", role=Role.MANAGE)
    with pytest.raises(LimitExceeded):
        it.share("a", kind=Kind.EVERYONE, whom="")


def test_whom_a_folder_is_shared_with_is_told_once(it: Site) -> None:
    inside = it.save("a/x.ipynb")
    it.share("a")
    it.share("a", role=Role.COMMENT)
    with it.web.begin() as conn:
        assert conn.execute(select(notice.c.kind, notice.c.notebook_id)).all() == [("share", inside)]
        assert len(notices.listed(conn, it.bob, NOW, 0)[0]) == 1
    it.move("a/x.ipynb", "x.ipynb")
    with it.web.begin() as conn:
        assert notices.listed(conn, it.bob, NOW, 0)[0] == []


def test_a_share_of_a_folder_that_ends_while_somebody_shares_on_is_seen_by_them(it: Site) -> None:
    inside = it.save("a/x.ipynb")
    it.share("a", role=Role.MANAGE)
    wanted = Share(Kind.EVERYONE, "", Role.VIEW)
    with it.web.connect() as first:
        folders.end(first, it.ann, "a", Kind.PERSON, it.bob.id)
        with it.web.connect() as second:
            second.execute(text("SET LOCAL lock_timeout = '200ms'"))
            with pytest.raises(Exception, match="lock"):
                sharing.share(second, it.bob, inside, wanted, NOW)
        first.commit()
    with it.web.begin() as conn, pytest.raises(NotFound):
        sharing.share(conn, it.bob, inside, wanted, NOW)


def test_f01_as_much_is_asked_for_what_is_not_shared_whatever_folders_are(it: Site) -> None:
    """One statement, and along indexes: of a folder as many rows are looked at as its owner shares folders."""
    inside = it.save("a/x.ipynb")
    with it.database.engine("owner").begin() as conn:
        conn.execute(
            text(
                "INSERT INTO swap.person (id, directory_key, name, groups)"
                " SELECT 'p' || lpad(n::text, 9, '0'), 'key-' || n, 'person ' || n, '{}' FROM generate_series(1, 3000) n"
            )
        )
        conn.execute(
            text(
                "INSERT INTO swap.folder_share (person_id, folder, kind, whom, role, at)"
                " SELECT id, 'a', 'everyone', '', 'view', now() FROM swap.person WHERE id LIKE 'p0%'"
            )
        )
        conn.execute(text("ANALYZE swap.person, swap.folder_share"))
    with heard(it.web) as said, it.web.begin() as conn:
        wanted = (notebook.c.id == inside, sharing.store.opens(notebook, it.bob, NOW))
        assert conn.scalar(select(func.count()).select_from(notebook).where(*wanted)) == 0
        with pytest.raises(NotFound):
            sharing.open_(conn, it.bob, inside, NOW)
    for statement, parameters in said:
        with it.web.begin() as conn:
            plan = "\n".join(conn.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
        assert "pk_folder_share" in plan
        assert "Seq Scan on folder_share" not in plan
    assert len(said) == 2
