"""The outermost layer: which hosts we answer to, the headers of every answer, and no exception in the open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from swap.settings import Address, Settings
from swap.settings.origins import PROBE
from swap.web import paths
from swap.web.gone import Gone

LOOPBACK = frozenset({"127.0.0.1", "[::1]", "0.0.0.0"})  # noqa: S104 - what people type, not what we bind
STATIC = "/static/build/"
PING = "/ping"
REFUSED = {
    "/foreign": "A page of another host asked for this, so SWAP did not answer. Nothing was changed. Go to {}/\n",
    "/not-by-tls": (
        "This did not come over TLS, so SWAP did not answer. Go to {}/\n\nIf you went there: the proxy before SWAP has"
        " to say so, with the header X-Forwarded-Proto: https.\n"
    ),
}
"""What is said where Traefik leads what it refuses (hub/routes.py)."""


def policy(address: Address) -> str:
    """Return the content security policy: our own files only; forms go to us and, redirected, to people's servers."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            f"connect-src 'self' {address.person_url(PROBE)}",
            # A notebook, which has an origin of its own and, by the frame, none at all.
            f"frame-src {address.content_url}",
            # A redirect after a form counts as the form's target: "New notebook" ends on the person's own origin.
            f"form-action 'self' {address.person_url('*')}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


class Guard:
    """Wraps the application; nothing reaches a handler past it with a foreign Host, or leaves without its headers."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        gone: Gone,
        content: ASGIApp,
        failed: Callable[[Request, Exception], Awaitable[Response]],
    ) -> None:
        """Guard `app`; `gone` is all that a person's host is told; on the host of notebooks `content` answers alone.

        `failed` writes the page for an exception nobody caught.
        """
        self.app = app
        self.settings = settings
        self.gone = gone
        self.content = content
        self.failed = failed
        self.policies = {address: policy(address) for address in settings.addresses}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        name = Headers(scope=scope).get("host", "").rpartition(":")[0] or Headers(scope=scope).get("host", "")
        if scope["path"] != PING and any(name == each.content_host for each in self.settings.addresses):
            await self.content(scope, receive, send)
            return
        started, address = False, self.settings.address_of(Headers(scope=scope).get("host", ""))

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._headers(scope["path"], message, self.policies[address])
            await send(message)

        elsewhere = self._elsewhere(scope, address)
        if elsewhere is not None:
            await elsewhere(scope, receive, guarded)
            return
        try:
            await self.app(scope, receive, guarded)
        except Exception as error:  # every exception becomes a page
            if started:
                raise
            answer = await self.failed(Request(scope, receive), error)
            await answer(scope, receive, guarded)

    def _elsewhere(self, scope: Scope, address: Address) -> Response | None:
        """Return an answer of our own for a Host that is not ours.

        A foreign name must not reach a session (DNS rebinding).
        """
        host = Headers(scope=scope).get("host", "")
        name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
        if scope["path"] in REFUSED:
            return PlainTextResponse(REFUSED[scope["path"]].format(address.url), status_code=403)
        if name == address.host or scope["path"] == PING:
            return None
        if gone := self.gone.answer(name, scope["path"]):
            return gone
        if name in LOOPBACK and scope["method"] in {"GET", "HEAD"}:
            return RedirectResponse(
                f"http://{address.host}{':' + port if port.isdigit() else ''}{paths.local(scope['path'])}",
                status_code=307,
            )
        if name.endswith(f".{address.host}"):
            # Below our own name, as people's servers are: what a program asks for where none runs is not found.
            return PlainTextResponse(f"Nothing of SWAP is at this address. Go to {address.url}/\n", status_code=404)
        return PlainTextResponse(f"SWAP's portal is at {address.url}, not at this address.\n", status_code=421)

    def _headers(self, path: str, message: Message, policy: str) -> None:
        headers = MutableHeaders(scope=message)
        headers.setdefault("Content-Security-Policy", policy)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        # same-origin, not no-referrer: with the latter browsers send "Origin: null" with our own forms.
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "cross-origin" if path == PING else "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
        if path.startswith(STATIC) and message["status"] == 200:
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        elif "cache-control" not in headers:
            headers["Cache-Control"] = "no-store"
