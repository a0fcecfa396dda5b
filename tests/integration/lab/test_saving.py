"""A save in JupyterLab is a version before it is acknowledged, and with SWAP away a file that becomes one."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

import saves
import services
from integration.gateway.gateways import Gateway, running
from integration.lab.conftest import Server
from integration.lab.desks import PATIENCE, Desk, opened
from integration.lab.stand_ins import wait_for
from seeds import seeds
from services import NO_TLS
from swap import content
from swap.db.notebook_tables import notebook
from swap.identity import Principal, Via
from swap.notebooks import history, saving


@pytest.fixture(scope="module")
def gateway(module_database: services.Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(module_database, tmp_path_factory.mktemp("gateway")) as made:
        yield made


@pytest.fixture(scope="module")
def shared(gateway: Gateway) -> Iterator[Desk]:
    with opened(gateway, "ann") as made:
        yield made


@pytest.fixture
def desk(shared: Desk, request: pytest.FixtureRequest) -> Desk:
    """A folder of a test's own, at a server whose way to SWAP is whole when the test has ended."""
    (shared.home / request.node.name).mkdir()
    return replace(shared, folder=request.node.name)


@pytest.fixture
def own(gateway: Gateway) -> Iterator[Desk]:
    """A server of a test's own, which may be killed."""
    with opened(gateway, "bob") as made:
        yield made


def test_a_save_is_a_version_before_it_is_acknowledged(desk: Desk) -> None:
    documents = [saves.notebook(f"one{number}", "two") for number in range(3)]
    for number, document in enumerate(documents, 1):
        assert desk.save(document).status_code in {200, 201}
        # Nothing is waited for: it is there with the answer.
        assert desk.versions()[-1] == document
        assert desk.saved() == {"version": number, "why": None, "warning": ""}
    assert desk.versions() == documents
    assert desk.file() == documents[-1]
    assert desk.journal() == []


def test_a_notebook_that_was_there_is_a_version_before_it_is_written_over(desk: Desk) -> None:
    old, new = saves.notebook("old"), saves.notebook("new")
    (desk.home / "a.ipynb").write_text(json.dumps(old))
    desk.save(new)
    assert desk.versions() == [old, new]
    assert desk.kinds() == ["found", "saved"]


def test_what_git_or_a_program_wrote_between_two_saves_is_a_version(desk: Desk) -> None:
    first, outside, second = saves.notebook("first"), saves.notebook("outside"), saves.notebook("second")
    desk.save(first)
    (desk.home / "a.ipynb").write_text(json.dumps(outside))
    desk.save(second)
    assert desk.versions() == [first, outside, second]


def test_with_swap_away_a_save_is_on_this_machine_and_later_a_version(desk: Desk) -> None:
    documents = [saves.notebook(f"one{number}") for number in range(4)]
    desk.save(documents[0])
    desk.cut()
    for document in documents[1:]:
        assert desk.save(document).status_code == 200
        assert desk.file() == document
        told = desk.saved()
        assert told["version"] is None
        assert "does not answer" in told["why"]
    assert desk.versions() == documents[:1]
    desk.mend()
    wait_for("the version", lambda: desk.saved()["version"] == 4, seconds=PATIENCE)
    assert desk.versions() == documents
    assert desk.journal() == []


def test_what_was_saved_while_swap_was_away_outlives_the_server(own: Desk) -> None:
    before, documents = saves.notebook("before"), [saves.notebook(f"one{number}") for number in range(3)]
    (own.home / "a.ipynb").write_text(json.dumps(before))
    own.cut()
    for document in documents:
        own.save(document)
    own.server.process.kill()
    own.server.process.wait()
    own.mend()
    own.restart()
    wait_for("the journal's end", lambda: not own.journal(), seconds=PATIENCE)
    assert own.versions() == [before, *documents]
    assert own.save(saves.notebook("next")).status_code == 200
    assert len(own.versions()) == 5


def test_a_gateway_that_hangs_holds_one_save_up_for_seconds_and_the_next_for_none(own: Desk) -> None:
    own.save(saves.notebook("one"))
    own.way.blackhole()
    assert own.save(saves.notebook("two")).status_code == 200
    assert own.saved()["version"] is None
    began = time.monotonic()
    for number in range(5):
        assert own.save(saves.notebook(f"three{number}")).status_code == 200
    assert time.monotonic() - began < 5 * 4, "none of them waited for the gateway"


def test_a_newer_version_is_not_written_over_before_its_person_says_so(desk: Desk) -> None:
    """Another machine of hers saved meanwhile."""
    mine = saves.notebook("mine")
    desk.save(saves.notebook("one"))
    principal = Principal(desk.person.id, "ann", frozenset(), Via.SERVER)
    elsewhere = saves.notebook("elsewhere")
    with desk.gateway.database.engine("owner").begin() as conn:
        sent = saves.sent(elsewhere, path=desk.path(), base=1)
        saving.save(conn, desk.gateway.settings.policy, principal, sent, datetime.now(UTC), lambda: "n")
    answer = desk.save(mine)
    assert answer.status_code == 409
    assert "was saved elsewhere meanwhile, as version 2" in answer.json()["message"]
    assert desk.file() == saves.notebook("one"), "nothing was written"
    assert desk.save(mine).status_code == 409, "not of itself, however often"
    assert desk.ask("POST", "/swap/saved", params={"path": desk.path()}, json={"version": 2}).status_code == 200
    assert desk.save(mine).status_code == 200
    assert desk.versions() == [saves.notebook("one"), elsewhere, mine]


def test_what_the_store_has_of_a_notebook_is_read_by_its_person_alone(desk: Desk) -> None:
    """By its path in JupyterLab: the version whole and untrusted, and what is told beside it."""
    document = saves.notebook("one")
    desk.save(document)

    def asked(step: str = "", path: str = desk.path()) -> httpx.Response:
        return desk.ask("GET", f"/swap/own{step}", params={"path": path})

    version = asked("/version").json()
    assert version["shown"] == 1
    assert [cell["source"] for cell in version["content"]["cells"]] == ["one"]
    assert version["content"]["cells"][0]["metadata"] == {"trusted": False}
    told = asked()
    assert (told.json()["version"], told.headers["Cache-Control"]) == (1, "no-store")
    for step in ("", "/version"):
        assert asked(step, "no.ipynb").status_code == 404
        assert asked(step, "../../etc/passwd").status_code == 404
        bare = httpx.get(f"{desk.server.url}/swap/own{step}", params={"path": desk.path()}, timeout=60, verify=NO_TLS)
        assert bare.status_code in {302, 403}, "without the login"


def test_what_the_portal_restored_is_gone_on_from(desk: Desk) -> None:
    first, second, third = saves.notebook("first"), saves.notebook("second"), saves.notebook("third")
    desk.save(first)
    desk.save(second)
    principal = Principal(desk.person.id, "ann", frozenset(), Via.PORTAL)
    file = bytes.fromhex(content.digest((desk.home / "a.ipynb").read_bytes()))
    with desk.gateway.database.engine("owner").begin() as conn:
        history.restore(
            conn,
            desk.gateway.settings.policy,
            principal,
            desk.path(),
            1,
            lambda: file,
            (desk.home / "a.ipynb").write_bytes,
            datetime.now(UTC),
            "restore-1",
        )
    assert desk.save(third).status_code == 200
    assert desk.versions() == [first, second, first, third]


def test_a_rename_keeps_the_history_and_a_copy_begins_its_own(desk: Desk) -> None:
    one, two = saves.notebook("one"), saves.notebook("two")
    desk.save(one)
    assert desk.contents("PATCH", json={"path": desk.path("b.ipynb")}).status_code == 200
    desk.save(two, "b.ipynb")
    assert desk.versions("b.ipynb") == [one, two]
    copied = desk.ask("POST", f"/api/contents/{desk.folder}", json={"copy_from": desk.path("b.ipynb")}).json()["path"]
    desk.save(saves.notebook("three"), Path(copied).name)
    with desk.gateway.database.engine("owner").connect() as conn:
        rows = conn.execute(select(notebook).where(notebook.c.person_id == desk.person.id)).all()
    (copy,), (original,) = ([row for row in rows if row.path == path] for path in (copied, desk.path("b.ipynb")))
    assert (copy.copied_from, copy.copied_version) == (original.id, 2)


def test_a_folder_that_is_renamed_while_swap_is_away_keeps_its_histories(desk: Desk) -> None:
    one, two = saves.notebook("one"), saves.notebook("two")
    (desk.home / "old").mkdir()
    desk.save(one, "old/a.ipynb")
    desk.cut()
    assert desk.contents("PATCH", "old", json={"path": desk.path("new")}).status_code == 200
    desk.save(two, "new/a.ipynb")
    desk.mend()
    wait_for("the journal's end", lambda: not desk.journal(), seconds=PATIENCE)
    assert desk.versions("new/a.ipynb") == [one, two]


def test_a_deleted_notebook_leaves_its_place(desk: Desk) -> None:
    desk.save(saves.notebook("one"))
    assert desk.contents("DELETE").status_code == 204
    desk.save(saves.notebook("another"))
    assert desk.versions() == [saves.notebook("another")]


def test_a_notebook_that_is_too_large_for_its_history_is_saved_as_a_file(desk: Desk) -> None:
    many = saves.notebook("one", x=[[]] * 250_000)
    assert desk.save(many).status_code in {200, 201}
    assert len(json.loads((desk.home / "a.ipynb").read_text())["metadata"]["x"]) == 250_000
    assert "too large for its history" in desk.saved()["why"]
    assert desk.journal() == []


def test_without_room_a_save_is_a_file_and_says_what_to_delete(desk: Desk) -> None:
    one, two, three = (saves.notebook(each) for each in ("one", "two", "three"))
    desk.save(one)
    taking(desk, 0.95)
    desk.save(two)
    assert desk.saved()["version"] == 2
    assert "there is room for 1.0 GB more" in desk.saved()["warning"]
    taking(desk, 1.01)
    assert desk.save(three).status_code == 200
    said = desk.saved()
    assert (said["version"], said["warning"]) == (None, "")
    assert f"They take 20.2 GB of 20.0 GB. The largest are {desk.path()} (20.2 GB)" in said["why"]
    assert (desk.file(), desk.versions(), desk.journal()) == (three, [one, two], [])
    taking(desk, 0)
    desk.save(saves.notebook("four"))
    assert desk.saved() == {"version": len(desk.versions()), "why": None, "warning": ""}
    assert desk.versions()[-1] == saves.notebook("four")


def taking(desk: Desk, part: float) -> None:
    """Let a desk's notebook count as if it took a part of what there is."""
    most = desk.gateway.settings.keep.person_bytes
    with desk.gateway.database.engine("owner").begin() as conn:
        this = notebook.c.person_id == desk.person.id, notebook.c.path == desk.path()
        conn.execute(update(notebook).where(*this).values(size_bytes=int(most * part)))


def test_a_notebook_of_format_3_has_its_first_state_and_its_saves(desk: Desk) -> None:
    cells = [{"cell_type": "code", "input": "1 + 1", "language": "python", "outputs": [], "metadata": {}}]
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells, "metadata": {}}]}
    (desk.home / "a.ipynb").write_text(json.dumps(old))
    shown = desk.contents("GET").json()["content"]
    shown["cells"][0]["source"] = "2 + 2"
    assert desk.save(shown).status_code == 200
    assert [each["cells"][0]["source"] for each in desk.versions()] == ["1 + 1", "2 + 2"]


def test_a_file_stays_what_it_was_beside_its_content(desk: Desk) -> None:
    """A link stays a link, another name of the same file goes on showing it, and who may read it does not change."""
    plain, linked, second = desk.home / "plain.ipynb", desk.home / "linked.ipynb", desk.home / "second.ipynb"
    for path in (plain, second):
        path.write_text(json.dumps(saves.notebook("old")))
    plain.chmod(0o640)
    linked.symlink_to(plain)
    os.link(second, desk.home / "hard.ipynb")
    for name in ("linked.ipynb", "hard.ipynb"):
        assert desk.save(saves.notebook("new"), name).status_code == 200
    assert linked.is_symlink()
    assert stat.S_IMODE(plain.stat().st_mode) == 0o640
    assert desk.file("plain.ipynb") == desk.file("second.ipynb") == saves.notebook("new")


@pytest.mark.parametrize("seed", seeds(1, 200))
def test_every_acknowledged_save_is_there_after_a_kill(own: Desk, seed: int) -> None:
    """The server is killed while it saves, and its way to SWAP is cut and mended meanwhile, at random."""
    chance = random.Random(seed)
    acknowledged: list[dict[str, Any]] = []
    begun: list[dict[str, Any]] = []
    tokens = [own.server.hub.token()]

    def save_on(server: Server) -> None:
        headers = {"Authorization": f"token {tokens[0]}"}
        with (
            httpx.Client(base_url=server.url, headers=headers, timeout=PATIENCE, verify=NO_TLS) as client,
            suppress(httpx.HTTPError),
        ):
            while True:
                document = saves.notebook(f"one{len(begun)}", "x" * 50_000)
                begun.append(document)
                body = {"type": "notebook", "content": document}
                if client.put("/api/contents/a.ipynb", json=body).status_code in {200, 201}:
                    acknowledged.append(document)

    for _ in range(2):
        server, count = own.server, len(acknowledged)
        saver = threading.Thread(target=save_on, args=(server,))
        saver.start()
        for _ in range(chance.randrange(3)):
            chance.choice([own.cut, own.mend])()
            count = len(acknowledged)
            wait_for("a save", lambda count=count: len(acknowledged) > count, seconds=PATIENCE)
        wait_for("a save", lambda count=count: len(acknowledged) > count, seconds=PATIENCE)
        threading.Event().wait(chance.random() / 10)  # a random point of the save that goes on
        os.kill(server.process.pid, signal.SIGKILL)
        saver.join()
        shown = own.file()
        assert begun.index(shown) >= begun.index(acknowledged[-1]), "half a save, or an older one"
        own.mend()
        own.restart()
        tokens[0] = own.server.hub.token()
    wait_for("the journal's end", lambda: not own.journal(), seconds=PATIENCE)
    kept = own.versions()
    places = [kept.index(document) for document in acknowledged]
    assert places == sorted(places), "in the order in which they were acknowledged"
    assert all(document in begun for document in kept), "nothing half-written"
    assert own.save(saves.notebook("last")).status_code == 200
    assert own.versions()[-1] == saves.notebook("last")


def test_a_save_tells_which_kernels_ran_the_notebook_also_those_that_were_put_away(desk: Desk) -> None:
    """What is saved may be an output of the one before."""
    desk.save(saves.notebook("one"))
    assert (desk.environment()["kernel_id"], desk.environment()["kernels"]) == ("", "")
    named = {"path": desk.path(), "name": "a.ipynb", "type": "notebook", "kernel": {"name": "swap"}}
    session = desk.ask("POST", "/api/sessions", json=named).json()
    desk.save(saves.notebook("two"))
    assert (desk.environment()["kernel_id"], desk.environment()["kernels"]) == (session["kernel"]["id"], "")
    address = f"/api/sessions/{session['id']}"
    second = desk.ask("PATCH", address, json={"kernel": {"name": "swap"}}).json()["kernel"]["id"]
    assert second != session["kernel"]["id"]
    desk.save(saves.notebook("three"))
    assert (desk.environment()["kernel_id"], desk.environment()["kernels"]) == (second, session["kernel"]["id"])
    assert desk.contents("PATCH", json={"path": desk.path("b.ipynb")}).status_code == 200
    assert desk.ask("PATCH", address, json={"path": desk.path("b.ipynb")}).status_code == 200
    assert desk.ask("DELETE", address).status_code == 204
    desk.save(saves.notebook("four"), "b.ipynb")
    found = desk.environment("b.ipynb")
    assert (found["kernel_id"], set(found["kernels"].split())) == ("", {second, session["kernel"]["id"]})
