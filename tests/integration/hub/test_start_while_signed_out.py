"""Nobody gets a server whose access has ended: the hub asks before a start, and the spawner once more by itself."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select

from integration.gateway.gateways import runtime_for
from services import Database
from swap import runtime as runtimes
from swap.db.tables import jupyter_server
from swap.hub import context
from swap.hub.spawner import LocalSpawner, StartFailed
from swap.launch import running
from swap.people import service
from swap.people.ids import new_person_id


@pytest.fixture
def here(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[context.Context]:
    """What a hub process knows, on this test's database."""
    (tmp_path / "swap.toml").write_text(
        f'state = "{tmp_path}"\n[people]\nfile = "{tmp_path}/people.toml"\n', encoding="utf-8"
    )
    made = runtime_for(database, tmp_path)
    runtimes.write(made, tmp_path / "runtime.json")
    monkeypatch.setenv(runtimes.ENVIRONMENT, str(tmp_path / "runtime.json"))
    context.current.cache_clear()
    yield context.current()
    context.current().engine.dispose()
    context.current.cache_clear()


@pytest.fixture
def ann(database: Database) -> str:
    with database.engine().begin() as conn:
        person = service.ensure_person(conn, "file:ann", "ann", (), lambda: new_person_id(secrets.token_bytes))
        service.sign_in(conn, person.id, "first", datetime.now(UTC), 7)
    return person.id


def launched(database: Database) -> int:
    with database.engine().connect() as conn:
        return conn.scalar(select(func.count()).select_from(jupyter_server)) or 0


@pytest.mark.parametrize("end", [service.sign_out, service.remove])
def test_a_spawner_starts_nothing_for_somebody_whose_access_has_ended(
    here: context.Context, database: Database, ann: str, end
) -> None:
    spawner = LocalSpawner(user=SimpleNamespace(name=ann))
    with database.engine().begin() as conn:
        end(conn, ann, datetime.now(UTC))

    with pytest.raises(StartFailed) as refused:
        asyncio.run(spawner.start())

    assert (refused.value.status_code, refused.value.reason) == (403, "access")
    assert launched(database) == 0
    assert running.find(here.settings.state, ann) is None


def test_it_is_the_look_at_their_access_that_stops_it(
    here: context.Context, database: Database, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same spawner for somebody who is signed in goes on, to what only a whole hub could give it."""
    spawner = LocalSpawner(user=SimpleNamespace(name=ann))
    monkeypatch.setattr(spawner, "get_env", lambda: {"JUPYTERHUB_USER": ann})

    with database.engine("hub").begin() as conn:
        told = spawner._prepare(conn, "s1", "credential")

    assert told["SWAP_SERVER_CREDENTIAL"] == "credential"
    assert launched(database) == 1
