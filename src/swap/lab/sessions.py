"""Jupyter's sessions: a path has one, however many ask for it while its kernel starts; and which kernels ran it."""

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
        self._ran: dict[str | None, dict[str, None]] = {}

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

    async def save_session(
        self,
        session_id: str,
        path: str | None = None,
        name: Any = None,
        type: str | None = None,  # noqa: A002 — Jupyter's name
        kernel_id: str | None = None,
    ) -> dict[str, Any]:
        """Keep a session, and that its kernel runs its path."""
        found: dict[str, Any] = await super().save_session(session_id, path, name, type, kernel_id)  # type: ignore[no-untyped-call]
        self._runs(path, kernel_id)
        return found

    async def update_session(self, session_id: str, **changes: Any) -> None:
        """Give a session another path, whose kernels go with it, or another kernel."""
        before = await self.get_session(session_id=session_id)  # type: ignore[no-untyped-call]
        await super().update_session(session_id, **changes)  # type: ignore[no-untyped-call]
        for kernel_id in (*self.ran(before["path"]), changes.get("kernel_id")):
            self._runs(changes.get("path", before["path"]), kernel_id)

    def ran(self, path: str | None) -> tuple[str, ...]:
        """Return the kernels that have run what is at a path since this server began."""
        return tuple(self._ran.get(path, ()))

    def _runs(self, path: str | None, kernel_id: str | None) -> None:
        if kernel_id:
            self._ran.setdefault(path, {})[kernel_id] = None
