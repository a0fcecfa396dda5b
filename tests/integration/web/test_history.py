"""A notebook's history in the portal: its versions, what changed, names, and back to an earlier one."""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import text

import saves
from integration.web.running import Browser, Portal, csrf
from integration.web.test_files import send
from swap.identity import Principal, Via
from swap.notebooks import history, saving
from swap.settings import Policy

MARK = "<script>alert('canary')</script>"


class Shelf:
    """A person at the portal, whose server saves notebooks."""

    def __init__(self, portal: Portal, name: str = "ann") -> None:
        self.portal, self.name = portal, name
        self.browser: Browser = portal.signed_in(name)
        self.principal = Principal(portal.person(name), name, frozenset(), Via.SERVER)
        self.home = portal.home(name)
        self.home.mkdir(exist_ok=True)
        self.now = datetime.now(UTC) - timedelta(days=3)

    def save(
        self, document: dict[str, Any], path: str = "a.ipynb", base: int | None = None, minutes: float = 40
    ) -> int:
        """Save as a person's server does: a version, and the file."""
        self.now += timedelta(minutes=minutes)
        (self.home / path).write_text(json.dumps(document))
        with self.portal.database.engine("gateway").begin() as conn:
            sent = saves.sent(document, path=path, base=base)
            return saving.save(conn, Policy(), self.principal, sent, self.now, lambda: secrets.token_hex(16)).number

    def get(self, where: str = "", path: str = "a.ipynb", **more: Any) -> httpx.Response:
        rest = "".join(f"&{name}={value}" for name, value in more.items())
        return self.browser.get(f"/notebooks/history{where}?path={quote(path)}{rest}")

    def send(self, where: str, path: str = "a.ipynb", **form: Any) -> httpx.Response:
        form = {name: str(value) for name, value in form.items()}
        return send(self.browser, f"/notebooks/history/{where}", "/notebooks/upload", {"path": path} | form)


@pytest.fixture
def ann(portal: Portal) -> Shelf:
    return Shelf(portal)


def numbers(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'<th scope="row"><span class="b">(\d+)</span>', page)]


def test_the_list_of_notebooks_leads_to_the_history_and_that_shows_who_and_when(ann: Shelf) -> None:
    ann.save(saves.notebook("one"))
    ann.save(saves.notebook("two"), base=1)
    assert 'href="/notebooks/history?path=a.ipynb"' in ann.browser.get("/notebooks").text
    page = ann.get().text
    assert numbers(page) == [2, 1]
    assert "2 versions" in page
    assert ">ann<" in page


def test_where_little_room_is_left_the_list_says_so_and_leads_to_the_largest(ann: Shelf) -> None:
    ann.save(saves.notebook("one"))
    ann.save(saves.notebook("two"), path="b.ipynb")
    assert "little room" not in ann.browser.get("/notebooks").text
    most = ann.portal.settings.keep.person_bytes
    take = text("UPDATE swap.notebook SET size_bytes = :size WHERE path = 'b.ipynb'")
    with ann.portal.database.engine("owner").begin() as conn:
        conn.execute(take, {"size": most * 0.95})
    page = ann.browser.get("/notebooks").text
    assert "There is little room left." in page
    assert page.index(">b.ipynb</a> (19.0 GB)") < page.index(">a.ipynb</a> (0.1 MB)")
    # What would take more is refused; going back to what is kept, and deleting, is not.
    with ann.portal.database.engine("owner").begin() as conn:
        conn.execute(take, {"size": most + 1})
        notebook_id = conn.scalar(text("SELECT id FROM swap.notebook WHERE path = 'a.ipynb'"))
    assert "There is no room for another version" in send(ann.browser, f"/n/{notebook_id}/fork", "/notebooks", {}).text
    ann.save(saves.notebook("three"), base=1)
    assert ann.send("restore", version=1).status_code == HTTPStatus.SEE_OTHER


def test_a_notebook_that_was_never_saved_has_none_and_the_page_says_so(ann: Shelf) -> None:
    (ann.home / "new.ipynb").write_text("{}")
    answer = ann.get(path="new.ipynb")
    assert (answer.status_code, "has no version yet" in answer.text) == (200, True)
    assert ann.get(path="none.ipynb").status_code == HTTPStatus.NOT_FOUND


def test_saves_of_one_sitting_are_folded_away_and_pages_go_on_where_they_ended(ann: Shelf) -> None:
    for number in range(1, 131):
        ann.save(saves.notebook(f"v{number}"), base=number - 1 or None, minutes=40 if number % 2 else 1)
    page = ann.get().text
    assert numbers(page) == list(range(130, 30, -2))
    assert "and 1 save before it" in page
    older = re.findall(r'href="([^"]*before=\d+[^"]*)"', page)
    assert numbers(ann.browser.get(older[0].replace("&amp;", "&")).text) == list(range(30, 0, -2))
    assert numbers(ann.get(all=1).text) == list(range(130, 80, -1))


def test_what_changed_is_shown_by_cell_and_as_text(ann: Shelf) -> None:
    ann.save(saves.notebook("same", "old line"))
    ann.save(saves.notebook("same", f"old{MARK}"), base=1)
    page = ann.get("/changes", new=2).text
    assert "From version 1 to 2" in page
    assert "1 cell" in page
    assert page.count("sw-diff__l--old") == page.count("sw-diff__l--new") == 1
    assert MARK not in page
    assert "&lt;script&gt;alert(" in page


def test_a_name_is_given_shown_and_taken_away(ann: Shelf) -> None:
    ann.save(saves.notebook("one"))
    assert ann.send("name", version=1, name=MARK[:99]).status_code == HTTPStatus.SEE_OTHER
    page = ann.get().text
    assert MARK not in page
    assert "&lt;script&gt;" in page
    ann.send("name", version=1, name="")
    assert "&lt;script&gt;" not in ann.get().text
    assert ann.send("name", version=1, name="x" * 101).status_code == HTTPStatus.BAD_REQUEST


def test_restoring_asks_first_and_then_writes_the_file(ann: Shelf) -> None:
    ann.save(saves.notebook("one"))
    ann.save(saves.notebook("two"), base=1)
    (ann.home / "a.ipynb").chmod(0o640)
    assert "becomes version 3" in ann.get("/restore", version=1).text
    assert ann.send("restore", version=1).status_code == HTTPStatus.SEE_OTHER
    assert json.loads((ann.home / "a.ipynb").read_text()) == saves.notebook("one")
    assert (ann.home / "a.ipynb").stat().st_mode & 0o777 == 0o640
    assert "restored from version 1" in ann.get().text
    assert sorted(path.name for path in ann.home.iterdir()) == ["a.ipynb"]


def test_a_file_that_was_changed_since_is_not_written_over(ann: Shelf) -> None:
    ann.save(saves.notebook("one"))
    ann.save(saves.notebook("two"), base=1)
    (ann.home / "a.ipynb").write_text("changed by git")
    answer = ann.send("restore", version=1)
    assert (answer.status_code, "was changed since version 2" in answer.text) == (HTTPStatus.CONFLICT, True)
    assert (ann.home / "a.ipynb").read_text() == "changed by git"
    assert numbers(ann.get().text) == [2, 1]


def test_a_rename_and_a_deletion_in_the_portal_take_the_history_along(ann: Shelf) -> None:
    ann.save(saves.notebook("one"))
    page = "/notebooks/upload"
    send(ann.browser, "/notebooks/rename", page, {"path": "a.ipynb", "name": "b"})
    assert numbers(ann.get(path="b.ipynb").text) == [1]
    assert ann.get().status_code == HTTPStatus.NOT_FOUND
    send(ann.browser, "/notebooks/rename", page, {"path": "none.ipynb", "name": "c"})
    send(ann.browser, "/notebooks/delete", page, {"path": "b.ipynb"})
    assert ann.get(path="b.ipynb").status_code == HTTPStatus.NOT_FOUND


def test_a_rename_that_fails_leaves_the_history_where_it_was(ann: Shelf) -> None:
    ann.save(saves.notebook("one"))
    (ann.home / "taken.ipynb").write_text("{}")
    answer = send(ann.browser, "/notebooks/rename", "/notebooks/upload", {"path": "a.ipynb", "name": "taken"})
    assert answer.status_code == HTTPStatus.CONFLICT
    assert numbers(ann.get().text) == [1]


@pytest.mark.parametrize("where", ["", "/changes", "/restore"])
@pytest.mark.parametrize("number", ["x", "-1", "99999999999999", "9", "1.0", "٣"])
def test_a_number_that_is_none_is_not_found(ann: Shelf, where: str, number: str) -> None:
    ann.save(saves.notebook("one"))
    named = {"": "before", "/changes": "new", "/restore": "version"}[where]
    expected = {HTTPStatus.OK} if (where, number) == ("", "9") else {HTTPStatus.NOT_FOUND}
    assert ann.get(where, **{named: number}).status_code in expected


def test_a_history_is_its_persons_own(ann: Shelf, portal: Portal) -> None:
    """F01: every page and every form, by somebody else who is signed in."""
    ann.save(saves.notebook("one"))
    ann.save(saves.notebook("two"), base=1)
    bob = Shelf(portal, "bertrand")
    pages = [bob.get(), bob.get("/changes", new=2), bob.get("/restore", version=1)]
    forms = [bob.send("restore", version=1), bob.send("name", version=1, name="bob's")]
    assert [answer.status_code for answer in (*pages, *forms)] == [HTTPStatus.NOT_FOUND] * 5
    assert "bob" not in ann.get().text
    assert ann.get("/changes", new=2).status_code == HTTPStatus.OK


@pytest.mark.parametrize("path", ["", "../a.ipynb", "a\x00.ipynb", ".hidden/a.ipynb", "a.txt", "/a.ipynb", "x" * 2000])
def test_a_path_that_is_none_is_not_found(ann: Shelf, path: str) -> None:
    pages = [ann.get(path=path), ann.get("/changes", path, new=1), ann.get("/restore", path, version=1)]
    forms = [ann.send("restore", path, version=1), ann.send("name", path, version=1, name="x")]
    assert {answer.status_code for answer in (*pages, *forms)} == {HTTPStatus.NOT_FOUND}


@pytest.mark.parametrize("where", ["restore", "name"])
def test_no_other_page_sends_these_forms(ann: Shelf, where: str) -> None:
    ann.save(saves.notebook("one"))
    ann.save(saves.notebook("two"), base=1)
    mark = csrf(ann.browser.get("/notebooks/upload").text)
    form = {"path": "a.ipynb", "version": "1", "name": "x"}
    for forged in (form, form | {"csrf": mark[:-1] + "x"}):
        assert ann.browser.post(f"/notebooks/history/{where}", forged).status_code == HTTPStatus.FORBIDDEN
    assert numbers(ann.get().text) == [2, 1]


def deleted(person: Shelf, path: str = "a.ipynb") -> None:
    """Delete a notebook on the portal's pages."""
    assert (
        send(person.browser, "/notebooks/delete", f"/notebooks/delete?path={path}", {"path": path}).status_code == 303
    )


def listed(person: Shelf, rest: str = "") -> dict[str, str]:
    """Return path → id of the notebooks on the page of the deleted ones."""
    page = person.browser.get(f"/notebooks/deleted{rest}").text
    return dict(re.findall(r'<th scope="row"><code>([^<]*)</code>.*?name="notebook" value="([^"]*)"', page, re.DOTALL))


def brought_back(person: Shelf, notebook_id: str) -> httpx.Response:
    return send(person.browser, "/notebooks/deleted/bring-back", "/notebooks/upload", {"notebook": notebook_id})


def test_a_deleted_notebook_can_be_brought_back_with_its_history(ann: Shelf) -> None:
    ann.save(saves.notebook("one"))
    ann.save(saves.notebook("two"), base=1)
    asked = ann.browser.get("/notebooks/delete?path=a.ipynb").text
    assert "For 90 days you can bring it back" in asked
    deleted(ann)
    assert not (ann.home / "a.ipynb").exists()

    answer = brought_back(ann, listed(ann)["a.ipynb"])

    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert numbers(ann.get().text) == [3, 2, 1]
    document = json.loads((ann.home / "a.ipynb").read_text())
    assert document["cells"] == saves.notebook("two")["cells"]
    assert listed(ann) == {}
    # The file is what its newest version says, so nothing asks whether it was changed.
    assert ann.send("restore", version=1).status_code == HTTPStatus.SEE_OTHER


def test_what_has_taken_its_place_meanwhile_stays(ann: Shelf) -> None:
    ann.save(saves.notebook("old"))
    deleted(ann)
    ann.save(saves.notebook("new"))

    brought_back(ann, listed(ann)["a.ipynb"])

    assert "new" in (ann.home / "a.ipynb").read_text()
    assert "old" in (ann.home / "a-2.ipynb").read_text()
    assert numbers(ann.get().text) == [1]
    assert numbers(ann.get(path="a-2.ipynb").text) == [2, 1]


def test_a_place_whose_file_is_gone_is_free(ann: Shelf) -> None:
    ann.save(saves.notebook("old"))
    deleted(ann)
    ann.save(saves.notebook("new"))
    (ann.home / "a.ipynb").unlink()
    (old,) = listed(ann).values()

    brought_back(ann, old)

    assert "old" in (ann.home / "a.ipynb").read_text()
    assert numbers(ann.get().text) == [2, 1]
    assert list(listed(ann)) == ["a.ipynb"], "the one whose file was removed, as if it had been deleted here"


def test_nobody_brings_back_what_is_not_among_their_deleted_notebooks(portal: Portal, ann: Shelf) -> None:
    other = Shelf(portal, "bertrand")
    other.save(saves.notebook("private"))
    deleted(other)
    (theirs,) = listed(other).values()
    ann.save(saves.notebook("here"))
    with portal.database.engine("owner").connect() as conn:
        live = conn.exec_driver_sql("SELECT id FROM swap.notebook WHERE deleted_at IS NULL").scalar_one()

    assert [brought_back(ann, each).status_code for each in (theirs, live, "none", "")] == [HTTPStatus.NOT_FOUND] * 4
    assert listed(ann) == {}
    assert not list(ann.home.glob("*private*"))
    assert brought_back(other, theirs).status_code == HTTPStatus.SEE_OTHER, "the control"


def test_many_deleted_notebooks_are_paged(ann: Shelf) -> None:
    for number in range(history.PAGE_VERSIONS + 3):
        ann.save(saves.notebook("x"), path=f"n{number:02}.ipynb")
    with ann.portal.database.engine("gateway").begin() as conn:
        for number in range(history.PAGE_VERSIONS + 3):
            history.delete(conn, ann.principal, f"n{number:02}.ipynb", ann.now + timedelta(minutes=number))

    first = ann.browser.get("/notebooks/deleted").text
    older = re.search(r'href="/notebooks/deleted(\?before=[^"]*)"', first)

    assert older
    assert next(iter(listed(ann))) == "n52.ipynb"
    assert list(listed(ann, older[1].replace("&amp;", "&"))) == ["n02.ipynb", "n01.ipynb", "n00.ipynb"]
    for rest in ("?before=x", "?before=2026-01-01", "?before=2026-01-01T00:00:00%2B00:00+%00"):
        assert ann.browser.get(f"/notebooks/deleted{rest}").status_code == HTTPStatus.NOT_FOUND
