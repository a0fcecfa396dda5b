"""What a notebook can be saved as: found out once, in a process of its own that lets others go first.

JupyterLab asks just as it opens a notebook, for a menu.  To know, nbconvert is loaded: more than a second of the
processor and its memory, which this server takes only when somebody exports.
"""

from __future__ import annotations

import asyncio
import sys

from swap.lab.config import SYSTEM_PATH

SCRIPT = """
import os
os.nice(19)
import json
from nbconvert.exporters.base import get_export_names, get_exporter
formats = {name: {"output_mimetype": get_exporter(name).output_mimetype} for name in get_export_names()}
print(json.dumps(formats))
"""
COMMAND = (sys.executable, "-I", "-c", SCRIPT)


class Exporters:
    """The answer, once it is known."""

    def __init__(self) -> None:
        self._asked: asyncio.Task[bytes] | None = None

    async def known(self) -> bytes:
        """Return name → type as JSON.  Raises OSError when it cannot be found out; the next one tries again."""
        if self._asked is None or (self._asked.done() and self._asked.exception()):
            self._asked = asyncio.create_task(_ask())
        return await asyncio.shield(self._asked)


async def _ask() -> bytes:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": SYSTEM_PATH, "HOME": "/nonexistent", "LANG": "C.UTF-8"},
        cwd="/",
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise OSError(f"the process that asks nbconvert ended with {process.returncode}")
    return said
