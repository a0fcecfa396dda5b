"""Where a query shows what it does: one output of the cell, one line of a terminal, or nothing.

A query has one output in its cell, from its progress to its table.  So only the result is saved.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from typing import Any, Protocol

from swap.client import show


class Screen(Protocol):
    """Shows one query."""

    def progress(self, state: dict[str, Any], name: str | None) -> None:
        """Show where the run stands."""

    def end(self, line: str) -> None:
        """Show that it has ended, on one line."""

    def fail(self, line: str) -> None:
        """Leave no progress behind: the query has failed, and nobody may hear of it elsewhere."""

    def replace(self, bundle: show.Bundle) -> bool:
        """Show the whole in the same place, if that is still this cell's; tell whether it was."""


class Nothing:
    """A script, a log, a test: only what the program prints."""

    def progress(self, state: dict[str, Any], name: str | None) -> None:
        """Show nothing."""

    def end(self, line: str) -> None:
        """Show nothing."""

    def fail(self, line: str) -> None:
        """Show nothing."""

    def replace(self, bundle: show.Bundle) -> bool:  # noqa: ARG002
        """Show nothing."""
        return False


class Terminal:
    """One line of a terminal, which is empty again at the end."""

    def __init__(self) -> None:
        self._drawn = False

    def progress(self, state: dict[str, Any], name: str | None) -> None:  # noqa: ARG002
        """Rewrite the line."""
        sys.stderr.write(f"\r\x1b[K{show.progress_line(state)}")
        sys.stderr.flush()
        self._drawn = True

    def end(self, line: str) -> None:  # noqa: ARG002
        """Empty the line."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False

    def fail(self, line: str) -> None:
        """Empty the line."""
        self.end(line)

    def replace(self, bundle: show.Bundle) -> bool:  # noqa: ARG002
        """Leave the whole to whoever prints it."""
        return False


class Cell:
    """One output of a notebook's cell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._execution = _execution(shell)
        self._display_id = f"swap-{secrets.token_hex(8)}"
        self._drawn = False

    def progress(self, state: dict[str, Any], name: str | None) -> None:
        """Draw the run's state."""
        self._draw(show.progress(state, name))

    def end(self, line: str) -> None:
        """Leave one line; the whole takes its place when the cell shows it."""
        self._draw({"text/plain": line})

    def fail(self, line: str) -> None:
        """Leave one line where there was progress, for an error that the notebook's code catches."""
        if self._drawn:
            self._draw({"text/plain": line})

    def replace(self, bundle: show.Bundle) -> bool:
        """Draw the whole, while the cell that began it still runs."""
        if _execution(self._shell) != self._execution:
            return False
        self._draw(bundle)
        return True

    def _draw(self, bundle: show.Bundle) -> None:
        self._shell.display_pub.publish(
            data=bundle, metadata={}, transient={"display_id": self._display_id}, update=self._drawn
        )
        self._drawn = True


def _execution(shell: Any) -> str:
    """Return which request the kernel works on: its number alone may be used twice."""
    header = getattr(shell.display_pub, "parent_header", None) or {}
    return f"{shell.execution_count} {header.get('msg_id', '')}"


def current() -> Screen:
    """Return the place for one query where this code runs."""
    shell = kernel_shell()
    if shell is not None:
        return Cell(shell)
    return Terminal() if sys.stderr.isatty() else Nothing()


def kernel_shell() -> Any:
    """Return the IPython shell of a kernel, or None outside one."""
    shell = ipython()
    return shell if getattr(shell, "kernel", None) is not None else None


def ipython() -> Any:
    """Return the running IPython shell, or None; IPython is never imported for it."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None


def variable_of(value: Any, name: str | None) -> str | None:
    """Return the notebook's variable that holds a value: the one it is called by, another, or `_5` of cell 5's output.

    None when nothing will hold it.
    """
    shell = kernel_shell()
    if shell is None:
        return None
    if name is not None and shell.user_ns.get(name) is value:
        return name
    held: Iterator[str] = (each for each, it in list(shell.user_ns.items()) if it is value and not each.startswith("_"))
    if (variable := next(held, None)) is not None:
        return variable
    # While the value of a cell's last line is shown, IPython has not put it into the outputs yet.
    shown_last = getattr(shell.displayhook, "msg", None) is not None
    return f"_{shell.displayhook.prompt_count}" if shown_last else None
