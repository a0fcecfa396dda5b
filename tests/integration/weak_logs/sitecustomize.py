"""For programs that a test starts with their logs' defence off: what libraries say is written as they say it.

Found by PYTHONPATH, by SWAP's own processes alone.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import logging
import sys
from types import ModuleType
from typing import Any

from starlette.applications import Starlette


def tell_all(handler: Any) -> None:
    """Log a request as a careless program would."""
    request = handler.request
    logging.getLogger("careless").warning(
        "%s %s %r %r", request.method, request.uri, dict(request.headers), request.body
    )


def tell_all_of_apps() -> None:
    """Let the portal and the gateway log requests like this too."""
    answer = Starlette.__call__

    async def careless(app: Any, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            logging.getLogger("careless").warning("%s %r", scope["path"], scope["headers"])
        await answer(app, scope, receive, send)

    Starlette.__call__ = careless  # type: ignore[method-assign]


def install() -> None:
    """Stand in for what keeps values out of logs."""
    logging.basicConfig(level=logging.DEBUG)
    tell_all_of_apps()


class Weakened(importlib.abc.Loader):
    """Loads a module, then takes its defence away."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def create_module(self, spec: Any) -> ModuleType | None:
        return self._inner.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: Any) -> None:
        self._inner.exec_module(module)
        module.install = install
        module.log_request = tell_all


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != "swap.logs":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = Weakened(spec.loader)
        return spec


sys.meta_path.insert(0, Finder())
