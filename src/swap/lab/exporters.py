"""What a notebook can be saved as: found out once, in a process of its own that lets others go first.

JupyterLab asks just as it opens a notebook, for a menu.  To know, nbconvert is loaded: more than a second of the
processor and its memory, which this server takes only when somebody exports.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from typing import Any

from swap.lab.config import SYSTEM_PATH

COMMAND = (sys.executable, "-I", "-m", "swap.lab.exporters")


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
        raise OSError(f"{' '.join(COMMAND)} ended with {process.returncode}")
    return said


def main() -> None:
    """Say which exporters there are: the child's part."""
    os.nice(19)
    # Here and nowhere else in this server.
    base: Any = importlib.import_module("nbconvert.exporters.base")
    formats = {name: {"output_mimetype": base.get_exporter(name).output_mimetype} for name in base.get_export_names()}
    json.dump(formats, sys.stdout)


if __name__ == "__main__":
    main()
