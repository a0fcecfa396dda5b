"""Somebody who runs SWAP ends everything of a person, on a whole site: sessions, the server, and its kernels' tokens."""

from __future__ import annotations

import re
import time
from pathlib import Path

from swap.launch import running


def test_everything_of_a_person_ends_and_they_can_come_back(house):
    ended, boss = house.sign_in("ended"), house.sign_in("boss")
    person = house.person_id("ended")
    host, lab = f"{person}.localhost", f"/user/{person}/lab"
    house.start_server(person)
    assert ended.get(lab, host).status_code == 200
    process = Path(f"/proc/{running.find(house.state, person).pid}")
    asked = boss.get(f"/admin/end?id={person}").text
    mark = re.search(r'name="csrf" value="([^"]+)"', asked)[1]

    done = boss.post(
        "/admin/end", data={"csrf": mark, "id": person}, headers={"Origin": f"http://localhost:{house.port}"}
    )

    assert "Everything of ended has ended." in done.text
    end = time.monotonic() + 30
    while process.exists():
        assert time.monotonic() < end, "the server goes on"
        time.sleep(0.1)
    assert "jupyter-config-data" not in ended.get(lab, host).text
    assert ended.get("/", follow=False).headers["location"].startswith("/sign-in")
    assert boss.get("/").status_code == 200

    again = house.sign_in("ended")
    house.start_server(person)
    assert "jupyter-config-data" in again.get(lab, host).text
