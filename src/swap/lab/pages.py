"""What the page of JupyterLab is told: the person's name, the way home, and what is off.

The last hand on the page's configuration, so that no file at home can switch our extension off or
the forbidden parts back on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swap.lab.config import DISABLED_EXTENSIONS, LABEXTENSION
from swap.lab.environment import Environment

Hook = Callable[[Any, dict[str, Any]], dict[str, Any]]


def keep(name: str) -> bool:
    """Tell whether a part that files at home switched off may stay off.

    >>> keep("@jupyterlab/mermaid-extension"), keep("@swap/lab"), keep("@swap/lab:bar")
    (True, False, False)
    """
    return name != LABEXTENSION and not name.startswith(f"{LABEXTENSION}:")


def rewrite(page: dict[str, Any], environment: Environment, host: str = "") -> dict[str, Any]:
    """Return the page's configuration with ours on top, for whoever asks at `host`."""
    wanted = [name for name in page.get("disabledExtensions", []) if keep(name)]
    return {
        **page,
        "disabledExtensions": sorted({*wanted, *DISABLED_EXTENSIONS}),
        # Lab loads also the files of an extension that is off.
        "federated_extensions": [
            each for each in page.get("federated_extensions", []) if each["name"] not in DISABLED_EXTENSIONS
        ],
        "deferredExtensions": [name for name in page.get("deferredExtensions", []) if keep(name)],
        # The route is closed; asking it would put an error on everybody's console.
        "buildAvailable": False,
        "buildCheck": False,
        "quitButton": False,
        "swapHome": environment.home_of(host),
        "swapName": environment.person_name,
    }


def hook(inner: Hook | None, environment: Environment) -> Hook:
    """Return a page_config_hook that lets the hub's own run first."""

    def page_config_hook(handler: Any, page: dict[str, Any]) -> dict[str, Any]:
        if inner is not None:
            page = inner(handler, page)
        return rewrite(page, environment, handler.request.host)

    return page_config_hook
