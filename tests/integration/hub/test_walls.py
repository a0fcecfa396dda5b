"""People behind walls, in a whole house: the real hub starts real Jupyter servers as system users of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace

import httpx
import psutil
import pytest
import websocket
from sqlalchemy import select

import services
from integration.hub.conftest import House, build, demolish
from integration.hub.tabs import Tab
from integration.hub.test_hub_away import message
from integration.hub.test_portal_starts import submit
from integration.hub.test_spawner import audited, until
from programs import still_running
from swap import runtime as runtimes
from swap.db.engine import create
from swap.db.tables import system_user
from swap.launch import running
from swap.launch.limits import find, whose

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give people walls")


@pytest.fixture(scope="module")
def walled_house(embedded_postgres, tmp_path_factory):
    lake = {"kind": "files", "root": str(tmp_path_factory.mktemp("lake"))}
    made = build(embedded_postgres, names=("ann", "bob"), launch={"isolation": "user"}, sources={"lake": lake})
    try:
        made.start("traefik")
        made.start("gateway", "web", "hub")
        yield made
    finally:
        demolish(made)


class Person:
    """Somebody who is signed in and has a server, and what code in their kernel says."""

    def __init__(self, house: House, name: str) -> None:
        self.house = house
        self.browser = house.sign_in(name)
        self.browser.person_id = self.id = house.person_id(name)
        self.begin()

    def begin(self) -> None:
        """Start a server, and a kernel in it."""
        self.house.start_server(self.id)
        self.tab = Tab(self.house, self.browser)
        self.kernel_id = self.tab.api("/api/kernels", "POST", json={}).json()["id"]

    @property
    def uid(self) -> int:
        with self.house.database.engine().connect() as conn:
            return conn.scalar(select(system_user.c.uid).where(system_user.c.person_id == self.id))

    @property
    def home(self) -> Path:
        return self.house.runtime.homes / self.id

    def run(self, code: str) -> str:
        """Run code that prints one line, and return it."""
        cookies = "; ".join(f"{each.name}={each.value}" for each in self.tab.browser.cookies[self.tab.host].jar)
        socket = websocket.create_connection(
            f"ws://127.0.0.1:{self.house.port}/user/{self.id}/api/kernels/{self.kernel_id}/channels",
            timeout=60,
            host=f"{self.tab.host}:{self.house.port}",
            origin=f"http://{self.tab.host}:{self.house.port}",
            cookie=cookies,
        )
        try:
            socket.send(message(code))
            while True:
                told = json.loads(socket.recv())
                assert told["content"].get("status") != "error", told["content"]
                if told["msg_type"] == "stream":
                    return str(told["content"]["text"]).strip()
        finally:
            socket.close()


@pytest.fixture(scope="module")
def ann(walled_house):
    return Person(walled_house, "ann")


@pytest.fixture(scope="module")
def bob(walled_house):
    return Person(walled_house, "bob")


def test_server_and_kernel_are_the_persons_own_user(walled_house, ann, bob):
    assert ann.uid != bob.uid
    for person in (ann, bob):
        assert (
            person.run("import os; print(os.getuid(), os.getgid(), os.getgroups())") == f"{person.uid} {person.uid} []"
        )
        server = psutil.Process(running.find(walled_house.state, person.id).pid)
        # The outer process and the first of the namespace, which hold no power; then only the person's own.
        others = [each for each in server.children(recursive=True) if each.uids().real != person.uid]
        assert [each.ppid() for each in others] == [server.pid]
        assert all(
            each.uids().effective == person.uid for each in server.children(recursive=True) if each not in others
        )


def test_swap_answers_in_a_kernel_behind_walls(ann):
    told = ann.run("import swap; print(swap.sql('SELECT 40 + 2 AS answer').to_pandas()['answer'][0])")

    assert told == "42"


def test_kernels_are_spoken_to_by_sockets_in_the_persons_own_view(ann):
    files = ann.run("import os; print(sorted(os.listdir('/run/swap/token.d/run')))")

    assert "-ipc-" in files


def test_a_kernel_finds_nothing_of_somebody_else_or_of_swap(walled_house, ann, bob):
    (bob.home / "secret.txt").write_text("bob's", encoding="utf-8")
    wanted = [
        str(bob.home / "secret.txt"),
        f"/home/{bob.id}/secret.txt",
        str(walled_house.state / "runtime.json"),
        str(walled_house.state / "swap.toml"),
        str(walled_house.state / "people.toml"),
        str(walled_house.runtime.socket_directory),
        str(walled_house.state / "logs"),
        str(walled_house.state / "tables"),
    ]

    told = ann.run(f"import os; print([each for each in {wanted!r} if os.path.exists(each)])")
    everybody = ann.run("import psutil; print({each.username() for each in psutil.process_iter()})")

    assert told == "[]"
    assert everybody in {"{'ann', 'root'}", "{'root', 'ann'}"}
    assert all(Path(each).exists() for each in wanted if not each.startswith("/home/")), "the control"


def test_notebooks_of_a_kernel_are_on_the_portals_page_and_the_other_way_round(ann):
    document = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    ann.run(f"open('made-here.ipynb', 'w').write({document!r}); print('written')")

    assert "made-here" in ann.browser.get("/notebooks").text
    csrf = ann.browser.get("/").text.split('name="csrf" value="')[1].split('"')[0]
    answer = ann.browser.post(
        "/notebooks", data={"csrf": csrf}, headers={"Origin": f"http://localhost:{ann.house.port}"}, follow=False
    )
    assert answer.status_code in {302, 303}, answer.text[:500]
    assert ann.run("import os; print(os.stat('untitled-1.ipynb').st_uid == os.getuid())") == "True"


def test_what_a_person_saves_is_a_version_that_the_portal_shows_and_restores(walled_house, ann):
    def save(source: str) -> None:
        cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": source}
        document = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        model = {"type": "notebook", "format": "json", "content": document}
        assert ann.tab.api("/api/contents/versions.ipynb", "PUT", json=model).is_success

    save("# First")
    save("# Second")
    said = ann.tab.api("/swap/saved?path=versions.ipynb").json()
    assert said == {"version": 2, "why": None, "warning": ""}
    assert "Second" in ann.browser.get("/notebooks/read/versions.ipynb").text
    assert "Changes in version 2" in ann.browser.get("/notebooks/history?path=versions.ipynb&all=1").text

    answer = submit(ann.browser, "/notebooks/history/restore", path="versions.ipynb", version="1")

    assert answer.status_code == HTTPStatus.SEE_OTHER, answer.text[:500]
    file = ann.home / "versions.ipynb"
    assert "# First" in file.read_text(encoding="utf-8")
    assert file.stat().st_uid == ann.uid


def test_what_the_portal_reads_for_a_person_is_what_they_may_read(walled_house, ann):
    kept = walled_house.state / "kept.ipynb"
    kept.write_text('{"cells": [{"cell_type": "markdown", "source": "# the kept title"}]}', encoding="utf-8")
    kept.chmod(0o600)
    os.link(kept, ann.home / "linked.ipynb")

    assert "the kept title" not in ann.browser.get("/notebooks").text
    os.chown(ann.home / "linked.ipynb", ann.uid, ann.uid)
    os.utime(ann.home / "linked.ipynb")
    assert "the kept title" in ann.browser.get("/notebooks").text, "the control"


def test_what_computes_a_query_and_what_reads_files_are_system_users_of_their_own(walled_house, ann):
    ann.run("import swap; print(len(swap.sql('SELECT 1 AS one').to_arrow()))")
    gateway = psutil.Process(walled_house.processes["gateway"].pid)

    def uids(program):
        family = gateway.children(recursive=True)
        found = set()
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                if any(program in part for part in each.cmdline()):
                    found.add(each.uids().real)
        return found

    launch = walled_house.settings.launch
    until(lambda: uids("files.reader") == {launch.readers_uid})  # a harvest begins by itself
    until(lambda: uids("combiner_child") == {launch.combiners_uid})
    assert len({ann.uid, launch.readers_uid, launch.combiners_uid}) == 3


def test_the_hub_is_a_system_user_of_its_own_and_servers_are_its_wardens(walled_house, ann):
    warden = psutil.Process(walled_house.processes["hub"].pid)
    (hub,) = [each for each in warden.children() if "swap.processes.serving_hub" in each.cmdline()]
    assert set(hub.uids()) == {walled_house.settings.launch.hub_uid}
    assert set(warden.uids()) == {0}
    assert hub.children() == []
    # Its own, or below what it forks from.
    assert running.find(walled_house.state, ann.id).pid in [each.pid for each in warden.children(recursive=True)]


def test_a_server_that_is_forked_is_like_any_other(walled_house, ann):
    warden = psutil.Process(walled_house.processes["hub"].pid)

    def is_forked() -> bool:
        found = running.find(walled_house.state, ann.id)
        return "swap.launch.loaded" in psutil.Process(found.pid).parent().cmdline()

    def begin_again() -> bool:
        with walled_house.hub_api(walled_house.runtime.web_service_token) as api:
            assert api.delete(f"/users/{ann.id}/server").status_code in {202, 204}
            until(lambda: api.get(f"/users/{ann.id}").json()["servers"] == {})
        ann.begin()
        return is_forked()

    until(lambda: is_forked() or begin_again())
    assert ann.run("print(40 + 2)") == "42"
    below = psutil.Process(running.find(walled_house.state, ann.id).pid).children(recursive=True)
    assert [each.uids().real for each in below if "swap.lab" in each.cmdline()] == [ann.uid]

    # What it is forked from dies: nobody is disturbed, the next server is started, and the one after that forked again.
    (loaded,) = [each for each in warden.children() if "swap.launch.loaded" in each.cmdline()]
    loaded.kill()
    assert ann.run("print(40 + 2)") == "42"
    until(begin_again)
    assert ann.run("print(40 + 2)") == "42"


def test_of_the_environment_traefik_has_nothing_that_a_route_of_the_hubs_could_name(walled_house):
    """Routes are templates: `{{ env "SWAP_RUNTIME" }}` in one would be read as root's."""
    of = {name: Path(f"/proc/{walled_house.processes[name].pid}/environ").read_bytes() for name in ("traefik", "hub")}
    assert of["traefik"] == b""
    assert b"SWAP_RUNTIME=" in of["hub"], "the control: what whoever starts them has"


def test_a_hub_that_is_started_again_finds_the_servers_and_ends_one(walled_house, bob):
    before = running.find(walled_house.state, bob.id)
    walled_house.kill("hub", signal.SIGTERM)
    assert bob.run("print(40 + 2)") == "42", "nobody's work is disturbed"
    walled_house.start("hub")

    with walled_house.hub_api(walled_house.runtime.web_service_token) as api:
        until(lambda: api.get(f"/users/{bob.id}").json()["servers"].get("", {}).get("ready"))
        assert running.find(walled_house.state, bob.id) == before
        assert bob.run("print(40 + 2)") == "42"
        assert api.delete(f"/users/{bob.id}/server").status_code in {202, 204}
        until(lambda: api.get(f"/users/{bob.id}").json()["servers"] == {})
    assert not running.is_alive(before)
    bob.begin()


def test_what_a_person_could_not_reach_is_counted_in_the_audit(walled_house, bob):
    tried = bob.run(
        "import socket\nfor address in [('169.254.169.254', 80)] * 3 + [('127.0.0.1', 1)] * 2:\n"
        "    try:\n        socket.create_connection(address, 5)\n    except OSError as error:\n        last = error\n"
        "print(last)"
    )
    assert "refused" in tried
    with walled_house.hub_api(walled_house.runtime.web_service_token) as api:
        assert api.delete(f"/users/{bob.id}/server").status_code in {202, 204}

    (found,) = audited(walled_house, "connections-refused")
    assert found["no_route"] == 3
    assert found["refused"] >= 2


@pytest.fixture(scope="module")
def up(embedded_postgres):
    """SWAP as `swap up` runs it, with disks of people's own: what is killed in it comes back, and at last it is stopped."""
    made = build(embedded_postgres, names=("ann",), launch={"isolation": "user", "disk_bytes": 200_000_000})
    log = made.state / "logs" / "up.log"
    (made.state / "runtime.json").unlink()
    made.state.chmod(0o711)
    with log.open("wb") as output:
        command = [sys.executable, "-P", "-m", "swap.cli", "up", "--config", str(made.state / "swap.toml")]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=made.state, env=environment)
    try:
        until(lambda: "SWAP runs:" in log.read_text() or process.poll() is not None, 120)
        here = runtimes.of_running(made.state)
        assert here is not None, log.read_text()
        yield SimpleNamespace(settings=made.settings, here=here, process=process, log=log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
        demolish(made)


def test_who_has_a_warden_and_a_warden_that_was_killed_are_started_again_with_the_other(up):
    def programs(name):
        """A program, or the warden of a service."""
        wanted = (f"swap.{name}",) if "." in name else ("swap.processes.warded", name)
        found = set()
        for each in psutil.Process(up.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if set(wanted) <= set(each.cmdline()):
                    found.add(each)
        return found

    def answers(address):
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(address, trust_env=False, verify=services.NO_TLS).is_success
        return False

    pairs = {
        "gateway": ("processes.serving", f"{up.here.gateway_url}/v1/health"),
        "web": ("processes.serving_web", f"{up.here.web_url}/ping"),
        "hub": ("processes.serving_hub", f"{up.here.hub_url}/hub/health"),
    }
    for service, (program, address) in pairs.items():
        for name in (program, service):
            before = programs(program) | programs(service)
            (killed,) = programs(name)
            killed.kill()
            until(lambda: f"{service} ended with signal SIGKILL" in up.log.read_text(), 60)  # noqa: B023
            until(lambda: programs(program) - before and answers(address), 120)  # noqa: B023
            assert still_running(list(before), 10) == []
            up.log.write_text("", encoding="utf-8")


def test_a_stop_of_swap_ends_everybody_behind_walls(up):
    engine = create(up.here.database_urls["owner"])
    house = House(up.settings, up.here, SimpleNamespace(engine=lambda: engine))
    try:
        browser = house.sign_in("ann")
        ann_id = house.person_id("ann")
        house.start_server(ann_id)
        family = psutil.Process(up.process.pid).children(recursive=True)
        assert any(each.uids().real >= 2_100_000_000 for each in family)
        assert (house.runtime.homes / ann_id).is_mount()
        assert browser.get("/").status_code == 200

        up.process.send_signal(signal.SIGINT)

        assert up.process.wait(60) == 0, up.log.read_text()
        assert still_running(family, 10) == []
        assert not (house.runtime.homes / ann_id).is_mount()
    finally:
        engine.dispose()
        for browser in house.browsers:
            browser.client.close()


TAKE = "import sys; kept = bytearray(int(sys.argv[1])); kept[::4096] = b'x' * len(kept[::4096])"


def test_a_server_that_a_limit_ended_is_said_to_have_been(walled_house, bob):
    house, stopped = walled_house, "Your server is stopped"
    group = find().below["memory"] / "swap" / whose(house.state, bob.id)

    def take(size_bytes: int) -> None:
        program = (sys.executable, "-c", TAKE, str(size_bytes))
        subprocess.run(
            ["/bin/sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "-", *program],
            check=False,
            stderr=subprocess.DEVNULL,
        )

    # The control: killed by somebody.
    if running.find(house.state, bob.id) is None:
        house.start_server(bob.id)
    running.send(running.find(house.state, bob.id), signal.SIGKILL)
    until(lambda: stopped in bob.browser.get("/server").text)
    assert "A limit ended your server" not in bob.browser.get("/server").text

    house.start_server(bob.id)
    outer = psutil.Process(running.find(house.state, bob.id).pid)
    server = next(each for each in outer.children(recursive=True) if "swap.lab" in each.cmdline())
    # The kernel of the machine chooses whom it ends: here it is to be the server.
    Path(f"/proc/{server.pid}/oom_score_adj").write_text("1000", encoding="ascii")
    limit = int((group / "memory.usage_in_bytes").read_text()) + 100_000_000
    for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
        if (group / name).exists():
            (group / name).write_text(str(limit), encoding="ascii")
    take(limit)

    until(lambda: "A limit ended your server" in bob.browser.get("/server").text)
    page = bob.browser.get("/server").text
    assert f"It met its limit of {house.settings.launch.memory_bytes / 1e9:g} GB of memory." in page

    house.start_server(bob.id)
    assert f"of {limit / 1e9:.3g}" not in bob.browser.get("/").text, "limits are made anew with each server"
    assert "It uses" in bob.browser.get("/").text
    assert running.ended(house.state, bob.id) == ""


def test_a_server_that_is_stopped_leaves_nothing_behind(walled_house, ann):
    ann.run("import subprocess; subprocess.Popen(['sleep', '1000'], start_new_session=True); print('started')")
    server = psutil.Process(running.find(walled_house.state, ann.id).pid)
    family = [server, *server.children(recursive=True)]
    assert any(each.name() == "sleep" for each in family)

    with walled_house.hub_api(walled_house.runtime.web_service_token) as api:
        assert api.delete(f"/users/{ann.id}/server").status_code in {202, 204}

    assert still_running(family, 30) == []
