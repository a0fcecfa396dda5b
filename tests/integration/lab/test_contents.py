"""Notebooks and files that are too large for the person's server: refused in words, before they are read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from integration.lab.conftest import Server, started
from integration.lab.test_caching import get
from integration.lab.test_exports import notebook
from services import NO_TLS

HEAD = '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": ['
MORE_BYTES = 1_000_000_000
"""What the server may take to open the largest notebook that it opens, while it takes in what something else wrote."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("lab")
    home = folder / "home"
    home.mkdir()
    with ExitStack() as stack:
        yield stack.enter_context(started(folder, home))


def peak(server: Server) -> int:
    """Return the most memory that the server has had, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1000


def huge(server: Server, name: str) -> None:
    """Write a file of 500 MB, of which the disk holds nothing."""
    with (server.home / name).open("wb") as file:
        file.write(HEAD.encode())
        file.truncate(500_000_000)


@pytest.mark.parametrize("way", ["/api/contents/{}", "/api/contents/{}?content=0&hash=1", "/nbconvert/html/{}"])
def test_a_notebook_of_500_mb_is_refused_before_it_is_read(server: Server, way: str) -> None:
    huge(server, "huge.ipynb")
    before = peak(server)
    answer = get(server, way.format("huge.ipynb"))
    assert answer.status_code == 413
    assert "huge.ipynb has 500 MB" in answer.text
    assert "jupyter nbconvert --clear-output --inplace" in answer.text
    assert peak(server) - before < 50_000_000


@pytest.mark.parametrize("way", ["/api/contents/cells.ipynb", "/nbconvert/markdown/cells.ipynb"])
def test_a_notebook_of_many_cells_is_refused_before_anything_is_built_of_it(server: Server, way: str) -> None:
    many = 440_000
    (server.home / "cells.ipynb").write_text(HEAD + ",".join(['{"cell_type":"raw","metadata":{},"source":"x"}'] * many))
    before = peak(server)
    answer = get(server, way)
    assert answer.status_code == 413
    assert re.search(r"cells\.ipynb has 880,00\d parts", answer.text)
    assert peak(server) - before < 50_000_000


def test_a_notebook_that_printed_json_and_charts_is_opened(server: Server) -> None:
    printed = json.dumps({"text": json.dumps([{"a": [1]}] * 300_000)})
    (server.home / "printed.ipynb").write_text(HEAD.replace('"metadata": {}', f'"metadata": {printed}') + "]}")
    assert get(server, "/api/contents/printed.ipynb").status_code == 200


def test_a_file_of_500_mb_is_downloaded_and_not_opened(server: Server) -> None:
    huge(server, "huge.csv")
    before = peak(server)
    answer = get(server, "/api/contents/huge.csv")
    assert (answer.status_code, "Read it in a cell" in answer.json()["message"]) == (413, True)
    headers = {"Authorization": f"token {server.hub.token()}"}
    with httpx.stream("GET", f"{server.url}/files/huge.csv", headers=headers, timeout=60, verify=NO_TLS) as sent:
        assert sum(map(len, sent.iter_bytes(1_000_000))) == 500_000_000
    assert peak(server) - before < 50_000_000


def test_the_largest_notebooks_that_open_take_a_bounded_part_of_the_machine(server: Server) -> None:
    lists = "[" + ",".join(["[]"] * 190_000) + "]"
    for name, metadata in (("long", f'"{"x" * 48_000_000}\U0001f600"'), ("parts", lists)):
        text = HEAD.replace('"metadata": {}', f'"metadata": {{"x": {metadata}}}') + "]}"
        (server.home / f"{name}.ipynb").write_text(text, encoding="utf-8")
        before = peak(server)
        assert get(server, f"/api/contents/{name}.ipynb").status_code == 200
        assert peak(server) - before < MORE_BYTES


def test_what_is_sent_is_bounded_too(server: Server) -> None:
    headers = {"Authorization": f"token {server.hub.token()}"}
    before = peak(server)
    path, body = f"{server.url}/api/contents/x.ipynb", b'{"content": "' + b" " * 120_000_000
    with pytest.raises(httpx.HTTPError):
        httpx.put(path, headers=headers, content=body, timeout=60, verify=NO_TLS).raise_for_status()
    assert peak(server) - before < 50_000_000
    posted = httpx.post(
        f"{server.url}/nbconvert/html",
        headers=headers,
        json=notebook(),
        verify=NO_TLS,
    )
    assert posted.status_code == 404, "a page is made of a notebook that is saved, and of nothing else"


def test_a_file_that_is_no_notebook_is_told_without_what_is_in_it(server: Server) -> None:
    (server.home / "broken.ipynb").write_text('{"canary": ')
    answer = get(server, "/api/contents/broken.ipynb")
    assert answer.status_code == 400
    assert "broken.ipynb cannot be read as a notebook." in answer.json()["message"]
    assert "canary" not in answer.text
    assert str(server.home) not in answer.text


@pytest.mark.parametrize("way", ["/api/contents/{}", "/files/{}", "/nbconvert/html/{}", "/api/contents/{}/checkpoints"])
@pytest.mark.parametrize("up", ["..", "%2e%2e", "folder/../.."])
def test_no_path_leads_out_of_the_home_not_even_to_a_neighbour_of_its_name(server: Server, way: str, up: str) -> None:
    """S01: `/home/alice2` begins as `/home/alice` does."""
    neighbour = server.home.with_name(f"{server.home.name}2")
    for folder in (neighbour, server.home / "folder", server.home / neighbour.name):
        folder.mkdir(exist_ok=True)
        (folder / "mine.ipynb").write_text(HEAD + '{"cell_type": "raw", "metadata": {}, "source": "the neighbour"}]}')
    slash = "%2F" if up == "%2e%2e" else "/"
    path = slash.join((up, neighbour.name, "mine.ipynb"))

    status, text = raw(server, way.format(path))

    assert status in {400, 403, 404}
    assert "the neighbour" not in text
    assert raw(server, way.format(f"{neighbour.name}/mine.ipynb"))[0] == 200, "the control"


def raw(server: Server, path: str) -> tuple[int, str]:
    """Ask for a path exactly as it is written; other clients tidy it up."""
    at = urlsplit(server.url)
    connection = HTTPConnection(at.hostname or "", at.port, timeout=60)
    connection.request("GET", at.path + path, headers={"Authorization": f"token {server.hub.token()}"})
    answer = connection.getresponse()
    told = answer.status, answer.read().decode(errors="replace")
    connection.close()
    return told
