"""A fork at its person's own server: it opens untrusted, and is gone on from as from any other version."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import Any

import notebooks
import saves
from integration.lab.desks import Desk
from integration.lab.test_saving import desk, gateway, shared
from swap.identity import Principal, Via
from swap.notebooks import forks, saving, sharing
from swap.notebooks.shares import Kind, Role, Share
from swap.settings import Policy

__all__ = ["desk", "gateway", "shared"]
HTML = notebooks.shown({"text/html": "<b>hi</b>", "text/plain": "hi"})


def fork_of(desk: Desk, document: dict[str, Any]) -> None:
    """Let the desk's person fork what somebody else shares with everyone, as forked.ipynb."""
    author, now = Principal(desk.gateway.person("ann").id, "ann", frozenset(), Via.SERVER), datetime.now(UTC)
    person = Principal(desk.person.id, "bob", frozenset(), Via.PORTAL)

    def put(_: str, written: bytes) -> str:
        (desk.home / "forked.ipynb").write_bytes(written)
        return desk.path("forked.ipynb")

    def new_id() -> str:
        return secrets.token_hex(16)

    with desk.gateway.database.engine("owner").begin() as conn:
        original = saving.save(conn, Policy(), author, saves.sent(document), now, new_id).notebook_id
        sharing.share(conn, author, original, Share(Kind.EVERYONE, "", Role.VIEW), now)
        forks.fork(conn, Policy(), person, original, put, now, new_id)


def opened(desk: Desk) -> dict[str, Any]:
    """Return the notebook's first cell as JupyterLab is given it."""
    return dict(desk.contents("GET", "forked.ipynb").json()["content"]["cells"][0])


def test_a_fork_is_not_trusted_before_its_person_trusts_it_and_is_gone_on_from(desk: Desk) -> None:
    document = saves.notebook("aaa = 1", outputs={0: [HTML]})
    document["cells"][0]["metadata"] = {"trusted": True, "tags": ["kept"]}
    fork_of(desk, document)
    cell = opened(desk)
    assert "".join(cell["outputs"][0]["data"]["text/html"]) == "<b>hi</b>"
    assert cell["metadata"] == {"trusted": False, "tags": ["kept"]}

    trusted = json.loads((desk.home / "forked.ipynb").read_text())
    trusted["cells"][0] |= {"source": "aaa = 2", "metadata": {"trusted": True}}
    assert desk.save(trusted, "forked.ipynb").status_code in {200, 201}
    assert opened(desk)["metadata"]["trusted"] is True  # the control
    assert desk.kinds("forked.ipynb") == ["forked", "saved"]
