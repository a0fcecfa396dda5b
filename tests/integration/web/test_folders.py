"""Folders that are shared, in the portal: the story of one, and the forms that strangers send."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from urllib.parse import quote

import httpx
import pytest

import saves
from integration.web.running import PERSON_IDS, Browser, Portal, csrf
from integration.web.test_history import Shelf
from integration.web.test_sharing import MARK, id_of
from swap.notebooks import history

OK, NOT_FOUND, GO = HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.SEE_OTHER


@pytest.fixture
def ann(shared: Portal) -> Shelf:
    return Shelf(shared)


def send(browser: Browser, step: str = "", **form: str) -> httpx.Response:
    mark = csrf(browser.get("/notebooks/upload").text)
    given = {"kind": "person", "whom": PERSON_IDS["bertrand"], "role": "view"} | form
    return browser.post(f"/notebooks/folder{step}", {"csrf": mark} | given)


def put(ann: Shelf, folder: str) -> str:
    path = f"{folder}/{secrets.token_hex(4)}.ipynb"
    (ann.home / path).parent.mkdir(parents=True, exist_ok=True)
    ann.save(saves.notebook("one"), path=path)
    return path


def test_a_folder_is_shared_read_and_taken_back(shared: Portal, ann: Shelf) -> None:
    bob, folder = shared.signed_in("bertrand"), f"{secrets.token_hex(4)} <b>"
    path = put(ann, f"{folder}/deep")
    at = f"/notebooks/folder?path={quote(folder, safe='')}"
    assert f'href="{at}"' in ann.browser.get("/notebooks").text
    assert "bertrand" in ann.browser.get(f"{at}&find=bertr").text
    assert send(ann.browser, path=folder).headers["location"].startswith("/notebooks/folder?path=")
    page = ann.browser.get(at).text
    assert 'aria-label="End sharing with bertrand"' in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page.replace("<b>may", "")
    assert "shared with 1" in ann.browser.get("/notebooks").text
    # Whom it is shared with finds what lies in it, and sees where it moves while it is open.
    notebook_id = id_of(shared, path)
    assert f'href="/n/{notebook_id}"' in bob.get("/notebooks").text
    opened = bob.get(f"/n/{notebook_id}").text
    still = opened.split('data-still="')[1].split('"')[0].replace("&amp;", "&")
    assert bob.get(still).status_code == HTTPStatus.NO_CONTENT
    assert f'what lies in the folder <a class="sw-u" href="{at}">' in ann.browser.get(f"/n/{notebook_id}/share").text
    with shared.database.engine("gateway").begin() as conn:
        history.move(conn, ann.principal, path, "out.ipynb", ann.now)
    assert bob.get(still).status_code == NOT_FOUND
    with shared.database.engine("gateway").begin() as conn:
        history.move(conn, ann.principal, "out.ipynb", path, ann.now)
    assert bob.get(still).status_code == HTTPStatus.NO_CONTENT
    assert send(ann.browser, "/end", path=folder).status_code == GO
    assert bob.get(still).status_code == NOT_FOUND
    assert notebook_id not in bob.get("/notebooks").text


def test_f01_anothers_folder_is_as_one_in_which_nothing_lies(shared: Portal, ann: Shelf) -> None:
    bob, folder = shared.signed_in("bertrand"), secrets.token_hex(4)
    put(ann, folder)
    for by, path, status in (
        (bob, folder, NOT_FOUND),
        (bob, "a/../b", NOT_FOUND),
        (bob, "", NOT_FOUND),
        (ann.browser, folder, GO),
    ):
        assert send(by, path=path, kind="everyone", whom="").status_code == status
    theirs, none = (bob.get(f"/notebooks/folder?path={path}").text for path in (folder, "0" * 8))
    assert theirs.replace(folder, "0" * 8) == none
    assert send(ann.browser, path=folder, role="own").status_code == HTTPStatus.BAD_REQUEST
    assert send(ann.browser, path=folder, kind=MARK).status_code == HTTPStatus.BAD_REQUEST
    assert bob.get(f"/notebooks/folder?path={quote('../' + folder)}").status_code == NOT_FOUND
