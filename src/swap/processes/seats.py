"""A program that says which uids people have, and gives one to who has none: `seats <person id> …`.

The wardens of portal and hub ask it for those who came after their own start; it loads the database's driver, and
ends.
"""

from __future__ import annotations

import json
import sys

from sqlalchemy import Engine

from swap import logs, runtime, settings
from swap.db import engine
from swap.db.engine import DatabaseUnavailable
from swap.errors import NotFound, Problem, SwapError, to_json
from swap.launch import seats
from swap.people import service
from swap.runtime import Runtime
from swap.settings import Launch, Settings


def main() -> None:
    """Print what is to be said of each, as JSON."""
    logs.install()
    here = runtime.read()
    launch = settings.load(here.config).launch
    asked = engine.create(here.database_urls["hub"])
    try:
        sys.stdout.write(json.dumps({person_id: _said(asked, launch, person_id) for person_id in sys.argv[1:]}))
    finally:
        asked.dispose()


def known(settings: Settings, here: Runtime) -> dict[str, int]:
    """Return the uid of everybody who is there; nobody's while the database does not answer."""
    asked = engine.create(here.database_urls["hub"])
    try:
        with asked.connect() as conn:
            found = service.system_users(conn)
    except DatabaseUnavailable:
        return {}
    finally:
        asked.dispose()
    return {person_id: uid for person_id, uid in found.items() if seats.can_be(uid, settings.launch)}


def _said(asked: Engine, launch: Launch, person_id: str) -> dict[str, object]:
    try:
        with asked.begin() as conn:
            if service.find_person(conn, person_id) is None:
                raise NotFound(Problem("There is no such person."))
            return {"uid": seats.uid(conn, launch, person_id)}
    except SwapError as error:
        return {"error": to_json(error)}


if __name__ == "__main__":
    main()
