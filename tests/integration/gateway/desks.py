"""Somebody at a gateway whose kernels ask and whose server saves, and what others see of it."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pyarrow as pa
from sqlalchemy import Engine, text

import notebooks
import saves
import services
from integration.gateway.gateways import POLICY, Gateway
from integration.gateway.test_notebooks import Home
from swap import content
from swap.identity import Principal, Via
from swap.notebooks import history, shown
from swap.notebooks.sight import UNNAMED, Hidden

CITIES = "SELECT city FROM lake.wmf.pageview_hourly LIMIT 1"
COUNTRIES = "SELECT name FROM lake.canonical.countries"
SECRET = "SELECT password FROM lake.private.secret"
NO_CITIES = Hidden(("lake.wmf.pageview_hourly",), "data-privacy")
NOT_KNOWN = Hidden((UNNAMED,), "data-platform")
NEVER_RECORDED = Hidden((), "data-platform")


EVERYONE = text(
    "INSERT INTO swap.notebook_share (notebook_id, kind, whom, role, shared_by, at)"
    " SELECT id, 'everyone', '', 'view', person_id, now() FROM swap.notebook WHERE id = :id ON CONFLICT DO NOTHING"
)


class Desk:
    """Somebody with kernels that ask, and a server that saves; everybody else may look at what they have."""

    def __init__(self, swap: Gateway, name: str, *groups: str) -> None:
        self.swap, self.person = swap, swap.person(name, *groups)
        self.home = Home(swap, self.person)
        self.web: Engine = swap.database.engine("web")

    def client(self, kernel: str) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.person.token(kernel=kernel)}"}
        return httpx.Client(
            base_url=self.swap.url, headers=headers, timeout=60, trust_env=False, verify=services.NO_TLS
        )

    def asks(self, statement: str, kernel: str, **more: Any) -> str:
        with self.client(kernel) as client:
            answer = client.post("/v1/queries", json={"statement": statement, "wait": 10, **more})
        assert answer.status_code == 202, answer.text
        assert answer.json()["state"]["state"] == "done", answer.text
        return str(answer.json()["id"])

    def brings(self, kernel: str) -> str:
        """Send a table of their own; return its id."""
        sink, table = io.BytesIO(), pa.table({"city": ["Berlin"]})
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        with self.client(kernel) as client:
            return str(client.post("/v1/uploads", content=sink.getvalue()).json()["id"])

    def saves(self, *outputs: str, kernel: str = "", path: str = "a.ipynb", **more: Any) -> tuple[str, int]:
        """Save a notebook with a cell for each of these outputs; return which it is, and its version."""
        shown = {at: [notebooks.printed(each)] for at, each in enumerate(outputs)}
        document = saves.notebook(*(f"{at:03}" for at in range(len(outputs))), outputs=shown)
        answer = self.home.save(document, path=path, kernel_id=kernel, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["notebook"], answer.json()["version"]

    def sees(self, saved: tuple[str, int]) -> list[Any]:
        """Return what stands in each cell of a version: its outputs, or why they are hidden."""
        return [told(cell["outputs"]) for cell in self.document(saved)["cells"]]

    def document(self, saved: tuple[str, int]) -> dict[str, Any]:
        """Return a version of a notebook that is shared with everyone, as this person sees it."""
        with self.swap.database.engine("owner").begin() as conn:
            conn.execute(EVERYONE, {"id": saved[0]})
        with self.web.begin() as conn:
            seen = shown.look(conn, POLICY, self.principal, saved[0], datetime.now(UTC), saved[1])
            return dict(json.loads(shown.written(conn, seen)))

    @property
    def principal(self) -> Principal:
        """As the page knows them, from before: what counts is which groups they have now."""
        return Principal(self.person.id, "x", frozenset({"analysts", "data-privacy"}), Via.PORTAL)


def told(outputs: list[dict[str, Any]]) -> Any:
    (only,) = outputs
    if only["output_type"] == "stream":
        return only["text"]
    assert list(only["data"]) == [content.HIDDEN], "no other type that could be shown instead"
    return Hidden(tuple(only["data"][content.HIDDEN]["datasets"]), only["data"][content.HIDDEN]["ask"])


def newest(desk: Desk, notebook_id: str) -> content.Manifest:
    with desk.web.begin() as conn:
        head = "SELECT digest FROM swap.notebook JOIN swap.notebook_version ON notebook_id = id AND number = head WHERE id = :id"
        digest = conn.scalars(text(head), {"id": notebook_id}).one()
        return history.manifest_of(conn, notebook_id, digest.hex())
