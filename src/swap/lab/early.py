"""Start a notebook's kernel when its page is asked for: it gets ready while the browser still loads JupyterLab.

JupyterLab asks for the same session a second later, and finds it.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import ensure_async

from swap.lab.config import KERNEL
from swap.lab.pages import Hook

SUFFIX = ".ipynb"


def hook(inner: Hook, server: ServerApp) -> Hook:
    """Return a page_config_hook that also starts the kernel of the notebook that is asked for."""

    def page_config_hook(handler: Any, page: dict[str, Any]) -> dict[str, Any]:
        tree = (handler.path_kwargs.get("tree") or "").removeprefix("/tree/")
        if tree.endswith(SUFFIX):
            server.io_loop.add_callback(start, server, tree)
        return inner(handler, page)

    return page_config_hook


async def start(server: ServerApp, path: str) -> None:
    """Start a notebook's kernel, unless there is no such notebook, or it has one."""
    sessions: Any = server.session_manager
    contents: Any = server.contents_manager
    try:
        if await ensure_async(contents.file_exists(path)) and not await sessions.session_exists(path):
            await sessions.create_session(path=path, name=path.rpartition("/")[2], type="notebook", kernel_name=KERNEL)
    except Exception:  # whatever it is, the person is told of it when JupyterLab asks
        server.log.warning("The kernel of %s did not start early", path, exc_info=True)
