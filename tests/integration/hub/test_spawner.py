"""People's servers: real processes, started by the real hub."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from swap.db.tables import audit_event, jupyter_server
from swap.launch import running, start
from swap.launch.start import Step


@pytest.fixture(scope="module")
def ann(house):
    """ann, signed in, with a running server."""
    browser = house.sign_in("ann")
    browser.person_id = house.person_id("ann")
    if running.find(house.state, browser.person_id) is None:
        house.start_server(browser.person_id)
    return browser


def stop(house, person_id):
    with house.hub_api(house.runtime.web_service_token) as api:
        assert api.delete(f"/users/{person_id}/server").status_code in {202, 204}
        until(lambda: api.get(f"/users/{person_id}").json()["servers"] == {})


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def progress(house, person_id):
    """Start a server and return all that the portal's page is told."""
    with house.hub_api(house.runtime.web_service_token) as api:
        started = api.post(f"/users/{person_id}/server")
    assert started.status_code in {201, 202}, started.text
    told = []
    # Asked before the start has begun, the hub tells of none.
    until(lambda: told.extend(follow(house, person_id)) or told)
    return told


def follow(house, person_id):
    """Return what is told of a start, to its end."""
    with (
        house.hub_api(house.runtime.web_service_token) as api,
        api.stream("GET", f"/users/{person_id}/server/progress", timeout=60) as stream,
    ):
        return [json.loads(line[5:]) for line in stream.iter_lines() if line.startswith("data:")]


def audited(house, event):
    with house.database.engine().connect() as conn:
        return [
            row.detail
            for row in conn.execute(select(audit_event).where(audit_event.c.event == event).order_by(audit_event.c.id))
        ]


def test_a_server_opens_lab_on_its_persons_own_host(house, ann):
    answer = ann.get(f"/user/{ann.person_id}/lab", f"{ann.person_id}.localhost")

    assert answer.status_code == 200
    assert "jupyter-config-data" in answer.text


def test_nobody_elses_server_can_be_entered(house, ann):
    other = house.sign_in("chidi")

    for path in ("lab", "api/contents", "files/a.txt", "api/kernels"):
        answer = other.get(f"/user/{ann.person_id}/{path}", f"{ann.person_id}.localhost")
        assert answer.status_code == 403, path
    assert "· SWAP</title>" in other.get(f"/user/{ann.person_id}/lab", f"{ann.person_id}.localhost").text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk")
def test_a_full_disk_is_the_reason_and_says_what_to_do(house):
    house.sign_in("50%")
    person_id = house.person_id("50%")
    home = house.runtime.homes / person_id
    home.mkdir(mode=0o700, exist_ok=True)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", home], check=False, capture_output=True
    ).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        events = progress(house, person_id)
    finally:
        subprocess.run(["umount", home], check=True)

    assert events[-1]["failed"]
    failure = start.failure(events[-1])
    assert failure.why.startswith("The disk of your home directory is full.")
    assert failure.why.endswith("Make room, then try again.")
    assert failure.log == ""


def test_home_is_private_and_named_by_the_id(house, ann):
    home = house.runtime.homes / ann.person_id

    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {path.name for path in house.runtime.homes.iterdir()} >= {ann.person_id}
    assert not (house.runtime.homes / "ann").exists()


def test_the_log_is_private_and_outside_the_home(house, ann):
    log = house.state / "logs" / f"server-{ann.person_id}.log"

    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "jupyter" in log.read_text(encoding="utf-8").lower()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look into a sealed process")
def test_the_servers_environment_is_closed(house, ann):
    found = running.find(house.state, ann.person_id)
    raw = Path(f"/proc/{found.pid}/environ").read_bytes()
    environ = dict(item.split("=", 1) for item in raw.decode(errors="replace").split("\0") if "=" in item)

    assert set(environ) == {
        "PATH",
        "HOME",
        "LANG",
        "TZ",
        "SWAP_GATEWAY",
        "SWAP_HOME_URL",
        "SWAP_ADDRESSES",
        "SWAP_TOKEN_SOCKET",
        "SWAP_KERNEL_ENV",
        "SWAP_IDLE_HOURS",
        "SWAP_IDLE_TOLD_HOURS",
    }
    for secret in (
        house.runtime.web_service_token,
        house.runtime.kernel_key,
        house.runtime.database_urls["hub"],
        str(house.state / "runtime.json"),
    ):
        assert secret not in raw.decode(errors="replace")


def test_the_database_knows_the_server_by_the_digest_of_its_credential(house, ann):
    with house.database.engine().connect() as conn:
        row = conn.execute(
            select(jupyter_server).where(
                jupyter_server.c.person_id == ann.person_id, jupyter_server.c.ended_at.is_(None)
            )
        ).one()

    assert row.id == running.find(house.state, ann.person_id).server_id
    assert len(row.credential_digest) == 32


def test_a_start_tells_its_steps_and_a_stop_ends_everything(house):
    house.sign_in("chidi")
    person_id = house.person_id("chidi")

    events = progress(house, person_id)
    told = [begun for event in events if (begun := start.begun(event))]

    assert [begun.step for begun in told] == [step for step in Step if step is not Step.TURN]
    assert events[-1]["ready"]
    found = running.find(house.state, person_id)
    assert [begun.pid for begun in told] == [None, None, found.pid, None]
    assert audited(house, "server-started")[-1] == {"server_id": found.server_id}

    stop(house, person_id)

    assert not running.is_alive(found)
    assert running.find(house.state, person_id) is None
    assert audited(house, "server-stopped")[-1] == {"server_id": found.server_id}
    with house.database.engine().connect() as conn:
        assert (
            conn.execute(select(jupyter_server.c.ended_at).where(jupyter_server.c.id == found.server_id)).scalar_one()
            is not None
        )


def test_as_many_start_at_a_time_as_may_and_the_others_are_told_their_place(house):
    names = ("chidi", "José", "a-b", "a_b")
    for name in names:
        house.sign_in(name)
    ids = [house.person_id(name) for name in names]
    with house.hub_api(house.runtime.web_service_token) as api:
        for person_id in ids:
            assert api.post(f"/users/{person_id}/server").is_success

        with ThreadPoolExecutor(len(ids)) as threads:
            events = list(threads.map(lambda person_id: follow(house, person_id), ids))

    told = [[begun for event in each if (begun := start.begun(event))] for each in events]
    assert [each[-1].get("ready") for each in events] == [True] * 4
    waited = [each for each in told if each[0].step is Step.TURN]
    assert len(waited) == 2, "two may start at once"
    places = [[begun.ahead for begun in each if begun.step is Step.TURN] for each in waited]
    assert sorted(places) == [[0], [1, 0]]
    for person_id in ids:
        stop(house, person_id)


def test_who_waits_may_go_away(house):
    names = ("chidi", "José", "a-b")
    for name in names:
        house.sign_in(name)
    ids = [house.person_id(name) for name in names]
    with house.hub_api(house.runtime.web_service_token) as api:
        for person_id in ids:
            assert api.post(f"/users/{person_id}/server").is_success
        assert api.delete(f"/users/{ids[2]}/server").status_code in {202, 204}
        until(lambda: api.get(f"/users/{ids[2]}").json()["servers"] == {})
        assert running.find(house.state, ids[2]) is None

        for person_id in ids[:2]:
            assert follow(house, person_id)[-1]["ready"]
        # And their turn is nobody's: the next start is not held up.
        assert progress(house, ids[2])[-1]["ready"]
    for person_id in ids:
        stop(house, person_id)


def test_a_server_that_dies_by_itself_loses_credential_and_route(house):
    browser = house.sign_in("chidi")
    person_id = house.person_id("chidi")
    house.start_server(person_id)
    found = running.find(house.state, person_id)

    os.kill(found.pid, signal.SIGKILL)

    until(lambda: audited(house, "server-stopped")[-1:] == [{"server_id": found.server_id}])
    leads = f"http://localhost:{house.port}/server?next=a.ipynb"
    until(
        lambda: (
            browser.get(f"/user/{person_id}/lab/tree/a.ipynb", f"{person_id}.localhost", follow=False).headers.get(
                "location"
            )
            == leads
        )
    )


def test_a_start_that_fails_says_why_and_shows_the_end_of_the_log(house):
    house.sign_in("José")
    person_id = house.person_id("José")
    # A directory where the token socket's private directory must be made: the server cannot lay itself out.
    blocker = house.runtime.socket_directory / f"{person_id}.d"
    blocker.write_text("in the way", encoding="utf-8")
    try:
        events = progress(house, person_id)
    finally:
        blocker.unlink()

    assert events[-1]["failed"]
    failure = start.failure(events[-1])
    assert failure.why == "It ended by itself, with status 1."
    assert "Traceback" in failure.log
    assert "File exists" in failure.log.splitlines()[-1]
    assert audited(house, "server-failed")[-1]["reason"].startswith("It ended by itself, with status 1. ")
    assert "File exists" in audited(house, "server-failed")[-1]["reason"]
    with house.hub_api(house.runtime.web_service_token) as api:
        late = api.get(f"/users/{person_id}/server/progress").text
    assert start.failure(json.loads(late.strip().removeprefix("data:"))) == failure, "who asks later is told the same"
    assert running.find(house.state, person_id) is None


def test_after_a_failure_the_next_start_succeeds(house):
    house.sign_in("José")
    person_id = house.person_id("José")
    (house.runtime.socket_directory / f"{person_id}.d").write_text("in the way", encoding="utf-8")
    assert progress(house, person_id)[-1]["failed"]
    (house.runtime.socket_directory / f"{person_id}.d").unlink()

    assert progress(house, person_id)[-1]["ready"]
    stop(house, person_id)


def test_nobody_who_signed_out_gets_a_server(house):
    browser = house.sign_in("ann.smith")
    person_id = house.person_id("ann.smith")
    browser.sign_out()

    with house.hub_api(house.runtime.web_service_token) as api:
        answer = api.post(f"/users/{person_id}/server")

    # The hub's own refusal, before the spawner is asked; the spawner's is in test_start_while_signed_out.
    assert (answer.status_code, answer.json()["message"]) == (403, f"auth has expired for {person_id}, login again")
    assert running.find(house.state, person_id) is None


def test_a_forgotten_server_is_stopped_before_the_next_one_starts(house):
    house.sign_in("chidi")
    person_id = house.person_id("chidi")
    house.start_server(person_id)
    forgotten = running.find(house.state, person_id)
    # As if the hub had been killed between starting the server and remembering it.
    with house.database.engine("hub").begin() as conn:
        conn.exec_driver_sql(
            "update jupyterhub.spawners set state = null, server_id = null where user_id = (select id from"
            " jupyterhub.users where name = %s)",
            (person_id,),
        )
    house.kill("hub")
    house.start("hub")

    house.start_server(person_id)

    assert not running.is_alive(forgotten)
    assert running.find(house.state, person_id).server_id != forgotten.server_id
    stop(house, person_id)


def test_a_restarted_hub_knows_the_servers_that_run(house, ann):
    before = running.find(house.state, ann.person_id)

    house.kill("hub")
    assert ann.get(f"/user/{ann.person_id}/api/status", f"{ann.person_id}.localhost").status_code == 200
    house.start("hub")

    with house.hub_api(house.runtime.web_service_token) as api:
        until(lambda: api.get(f"/users/{ann.person_id}").json()["servers"].get("", {}).get("ready"))
    assert running.find(house.state, ann.person_id) == before
    assert ann.get(f"/user/{ann.person_id}/api/status", f"{ann.person_id}.localhost").status_code == 200
