"""Notebooks that are read by a portal that touches homes itself, and by one that has no power."""

from __future__ import annotations

import os
from http import HTTPStatus
from pathlib import Path

import psutil
import pytest

import notebooks
from integration.web.running import Browser, Portal
from integration.web.test_reading import ask, framed

OK = HTTPStatus.OK


@pytest.fixture
def ann(either: Portal) -> Browser:
    browser = either.signed_in()
    browser.get("/notebooks")  # the home is made
    picture = notebooks.shown({"image/png": notebooks.png(5, 4), "text/plain": "<Figure>"})
    content = notebooks.content(notebooks.markdown("# Mobile readers"), notebooks.code("x = 1", picture))
    either.home().mkdir(exist_ok=True)
    (either.home() / "first.ipynb").write_bytes(content)
    (either.home() / "broken.ipynb").write_bytes(b"<script>")
    either.give()
    return browser


def test_a_notebook_is_read_with_its_pictures_and_taken_along(either: Portal, ann: Browser) -> None:
    page = ann.get("/notebooks/read/first.ipynb")
    address = framed(page.text)
    shown = ask(either, address)

    assert (page.status_code, shown.status_code) == (OK, OK)
    assert '<h2 id="Mobile-readers">Mobile readers</h2>' in shown.text
    script = ann.get("/notebooks/export?path=first.ipynb&as=script")
    assert (script.status_code, "x = 1" in script.text) == (OK, True)
    assert "This file is not a notebook" in ann.get("/notebooks/read/broken.ipynb").text


def test_where_people_have_walls_what_reads_has_a_user_of_its_own(either: Portal, ann: Browser) -> None:
    ann.get("/notebooks/read/first.ipynb")

    walled = either.settings.launch.isolation == "user"
    ours = psutil.Process().children(recursive=True)
    if walled:
        (warden,) = [process for process in ours if _runs(process, "swap.processes.warded")]
        ours = warden.children(recursive=True)
    users = {process.uids().real for process in ours if _runs(process, "swap.reading.child")}

    if walled:
        assert users == {either.settings.launch.notebooks_uid}
    else:
        assert os.geteuid() in users


def _runs(process: psutil.Process, program: str) -> bool:
    try:
        return program in Path(f"/proc/{process.pid}/cmdline").read_text(encoding="utf-8")
    except OSError:
        return False
