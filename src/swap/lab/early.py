"""Start a notebook's kernel when its page is asked for: it gets ready while the browser still loads JupyterLab.

JupyterLab asks for the same session a second later, and gets this one (sessions.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import ensure_async

from swap import r
from swap.lab.config import KERNEL
from swap.lab.pages import Hook

SUFFIX = ".ipynb"
READ_BYTES = 5_000_000
"""A larger notebook is not read for its language: JupyterLab does that, and starts its kernel."""


def hook(inner: Hook, server: ServerApp) -> Hook:
    """Return a page_config_hook that also starts the kernel of the notebook that is asked for."""
    one = asyncio.Lock()

    async def start_one(path: str) -> None:
        if not one.locked():  # JupyterLab itself starts any other
            async with one:
                await start(server, path)

    def page_config_hook(handler: Any, page: dict[str, Any]) -> dict[str, Any]:
        tree = (handler.path_kwargs.get("tree") or "").removeprefix("/tree/")
        if tree.endswith(SUFFIX) and _is_plain(tree) and _is_opened(handler.request.headers):
            server.io_loop.add_callback(start_one, tree)
        return inner(handler, page)

    return page_config_hook


def _is_plain(path: str) -> bool:
    """Tell whether this is how JupyterLab itself names the file, which lies in no hidden folder."""
    return all(part and not part.startswith(".") for part in path.split("/"))


def _is_opened(headers: Mapping[str, str]) -> bool:
    """Tell whether a browser opens the page for somebody to see: no picture, no frame, nothing fetched ahead."""
    return headers.get("Sec-Fetch-Dest") == "document" and "Sec-Purpose" not in headers


async def start(server: ServerApp, path: str) -> None:
    """Start a notebook's kernel, unless there is no such notebook; one that it has stays."""
    sessions: Any = server.session_manager
    contents: Any = server.contents_manager
    try:
        # Nothing is read for a page that is asked for again: another notebook's start would be left out meanwhile.
        if await sessions.session_exists(path) or not await ensure_async(contents.file_exists(path)):
            return
        if kernel := await _kernel_of(server, path):
            await sessions.create_session(path=path, name=path.rpartition("/")[2], type="notebook", kernel_name=kernel)
    except Exception:  # whatever it is, the person is told of it when JupyterLab asks
        server.log.warning("The kernel of %s did not start early", path, exc_info=True)


async def _kernel_of(server: ServerApp, path: str) -> str | None:
    """Return the kernel that a notebook names, else Python's; None for a notebook too large to look into."""
    specs: Any = server.kernel_spec_manager
    contents: Any = server.contents_manager
    if r.KERNEL not in await ensure_async(specs.find_kernel_specs()):
        return KERNEL
    if ((await ensure_async(contents.get(path, content=False)))["size"] or 0) > READ_BYTES:
        return None
    document = (await ensure_async(contents.get(path, type="notebook")))["content"]
    return r.KERNEL if document["metadata"].get("kernelspec", {}).get("name") == r.KERNEL else KERNEL
