"""Jupyter's sessions, of which a path has one, however many ask for it while its kernel starts."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakValueDictionary

from jupyter_server.services.sessions.sessionmanager import SessionManager


class OneForEach(SessionManager):
    """Between Jupyter's look whether there is a session and the kernel's start another may have begun."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._starting: WeakValueDictionary[str | None, asyncio.Lock] = WeakValueDictionary()

    async def create_session(
        self,
        path: str | None = None,
        name: Any = None,
        type: str | None = None,  # noqa: A002 — Jupyter's name
        kernel_name: Any = None,
        kernel_id: str | None = None,
    ) -> dict[str, Any]:
        """Return a session's model: the path's own if it has one by now."""
        lock = self._starting.setdefault(path, asyncio.Lock())
        async with lock:
            if kernel_id is None and await self.session_exists(path):  # type: ignore[no-untyped-call]
                found: dict[str, Any] = await self.get_session(path=path)  # type: ignore[no-untyped-call]
                return found
            return await super().create_session(path, name, type, kernel_name, kernel_id)
