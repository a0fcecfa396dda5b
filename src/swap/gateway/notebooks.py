"""Notebooks as a person's server sends them: a version and the parts that are new in it; moved, deleted.

A body is two lines of JSON, the save and the manifest, and then the parts, packed, one after another.  No part of a
notebook is built here: each is unpacked to the size it was said to have, and its digest and its lists are counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import IO, Annotated, Any

import anyio.to_thread
from fastapi import Query, Request
from pydantic import Field, ValidationError
from sqlalchemy import Connection

from swap import content
from swap.errors import Invalid, NotFound, Problem
from swap.gateway.answers import answer
from swap.gateway.asking import SAVING, Body, Parts, Saving, WithParts
from swap.identity import Principal
from swap.notebooks import bound, history, room, saving, sharing
from swap.notebooks.model import ID
from swap.notebooks.versions import Kind, Part, Sent
from swap.notebooks.workspace import parts as steps
from swap.query import lineage
from swap.query.execution.uploads import spooled

SAVE_BYTES = 80_000_000
"""Of one save: all parts, packed, of the largest version."""
HEADER_BYTES = 8_000_000
PATH_LENGTH = 1_000
HEX = r"^[0-9a-f]{64}$"
NAMED = r"^[A-Za-z0-9_-]*$"
NAMES = r"^[A-Za-z0-9_ -]*$"
PLAIN = r"^[^\x00-\x1f\x7f]+$"
"""A path of a notebook or a folder, which no file of ours is opened by."""
NOT_READ = Problem("This is not a save that SWAP can read.", todo="Save the notebook from JupyterLab.")


class Environment(Body):
    """What the notebook runs in, as its server knows it."""

    kernel: str = Field(default="", max_length=64)
    language: str = Field(default="", max_length=64)
    kernel_id: str = Field(default="", max_length=64, pattern=NAMED)
    kernels: str = Field(default="", max_length=2_000, pattern=NAMES)
    """Others that have run it since the server began, with a space between them."""


class Save(Body):
    """What is said of a save before its manifest and parts."""

    path: str = Field(max_length=PATH_LENGTH)
    base: int | None = Field(default=None, ge=0)
    kind: Kind
    save_id: str = Field(min_length=8, max_length=64, pattern=NAMED)
    file_digest: str = Field(pattern=HEX)
    environment: Environment = Environment()
    parts: list[tuple[Annotated[str, Field(pattern=HEX)], Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]]
    """Of each part: its digest, its size as it is sent, its size unpacked."""


class Move(Body):
    """Where a notebook or a folder was, and where it is."""

    old: str = Field(max_length=PATH_LENGTH, pattern=PLAIN)
    new: str = Field(max_length=PATH_LENGTH, pattern=PLAIN)


async def save(request: Request, with_parts: WithParts) -> dict[str, Any]:
    """Append a version, and say which is the newest then."""
    settings, most = with_parts.settings, with_parts.settings.keep.person_bytes

    def append(conn: Connection, person: Principal, sent: Sent, results: bound.Results) -> dict[str, Any]:
        now = with_parts.queries.now()
        head = saving.save(conn, settings.policy, person, sent, now, with_parts.new_id, results, most)
        warning = room.of(conn, person.id, most).warning
        told = {"notebook": head.notebook_id, "version": head.number}
        return told | ({"warning": warning} if warning else {})

    return await _appended(request, with_parts, append)


async def edit(notebook_id: str, request: Request, with_parts: WithParts) -> dict[str, Any]:
    """Append a version of a notebook that another shares to be edited, and say which it is."""
    settings, most = with_parts.settings, with_parts.settings.keep.person_bytes

    def append(conn: Connection, person: Principal, sent: Sent, results: bound.Results) -> dict[str, Any]:
        if not ID.fullmatch(notebook_id):
            raise NotFound(sharing.NOWHERE)
        now = with_parts.queries.now()
        number = saving.edit(conn, settings.policy, person, notebook_id, sent, now, results, most)
        return {"notebook": notebook_id, "version": number}

    return await _appended(request, with_parts, append)


async def _appended(
    request: Request,
    with_parts: Parts,
    append: Callable[[Connection, Principal, Sent, bound.Results], dict[str, Any]],
) -> dict[str, Any]:
    """Receive a save, and append it in a transaction."""
    caller = await anyio.to_thread.run_sync(with_parts.guard.caller, request, SAVING)
    with with_parts.save_turns.of(caller.principal.id), spooled() as file:
        async for chunk in request.stream():
            await anyio.to_thread.run_sync(file.write, chunk)

        def take() -> dict[str, Any]:
            file.seek(0)
            sent = received(file)
            with with_parts.engine.begin() as conn:
                return append(conn, caller.principal, sent, _results(with_parts, caller.principal))

        return await anyio.to_thread.run_sync(take, limiter=with_parts.save_threads)


def _results(with_parts: Parts, author: Principal) -> bound.Results:
    """Return what is known of the results of somebody's queries that are still at hand."""

    def look(query_id: str, offset: int, rows: int) -> bound.Result | None:
        found = with_parts.queries.access.shown(author, query_id, offset, rows)
        if found is None:
            return None
        run, page = found
        # As the kernel got it.
        state, first = json.loads(json.dumps([answer(run.view()), answer(page)]))
        return bound.Result(run.kernel_id, run.statement, run.params, lineage.digest(run.plan.reads), state, first)

    return bound.Results(look, {address.url for address in with_parts.settings.addresses})


def received(file: IO[bytes]) -> Sent:
    """Read and check a save.  Raises Invalid, NotFound for a path that is none, LimitExceeded."""
    try:
        said = Save.model_validate_json(_line(file))
    except ValidationError as error:
        raise Invalid(NOT_READ) from error
    if said.kind not in {Kind.SAVED, Kind.FOUND}:
        raise Invalid(NOT_READ)
    steps(said.path)
    manifest = _line(file)
    parts = {name: _part(file, name, packed, size) for name, packed, size in said.parts}
    found = content.read(manifest)
    name = content.digest(manifest)
    parts[name] = Part(name, content.packed(manifest), len(manifest), content.count([manifest]))
    return Sent(
        said.path,
        said.base,
        said.kind,
        said.save_id,
        bytes.fromhex(said.file_digest),
        said.environment.model_dump(),
        name,
        found,
        parts,
    )


def _line(file: IO[bytes]) -> bytes:
    line = file.readline(HEADER_BYTES + 1)
    if not line.endswith(b"\n"):
        raise Invalid(NOT_READ)
    return line[:-1]


def _part(file: IO[bytes], name: str, packed: int, size: int) -> Part:
    if size > content.WHOLE_BYTES:
        raise content.too_large()
    sent = file.read(packed)
    made = content.unpacked(sent, size)
    if content.digest(made) != name:
        raise Invalid(NOT_READ)
    return Part(name, sent, size, content.count([made]))


def move(body: Move, caller: Saving, with_parts: WithParts) -> dict[str, int]:
    """Let a notebook, or all in a folder, keep its history where it is now."""
    with with_parts.engine.begin() as conn:
        moved = history.move(conn, caller.principal, body.old, body.new, with_parts.queries.now())
    return {"notebooks": moved}


def delete(
    path: Annotated[str, Query(max_length=PATH_LENGTH, pattern=PLAIN)], caller: Saving, with_parts: WithParts
) -> dict[str, int]:
    """Take a notebook, or all in a folder, from where it was; the history is kept."""
    with with_parts.engine.begin() as conn:
        return {"notebooks": history.delete(conn, caller.principal, path, with_parts.queries.now())}
