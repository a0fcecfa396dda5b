"""Follow a run to its end and show how far it is, where the notebook can show it.

While a query runs its cell has one output, updated in place; at the end the result takes its place, so
only the result stays in the saved notebook.  In a terminal, where every update is a new line, only the
steps are printed.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any

from swap.client.gateway import Gateway, error_body, error_from
from swap.errors import Problem, QueryCancelled, SwapError

PROGRESS_MIME = "application/vnd.swap.progress+json"
ERROR_MIME = "application/vnd.swap.error+json"
GOING_ON = frozenset({"waiting", "running"})


def until_end(gateway: Gateway, state: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Return the run's last state, telling each new one.  An interrupt cancels it at the source."""
    try:
        while state["state"] in GOING_ON:
            tell(state)
            state = gateway.json("GET", f"/v1/queries/{state['id']}", params={"after": state["revision"]})
    except KeyboardInterrupt:
        return _cancelled(gateway, state["id"])
    return state


def _cancelled(gateway: Gateway, query_id: str) -> dict[str, Any]:
    """Cancel and return the state the run then has; a second interrupt leaves the rest to the gateway."""
    try:
        state = gateway.json("DELETE", f"/v1/queries/{query_id}")
        while state["state"] in GOING_ON:
            state = gateway.json("GET", f"/v1/queries/{query_id}", params={"after": state["revision"]})
    except (SwapError, KeyboardInterrupt) as error:
        raise QueryCancelled(Problem("Cancelled: by you.", why="SWAP stops the query; the cell did not wait for it.")) from error
    return state


def raise_for(state: dict[str, Any]) -> None:
    """Raise the run's error, if it has one."""
    if state["state"] == "cancelled":
        raise QueryCancelled(Problem("Cancelled: by you.", why="It was stopped at the source; nothing runs on."))
    if state["state"] == "failed":
        raise error_from(state["error"] or {"category": "internal", "title": "The query failed."})


def home_url() -> str:
    """The portal's address, for links."""
    return os.environ.get("SWAP_HOME_URL", "")


def _shell() -> Any:
    """Return IPython's shell, or None: asked of the loaded module, so that nothing is imported for it."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def in_notebook() -> bool:
    """Tell whether outputs can be updated in place: in a Jupyter kernel, not in a terminal."""
    shell = _shell()
    return shell is not None and getattr(shell, "kernel", None) is not None


def execution() -> int | None:
    """The number of the cell being run, or None outside IPython."""
    shell = _shell()
    return None if shell is None else int(shell.execution_count)


def shown_here(shown_in: int | None) -> bool:
    """Tell whether something was shown by the cell that runs now."""
    return shown_in is not None and shown_in == execution()


def show(bundle: dict[str, Any]) -> None:
    """Show a bundle as an output of the running cell."""
    sys.modules["IPython"].display.display(bundle, raw=True)


class Output:
    """The one output of a running query, in a notebook; nothing elsewhere."""

    def __init__(self, name: str | None, *, visible: bool) -> None:
        self._name = name
        self._visible = visible and in_notebook()
        self._handle: Any = None

    def progress(self, state: dict[str, Any]) -> None:
        """Show how far the run is."""
        self._put({PROGRESS_MIME: {**state, "name": self._name}, "text/plain": f"{state['headline']}, {state['elapsed']:.1f} s"})

    def end(self, bundle: dict[str, Any]) -> bool:
        """Put what stays in the progress's place.  Returns whether it is shown."""
        self._put(bundle)
        return self._visible

    def fail(self, error: SwapError, query_id: str | None, statement: str) -> None:
        """Put the error in the progress's place."""
        content = {"version": 1, "id": query_id, "error": error_body(error), "statement": statement}
        self._put({ERROR_MIME: content, "text/plain": str(error)})
        error.shown = self._visible

    def _put(self, bundle: dict[str, Any]) -> None:
        if not self._visible:
            return
        display = sys.modules["IPython"].display
        if self._handle is None:
            self._handle = display.display(bundle, raw=True, display_id=True)
        else:
            with contextlib.suppress(KeyboardInterrupt):  # an update cut short leaves the output as it was
                display.update_display(bundle, raw=True, display_id=self._handle.display_id)
