"""The sign-in page's form, answered: in, or back to the page with what happened and what to do."""

from __future__ import annotations

import html
import secrets
from typing import Any

from jupyterhub.handlers.login import LoginHandler
from sqlalchemy.exc import SQLAlchemyError
from tornado import web

from swap.audit import typed
from swap.db.engine import DatabaseUnavailable
from swap.hub import mend
from swap.hub.addresses import ByAddress

AWAY = "Nobody can sign in just now."
DATABASE_TODO = "SWAP's database does not answer. It is usually back within a minute; try again then."


class Refusal(Exception):
    """Why somebody was not let in, in words that tell a stranger nothing about who exists."""

    def __init__(self, title: str, todo: str, status: int = 403, wait_seconds: int = 0) -> None:
        super().__init__(title)
        self.title = title
        self.todo = todo
        self.status = status
        self.wait_seconds = wait_seconds


class SignInHandler(ByAddress, LoginHandler):  # type: ignore[misc] # JupyterHub has no types
    """JupyterHub's login with our answers."""

    async def post(self) -> None:
        """Let somebody in, or show the page again."""
        if not self.is_own_form():
            raise web.HTTPError(403, "This form did not come from SWAP. Try again here.")
        typed_name = self.get_body_argument("username", default="", strip=True)
        password = self.get_body_argument("password", default="", strip=False)
        try:
            user = await self.login_user({"username": typed_name, "password": password})
        except Refusal as refusal:
            await self._refuse(refusal, typed_name)
            return
        except (DatabaseUnavailable, SQLAlchemyError) as error:
            self.log.warning("Nobody can sign in: %s", type(error).__name__)
            mend.begin_anew(self.db)
            await self._refuse(Refusal(AWAY, DATABASE_TODO, 503), typed_name)
            return
        if user is None:  # JupyterHub's own rules refused whom ours let in
            raise web.HTTPError(403)
        self._jupyterhub_user = user
        self.redirect(self.get_next_url(user))

    async def _refuse(self, refusal: Refusal, typed_name: str) -> None:
        """Show the page again, with what happened and what to do."""
        self.set_status(refusal.status)
        if refusal.wait_seconds:
            self.set_header("Retry-After", str(refusal.wait_seconds))
        self.finish(await self._render(login_error=refusal.title, login_todo=refusal.todo, username=typed(typed_name)))

    def set_login_cookie(self, user: Any) -> None:
        """Give a browser that signs in a session id of the hub's making: one it brought may be known to others."""
        if self.request.method == "POST":
            self._session_id = secrets.token_hex(16)
            self.set_session_cookie()
        super().set_login_cookie(user)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Keep what a stranger typed out of the log, however the request failed."""
        if isinstance(value, web.HTTPError):
            self.log.warning("%s %s: %s", value.status_code, self.request.path[:64], html.escape(str(value)[:128]))
        else:
            super().log_exception(typ, value, tb)
