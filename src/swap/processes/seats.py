"""A program that says which uid a person has, and gives one to who has none: `seats <person id>`.

The wardens of portal and hub ask it once for each person who came after their own start; it loads the database's
driver, and ends.
"""

from __future__ import annotations

import json
import sys

from swap import logs, runtime, settings
from swap.db import engine
from swap.db.engine import DatabaseUnavailable
from swap.errors import NotFound, Problem, SwapError, to_json
from swap.launch import seats
from swap.people import service
from swap.runtime import Runtime
from swap.settings import Settings


def main() -> None:
    """Print the answer, as JSON."""
    logs.install()
    try:
        answer: dict[str, object] = {"uid": _uid(sys.argv[-1])}
    except SwapError as error:
        answer = {"error": to_json(error)}
    sys.stdout.write(json.dumps(answer))


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


def _uid(person_id: str) -> int:
    here = runtime.read()
    asked = engine.create(here.database_urls["hub"])
    try:
        with asked.begin() as conn:
            if service.find_person(conn, person_id) is None:
                raise NotFound(Problem("There is no such person."))
            return seats.uid(conn, settings.load(here.config).launch, person_id)
    finally:
        asked.dispose()


if __name__ == "__main__":
    main()
