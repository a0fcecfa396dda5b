"""The process that reads one person's notebooks: it is handed a file and answers with HTML, or with one picture of it.

It opens nothing, and has no credential; where people have walls, no network either.  What it is handed may be made to
take for ever or all memory, so it may take some memory, and whoever asks it ends it in time.
"""

from __future__ import annotations

import contextlib
import json
import resource
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swap.errors import LimitExceeded, Problem, SwapError, to_json
from swap.reading import exports, posting, render
from swap.reading.answers import as_json, receive, send

MEMORY_BYTES = 1_000_000_000
EXPORTS = {"ipynb": exports.without_outputs, "script": exports.script, "html": exports.html, "mail": posting.blocks}
_EXAMPLE = {
    "nbformat": 4,
    "cells": [
        {"cell_type": "markdown", "source": "# a\n$x$ | b\n\n```python\nc = 1\n```"},
        {"cell_type": "code", "source": "%%swap a\nSELECT 1", "outputs": [{"output_type": "stream", "text": "a"}]},
    ],
}


def prepare() -> Callable[[socket.socket], None]:
    """Return what a forked process is to do, with everything loaded that the first notebook would load."""
    render.render(json.dumps(_EXAMPLE).encode(), render.cache())
    # When the machine runs out of memory, these go first.
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    return main


def main(control: socket.socket) -> None:
    """Answer until nobody asks any more."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    cache = render.cache()
    with contextlib.suppress(EOFError):
        while True:
            asked, content = receive(control)
            try:
                told, behind = _answer(asked, content, cache)
            except SwapError as error:
                told, behind = {"error": to_json(error)}, b""
            except (MemoryError, RecursionError):
                told, behind = {"error": to_json(_too_much())}, b""
            send(control, told, behind)


def _answer(asked: dict[str, Any], content: bytes, cache: render.Cache) -> tuple[dict[str, Any], bytes]:
    if name := asked.get("picture"):
        picture, kind = render.picture(content, name)
        return {"type": kind}, picture
    if name := asked.get("chart"):
        specification, kind = render.chart(content, name)
        return {"type": kind}, specification
    if asked.get("as") in EXPORTS:
        return {}, EXPORTS[asked["as"]](content)
    rendered = as_json(render.render(content, cache))
    html = rendered.pop("html")
    return {"rendered": rendered}, html.encode()


def _too_much() -> LimitExceeded:
    return LimitExceeded(
        Problem("This notebook takes too much memory to be read here.", todo="Open it in JupyterLab, or download it.")
    )
