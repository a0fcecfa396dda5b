"""How a notebook was saved last, for the page that shows it; and that its person goes on from a newer version."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from swap.lab.saving import Saved, Saving


class SavedNow(APIHandler):
    """GET and POST swap/saved."""

    def initialize(self, saving: Saving) -> None:
        """Take what saves."""
        self.saving = saving

    @web.authenticated
    async def get(self) -> None:
        """Return the version that a notebook was saved as, or why it is on this machine only."""
        self.set_header("Cache-Control", "no-store")
        self.finish(_as_json(self.saving.saved(self.get_query_argument("path"))))

    @web.authenticated
    async def post(self) -> None:
        """Let the next save follow the version that the person was told of."""
        try:
            version = int(json.loads(self.request.body)["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise web.HTTPError(400) from error
        manager: Any = self.contents_manager
        await self.saving.accept(Path(manager._get_os_path(self.get_query_argument("path"))), version)  # noqa: SLF001 — Jupyter's only way
        self.finish({})


def _as_json(saved: Saved | None) -> dict[str, Any]:
    """Return how a notebook was saved, for the page."""
    if saved is None:
        return {"version": None, "why": None, "warning": ""}
    problem = saved.problem
    why = problem and " ".join(filter(None, (problem.title, problem.why)))
    return {"version": saved.version, "why": why, "warning": saved.warning}


def routes(base_url: str, saving: Saving) -> list[tuple[Any, ...]]:
    """Return our handlers."""
    return [(url_path_join(re.escape(base_url), "swap", "saved"), SavedNow, {"saving": saving})]
