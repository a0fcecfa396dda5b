"""Notebooks as files: what a person does with theirs, and what nobody can do with anything else."""

from __future__ import annotations

import json
import os
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from integration.web.running import Browser, Portal, csrf
from services import NO_TLS
from swap.web.files import UPLOAD_BYTES

NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
NOT_FOUND = HTTPStatus.NOT_FOUND


@pytest.fixture
def ann(shared: Portal) -> Browser:
    browser = shared.signed_in()
    for path in ("mine.ipynb", "ideas/naïve idea.ipynb", ".hidden/secret.ipynb", ".secret.ipynb", "notes.txt"):
        file = shared.home() / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(NOTEBOOK)
    return browser


def upload(browser: Browser, name: str, content: bytes, page: str = "/notebooks/upload") -> httpx.Response:
    mark = csrf(browser.get(page).text)
    headers = {"Host": f"localhost:{browser.port}", "Origin": browser.origin, "Sec-Fetch-Site": "same-origin"}
    with httpx.Client(trust_env=False, verify=NO_TLS, timeout=60, cookies=browser.cookies) as client:
        return client.post(
            f"http://127.0.0.1:{browser.port}/notebooks/upload",
            headers=headers,
            data={"csrf": mark},
            files={"file": (name, content)},
        )


def send(browser: Browser, to: str, page: str, form: dict[str, str]) -> httpx.Response:
    return browser.post(to, {"csrf": csrf(browser.get(page).text)} | form)


def inside(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_a_notebook_is_downloaded_as_it_is(ann: Browser) -> None:
    answer = ann.get(f"/notebooks/download?path={quote('ideas/naïve idea.ipynb')}")
    assert answer.content == NOTEBOOK
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''na%C3%AFve%20idea.ipynb"
    assert answer.headers["content-type"] == "application/octet-stream"


def test_a_notebook_is_renamed_where_it_is(shared: Portal, ann: Browser) -> None:
    path = "ideas/naïve idea.ipynb"
    asks = f"/notebooks/rename?path={quote(path)}"
    assert 'value="naïve idea"' in ann.get(asks).text
    assert send(ann, "/notebooks/rename", asks, {"path": path, "name": " better "}).headers["location"] == "/notebooks"
    assert (shared.home() / "ideas/better.ipynb").read_bytes() == NOTEBOOK
    assert not (shared.home() / path).exists()
    (shared.home() / "ideas/better.ipynb").unlink()


def test_a_name_that_is_taken_is_not_written_over(shared: Portal, ann: Browser) -> None:
    (shared.home() / "taken.ipynb").write_bytes(b"theirs")
    answer = send(ann, "/notebooks/rename", "/notebooks/upload", {"path": "mine.ipynb", "name": "taken"})
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "There is already something called taken.ipynb" in answer.text
    assert (shared.home() / "taken.ipynb").read_bytes() == b"theirs"
    assert (shared.home() / "mine.ipynb").read_bytes() == NOTEBOOK
    (shared.home() / "taken.ipynb").unlink()


@pytest.mark.parametrize(
    "name", ["", "../out", "a/b", "a\\b", ".hidden", ".ipynb", "a\nb", "x" * 201, "a\0b", "..", "é" * 120]
)
def test_a_name_that_is_a_path_hidden_or_too_long_is_refused(shared: Portal, ann: Browser, name: str) -> None:
    before = inside(shared.home())
    answer = send(ann, "/notebooks/rename", "/notebooks/upload", {"path": "mine.ipynb", "name": name})
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert inside(shared.home()) == before


def test_deleting_asks_first(shared: Portal, ann: Browser) -> None:
    page = ann.get("/notebooks/delete?path=mine.ipynb").text
    assert "Delete mine?" in page
    assert "is deleted for good" in page
    assert (shared.home() / "mine.ipynb").exists()
    send(ann, "/notebooks/delete", "/notebooks/delete?path=mine.ipynb", {"path": "mine.ipynb"})
    assert not (shared.home() / "mine.ipynb").exists()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "../pbbbbbbbbb/theirs.ipynb",
        "/etc/passwd.ipynb",
        "ideas/../../pbbbbbbbbb/theirs.ipynb",
        ".secret.ipynb",
        ".hidden/secret.ipynb",
        "notes.txt",
        "link.ipynb",
        "out/theirs.ipynb",
        "pipe.ipynb",
        "folder.ipynb",
        "ideas",
        "a\0.ipynb",
    ],
)
def test_nothing_but_a_visible_notebook_of_mine_is_touched(
    shared: Portal, ann: Browser, tmp_path: Path, path: str
) -> None:
    home, theirs = shared.home(), shared.home("bertrand")
    theirs.mkdir(exist_ok=True)
    (theirs / "theirs.ipynb").write_bytes(b"theirs")
    for name, target in (("link.ipynb", theirs / "theirs.ipynb"), ("out", theirs)):
        if not (home / name).is_symlink():
            (home / name).symlink_to(target)
    (home / "folder.ipynb").mkdir(exist_ok=True)
    if not (home / "pipe.ipynb").exists():
        os.mkfifo(home / "pipe.ipynb")
    before = inside(home) | inside(theirs)
    for answer in (
        ann.get(f"/notebooks/download?path={quote(path)}"),
        ann.get(f"/notebooks/rename?path={quote(path)}"),
        ann.get(f"/notebooks/delete?path={quote(path)}"),
        send(ann, "/notebooks/delete", "/notebooks/upload", {"path": path}),
        send(ann, "/notebooks/rename", "/notebooks/upload", {"path": path, "name": "stolen"}),
    ):
        assert answer.status_code == NOT_FOUND, answer.text
    assert inside(home) | inside(theirs) == before
    assert (home / "link.ipynb").is_symlink()


def test_an_upload_comes_beside_what_is_there(shared: Portal, ann: Browser) -> None:
    for _ in range(2):
        assert upload(ann, "C:\\Users\\ann\\up.ipynb", NOTEBOOK).headers["location"] == "/notebooks"
    assert upload(ann, "../../up.ipynb", NOTEBOOK).status_code == HTTPStatus.SEE_OTHER
    found = {name for name in inside(shared.home()) if "up" in name}
    assert found == {"up.ipynb", "up-2.ipynb", "up-3.ipynb"}
    assert not list(shared.home().glob(".swap-*"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", NOTEBOOK),
        (".a.ipynb", NOTEBOOK),
        ("a.ipynb", b"<script>"),
        ("a.ipynb", b'["cells", "nbformat"]'),
        ("a.ipynb", b'{"cells": []}'),
        ("a.ipynb", b""),
    ],
)
def test_what_is_no_notebook_is_not_taken(shared: Portal, ann: Browser, name: str, content: bytes) -> None:
    before = inside(shared.home())
    assert upload(ann, name, content).status_code == HTTPStatus.BAD_REQUEST
    assert inside(shared.home()) == before


def test_an_upload_that_is_too_large_says_how_large_one_may_be(shared: Portal, ann: Browser) -> None:
    answer = upload(ann, "large.ipynb", NOTEBOOK + b" " * (UPLOAD_BYTES + 100_000))
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "A notebook may have 25 MB" in answer.text
    assert not (shared.home() / "large.ipynb").exists()


def test_no_other_form_takes_a_file(shared: Portal, ann: Browser) -> None:
    mark = csrf(ann.get("/notebooks").text)
    headers = {"Host": f"localhost:{ann.port}", "Origin": ann.origin, "Sec-Fetch-Site": "same-origin"}
    with httpx.Client(trust_env=False, verify=NO_TLS, timeout=60, cookies=ann.cookies) as client:
        answer = client.post(
            f"http://127.0.0.1:{ann.port}/notebooks",
            headers=headers,
            data={"csrf": mark},
            files={"file": ("a.ipynb", NOTEBOOK)},
        )
    assert answer.status_code == HTTPStatus.BAD_REQUEST
