"""An idle server of a whole site: it ends by itself, and everybody else takes it as ended.

Behind walls where somebody may build them: what ends there is the first process of a namespace.
"""

from __future__ import annotations

import os
import time

import pytest
from sqlalchemy import select

from integration.hub.conftest import build, demolish
from swap.db.tables import audit_event, jupyter_server
from swap.launch import running

HOURS = 8 / 3600
ISOLATION = "none" if os.geteuid() else "user"


@pytest.fixture
def impatient(embedded_postgres):
    """A site whose servers are idle after some seconds."""
    made = build(embedded_postgres, names=("ann",), launch={"idle_hours": HOURS, "isolation": ISOLATION})
    try:
        made.start("traefik")
        made.start("gateway", "web", "hub")
        yield made
    finally:
        demolish(made)


def test_an_idle_server_is_stopped_and_can_be_started_again(impatient):
    browser = impatient.sign_in("ann")
    person = impatient.person_id("ann")
    impatient.start_server(person)

    with impatient.hub_api(impatient.runtime.web_service_token) as api:
        end = time.monotonic() + 60
        while api.get(f"/users/{person}").json()["servers"]:
            assert time.monotonic() < end, "it is not stopped, or the hub has not seen it"
            time.sleep(0.1)

    assert running.find(impatient.state, person) is None
    with impatient.database.engine().connect() as conn:
        assert conn.scalars(select(audit_event.c.event).where(audit_event.c.event.like("server-%"))).all() == [
            "server-started",
            "server-stopped",
        ]
        assert conn.scalars(select(jupyter_server.c.ended_at)).one() is not None
    assert "Your server is stopped" in browser.get("/").text or "Your server starts with" in browser.get("/").text
    impatient.start_server(person)
