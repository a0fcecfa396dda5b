"""Tell SWAP's store of a notebook's new version, of a move, of an end: with a token that does nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx

from swap import content
from swap.content import Taken
from swap.errors import Conflict, SwapError, Unavailable
from swap.lab.loopback import NO_TLS
from swap.lab.tokens import Tokens, problem_from

PATH = "/v1/notebooks"
SHARED = "/v1/shared"
TOKENS = "/v1/servers/saving"
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
BYTES_A_SECOND = 2_000_000
"""More time for what is large."""


class Stale(Conflict):
    """The store has a newer version than this one was made from."""

    def __init__(self, problem: Any, version: int) -> None:
        super().__init__(problem)
        self.version = version


@dataclass(frozen=True, slots=True)
class Save:
    """One version to be kept, as its notebook was taken apart."""

    path: str
    base: int | None
    kind: str
    save_id: str
    file_digest: str
    environment: Mapping[str, str]
    taken: Taken
    whole: Callable[[], Taken]
    """Takes it apart again, with all of its parts."""


class Store:
    """SWAP's store, as the gateway lets one person's server write to it."""

    def __init__(self, gateway: str, tokens: Tokens) -> None:
        self._gateway = gateway
        self._health = gateway + "/v1/health"
        self._tokens = tokens
        self.warning = ""
        """What was said of the room that is left, with the last version."""
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False, verify=NO_TLS)

    async def save(self, save: Save, known: frozenset[str]) -> int:
        """Send a version, without the parts that the newest one is known to have; return its number.

        Raises Stale, Unavailable, SwapError for what the store does not take.
        """
        answer = await self._ask("PUT", content=written(save, known))
        if answer.status_code == 409 and _error(answer).problem.extra.get("send") == "all":
            answer = await self._ask("PUT", content=written(replace(save, taken=save.whole()), frozenset()))
        said = _read(answer)
        self.warning = str(said.get("warning", ""))
        return int(said["version"])

    async def edit(self, notebook_id: str, save: Save) -> int:
        """Send a version of a notebook that another shares, whole; return its number.  Raises as `save` does."""
        answer = await self._ask("PUT", f"/{notebook_id}/version", of=SHARED, content=written(save, frozenset()))
        return int(_read(answer)["version"])

    async def move(self, old: str, new: str) -> None:
        """Let a notebook, or all in a folder, keep its history.  Raises as `save` does."""
        _read(await self._ask("POST", "/move", json={"old": old, "new": new}))

    async def delete(self, path: str) -> None:
        """Say that a notebook, or a folder, is gone.  Raises as `save` does."""
        _read(await self._ask("DELETE", params={"path": path}))

    async def answers(self) -> bool:
        """Tell whether SWAP answers, and would take something from us."""
        try:
            await self._tokens.get()
            return (await self._client.get(self._health)).status_code == 200
        except (SwapError, httpx.HTTPError):
            return False

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        await self._tokens.close()

    async def _ask(self, method: str, path: str = "", of: str = PATH, **more: Any) -> httpx.Response:
        answer = await self._ask_once(method, of + path, **more)
        if answer.status_code == 401:
            # The token may be of a time before a sign-out: once more with a new one.
            self._tokens.drop()
            answer = await self._ask_once(method, of + path, **more)
        return answer

    async def _ask_once(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {(await self._tokens.get()).value}"}
        seconds = ANSWER_SECONDS + len(more.get("content") or b"") / BYTES_A_SECOND
        timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        try:
            return await self._client.request(method, self._gateway + path, headers=headers, timeout=timeout, **more)
        except httpx.HTTPError as error:
            raise Unavailable from error


def written(save: Save, known: frozenset[str]) -> bytes:
    """Return a save as it is sent: two lines of JSON, then the parts that are not known."""
    new = {name: part for name, part in save.taken.parts.items() if name not in known}
    packed = {name: content.packed(part) for name, part in new.items()}
    said = {
        "path": save.path,
        "base": save.base,
        "kind": save.kind,
        "save_id": save.save_id,
        "file_digest": save.file_digest,
        "environment": dict(save.environment),
        "parts": [[name, len(packed[name]), len(new[name])] for name in packed],
    }
    return b"".join((json.dumps(said).encode(), b"\n", save.taken.manifest, b"\n", *packed.values()))


def _read(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code == 200:
        return dict(answer.json())
    error = _error(answer)
    if answer.status_code == 409 and isinstance(version := error.problem.extra.get("version"), int):
        raise Stale(error.problem, version)
    if answer.status_code >= 500:
        raise Unavailable(error.problem)
    raise error


def _error(answer: httpx.Response) -> SwapError:
    return problem_from(answer)
