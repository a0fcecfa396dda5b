"""The IPython extension: `%%swap`, errors without tracebacks, completion, charts.

Loaded by `--ext=swap`, or by `%load_ext swap`.  Only registers; nothing is asked of anybody.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from swap.client import altair, complete, layer, locks, magic, packages, query, screen, show
from swap.client.result import Result
from swap.errors import Invalid, Problem, SwapError

SAID = 5
"""Sentences of what was left out that stand in a notebook."""


def load(shell: Any) -> None:
    """Register everything with a shell.  Idempotent."""
    from IPython.core.magic import no_var_expand  # noqa: PLC0415 — only inside IPython

    # What stands in braces or after a dollar sign is the statement's own: a variable's value never becomes SQL.
    of_cell = no_var_expand(lambda line, cell: magic.cell(shell.user_ns, line, cell))
    of_line = no_var_expand(lambda line: _line(shell.user_ns, line))
    shell.register_magic_function(of_cell, "cell", "swap")
    shell.register_magic_function(of_line, "line", "swap")
    if "swap" not in shell.user_ns:
        shell.push({"swap": sys.modules["swap"]}, interactive=False)
    if magic.found not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(magic.found)
    shell.set_custom_exc((SwapError,), _show_error)
    # Without it plotly writes its whole library into each notebook, in a script that SWAP's pages do not run.
    os.environ.setdefault("PLOTLY_RENDERER", "plotly_mimetype")
    complete.register(shell)
    altair.install()
    if "SWAP_TOKEN_SOCKET" in os.environ:
        # Elsewhere the environment is the person's own, and so is IPython's %pip.
        shell.register_magic_function(no_var_expand(packages.pip), "line", "pip")
        _say_once(shell, (*layer.use(), *locks.told()))
        _leave_the_log()


def _leave_the_log() -> None:
    """Keep what programs and libraries of a cell print out of the server's log: ipykernel repeats there what it shows.

    What goes wrong before this, as the kernel starts, is in the log.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        log = getattr(stream, "_original_stdstream_copy", None)
        if log is not None:
            os.dup2(nowhere, log)
    os.close(nowhere)


def _say_once(shell: Any, said: Sequence[str]) -> None:
    """Say with the first cell what of a person's own packages was left out, and what the notebook needs."""

    def say(_: object) -> None:
        shell.events.unregister("pre_run_cell", say)
        for each in said[:SAID]:
            print(each, file=sys.stderr)  # noqa: T201 — the cell's output
        if len(said) > SAID:
            print(f"So are {len(said) - SAID} more: swap.environment().left_out", file=sys.stderr)  # noqa: T201

    if said:
        shell.events.register("pre_run_cell", say)


def _line(namespace: dict[str, Any], statement: str) -> Result:
    """Run the SQL after `%swap`."""
    if not statement.strip():
        raise Invalid(
            Problem(
                "There is no statement.",
                todo="Write %swap SELECT …, or %%swap in a cell's first line and the SQL below it.",
            )
        )
    dialect, statement = magic.with_dialect(statement)
    values = magic.given(statement, namespace, dialect)
    return query.sql(
        statement, values, magic.own_tables(statement, namespace) if dialect is None else {}, dialect=dialect
    )


def _show_error(
    shell: Any,
    kind: type[SwapError],
    error: SwapError,
    traceback: TracebackType,
    tb_offset: int | None = None,  # noqa: ARG001 — IPython gives it
) -> list[str]:
    """Show an error as the cell's output, in the query's own place; `%debug` still finds its traceback."""
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, traceback
    lines = show.error_text(error).splitlines()
    if screen.kernel_shell() is None:
        sys.stderr.write("\n".join(lines) + "\n")
        return lines
    told = query.told(error)
    bundle = show.error(error, told.query_id if told else None, told.statement if told else "")
    if told is None or not told.place.replace(bundle):
        shell.display_pub.publish(data=bundle, metadata={})
    # What the reply to the front end says: it is an error, though there is no second output.
    shell._last_traceback = lines  # noqa: SLF001
    return lines
