"""Cookies of this server at its public address: with names that no page of a neighbour's host can set.

JupyterHub's part has one setting for all addresses, and asks tornado for its cookies by plain names; so tornado's own
handler, the base of all, translates.  JupyterLab's page reads `_xsrf` by its name, so that one stays: its value is
signed for the sign-in it belongs to, which nobody else knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tornado.web import RequestHandler

from swap import cookies

READ_BY_THE_PAGE = frozenset({"_xsrf"})


def prove_cookies(tls: Callable[[str], bool]) -> None:
    """Translate for requests that come with TLS, as `tls` tells of their Host header.  Once in a process."""
    begin, set_cookie = RequestHandler.__init__, RequestHandler.set_cookie

    def __init__(self: RequestHandler, application: Any, request: Any, **arguments: Any) -> None:  # noqa: N807
        if tls(request.host):
            header = request.headers.get("Cookie", "")
            request.headers["Cookie"] = cookies.received(header, keep=READ_BY_THE_PAGE)
        begin(self, application, request, **arguments)

    def put(self: RequestHandler, name: str, value: str | bytes, domain: str | None = None, **options: Any) -> None:
        if tls(self.request.host):
            options["secure"] = True
            if name not in READ_BY_THE_PAGE:
                name, options["path"], domain = cookies.named(name, tls=True), "/", None
        set_cookie(self, name, value, domain, **options)

    RequestHandler.__init__ = __init__  # type: ignore[method-assign]
    RequestHandler.set_cookie = put  # type: ignore[method-assign, assignment]
