"""The notebook's line to the gateway: tokens from the local socket, JSON and Arrow over HTTP.

A kernel holds a short-lived token and nothing else.  The token is renewed before it ends and once
more when the gateway refuses it; a refusal after that is the answer.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

import httpx

from swap.errors import CATEGORIES, NotSignedIn, Problem, Suggestion, SwapError, Unavailable

RENEW_BEFORE_SECONDS = 30.0
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_PROBLEM_FIELDS = ("title", "why", "todo", "line", "column", "rule", "ask", "source")


def error_from(body: Mapping[str, Any]) -> SwapError:
    """Return the error that a gateway's `error` object describes, in its own class."""
    known = {name: body.get(name) for name in _PROBLEM_FIELDS}
    suggestions = tuple(
        Suggestion(**{name: item.get(name) for name in ("label", "replace", "by", "type", "detail", "href")})
        for item in body.get("suggestions", ())
    )
    problem = Problem(
        title=known["title"] or "", why=known["why"] or "", todo=known["todo"] or "", suggestions=suggestions,
        line=known["line"], column=known["column"], rule=known["rule"], ask=known["ask"], source=known["source"],
        extra=dict(body.get("extra") or {}),
    )
    return CATEGORIES.get(str(body.get("category")), SwapError)(problem)


def error_body(error: SwapError) -> dict[str, Any]:
    """Return an error as the object of docs/reference/api.md, for a cell to show."""
    problem = error.problem
    return {
        "category": error.category, **{name: getattr(problem, name) for name in _PROBLEM_FIELDS},
        "suggestions": [
            {"label": s.label, "replace": s.replace, "by": s.by, "type": s.type, "detail": s.detail, "href": s.href}
            for s in problem.suggestions
        ],
        "extra": problem.extra,
    }


class Gateway:
    """One kernel's connection to the gateway.  Threads may share it."""

    def __init__(self, url: str, token_socket: str) -> None:
        self._token_socket = token_socket
        self._token = ""
        self._renew_at = 0.0
        # Proxies of the environment are for the outside world; the gateway is on this machine.
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False)

    def json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Send a request and return its JSON.  Raises the error the gateway answers with."""
        response = self._send(method, path, **options)
        body: dict[str, Any] = response.json()
        return body

    @contextmanager
    def stream(self, path: str, **options: Any) -> Iterator[httpx.Response]:
        """Open a streaming GET.  Raises the error the gateway answers with."""
        response = self._send("GET", path, stream=True, **options)
        try:
            yield response
        finally:
            response.close()

    def _send(self, method: str, path: str, *, stream: bool = False, **options: Any) -> httpx.Response:
        response = self._attempt(method, path, stream=stream, renew=False, **options)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            response.close()
            response = self._attempt(method, path, stream=stream, renew=True, **options)
        if response.is_success:
            return response
        response.read()
        raise _error_of(response)

    def _attempt(self, method: str, path: str, *, stream: bool, renew: bool, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._bearer(renew=renew)}", **options.pop("headers", {})}
        request = self._http.build_request(method, path, headers=headers, **options)
        try:
            return self._http.send(request, stream=stream)
        except httpx.TransportError as error:
            raise Unavailable(Problem(
                "SWAP's gateway does not answer.", why=f"The notebook asked {self._http.base_url} ({type(error).__name__}).",
                todo="Try again in a minute; your notebook and its variables are safe.",
            )) from error

    def _bearer(self, *, renew: bool) -> str:
        if renew or not self._token or time.monotonic() > self._renew_at:
            answer = _ask_for_token(self._token_socket)
            self._token = answer["token"]
            lives = datetime.fromisoformat(answer["expires_at"]).timestamp() - time.time()
            self._renew_at = time.monotonic() + max(1.0, lives - RENEW_BEFORE_SECONDS)
        return self._token


def _error_of(response: httpx.Response) -> SwapError:
    try:
        return error_from(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return SwapError(Problem(f"SWAP's gateway answered {response.status_code}.", todo="Try again."))


def _ask_for_token(path: str) -> dict[str, str]:
    """Ask the person's Jupyter server for a kernel token.  Raises NotSignedIn, Unavailable."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(20)
            line.connect(path)
            line.sendall(json.dumps({"kernel_id": os.environ.get("SWAP_KERNEL", "")}).encode() + b"\n")
            answer = json.loads(line.makefile("rb").readline() or b"{}")
    except (OSError, ValueError) as error:
        raise Unavailable(Problem(
            "The notebook cannot reach its own server for a token.", why=str(error),
            todo="Restart your server from SWAP's Home page.",
        )) from error
    if "token" in answer:
        return dict(answer)
    raise error_from(answer["error"]) if "error" in answer else NotSignedIn()


@cache
def here() -> Gateway:
    """Return this kernel's gateway.  Raises Unavailable outside a SWAP notebook."""
    try:
        return Gateway(os.environ["SWAP_GATEWAY"], os.environ["SWAP_TOKEN_SOCKET"])
    except KeyError as error:
        raise Unavailable(Problem(
            "This Python was not started by SWAP.", why=f"The environment variable {error.args[0]} is not set.",
            todo="Open the notebook from SWAP's Home page.",
        )) from error
