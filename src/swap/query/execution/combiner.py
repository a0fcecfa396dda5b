"""Start, feed and end combiner processes.  One process runs one statement and is then gone."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from swap.channel import receive, send
from swap.connectors.base import Sent
from swap.errors import Invalid, LimitExceeded, Problem, QueryRefused, SwapError
from swap.forking import ForkServer
from swap.query.execution import combiner_child, death
from swap.query.execution.death import Death
from swap.query.execution.spill import Spills
from swap.query.results.spool import full_disk
from swap.settings import Limits

log = logging.getLogger(__name__)

_NO_MEMORY = frozenset({"OutOfMemoryException", "MemoryError", "ArrowMemoryError"})
_STATEMENTS_FAULT = frozenset(
    {"BinderException", "ParserException", "CatalogException", "NotImplementedException", "PermissionException"}
)
_VALUES_FAULT = frozenset(
    {
        "ConversionException",
        "InvalidInputException",
        "OutOfRangeException",
        "InvalidTypeException",
        "ConstraintException",
        "TypeMismatchException",
        "SyntaxException",
        "IOException",
    }
)


_THROUGH_ARROW = re.compile(r"([A-Z][\w ]+) Error: ")
"""DuckDB's errors as Arrow hands them on while rows are taken."""
_TOO_LONG = "Arrow Appender: The maximum total"
_NOT_HERE = re.compile(
    r"(?:Use|Try|To|You|Consider|Please|Or)\b.*\b(?:TRY\(|(?:SET|PRAGMA|INSTALL|LOAD|ATTACH|COPY|CREATE|CALL|USE|DESCRIBE)\b)"
)


@dataclass(frozen=True, slots=True)
class Order:
    """What one combiner is to do."""

    sql: str
    inputs: Sequence[str]
    descriptors: Sequence[int]
    """Where each input is read from, as an Arrow IPC stream."""
    sink: int
    """Where the result is written to, as one."""
    streamed: bool


@dataclass(frozen=True, slots=True)
class Read:
    """How many rows of an input a combiner has read, and whether those were all that came."""

    rows: int
    whole: bool


class Combiner:
    """One child process."""

    def __init__(self, server: ForkServer, limits: Limits, spills: Spills) -> None:
        """Start one.  Raises OSError when there is no room for it."""
        self._server = server
        self._limits = limits
        self.rows = 0
        """Of the result, once it is whole."""
        self.read: dict[str, Read] = {}
        """What it read of each input, once the result is whole."""
        self._lock = threading.RLock()
        self.on_end: Callable[[], None] = lambda: None
        """Called once, when the process is gone."""
        self._closed = False
        self._killed = False
        self._reaped = False
        self._status: int | None = None
        self._stderr: int | None = None
        """The end to read what it says to nobody: its last words."""
        self._killed_for_memory = 0
        """How many processes the system had killed for their memory when this one was given its statement."""
        self._spill = spills.make()
        try:
            self._forked = server.fork()
        except OSError:
            self._spill.clear()
            raise
        with contextlib.suppress(OSError):  # it has died at once: `start` says so
            send(
                self._forked.control,
                {
                    "memory_bytes": limits.memory_bytes,
                    "spill_bytes": limits.spill_bytes,
                    "threads": max(1, min(4, os.cpu_count() or 1)),
                },
                [self._spill.descriptor],
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._forked.pid

    @property
    def alive(self) -> bool:
        """Tell whether the process can still be given a statement, and has its directory."""
        return not self._forked.wait(0) and self._spill.is_there

    def start(self, order: Order) -> None:
        """Give it its statement."""
        self._killed_for_memory = death.killed_for_memory()
        try:
            _, (self._stderr,) = receive(self._forked.control)  # it has locked itself down
            send(
                self._forked.control,
                {"sql": order.sql, "inputs": list(order.inputs), "streamed": order.streamed},
                [*order.descriptors, order.sink],
            )
        except (EOFError, OSError, ValueError):  # ValueError: there was no descriptor left for what it sent
            raise SwapError(
                Problem(
                    "The combiner did not start.", todo="Run the query again; tell whoever runs SWAP if it stays so."
                )
            ) from None

    def written(self) -> Iterator[Sent]:
        """Yield how far the result is as it grows; return when it is whole.

        Raises what went wrong, in a person's words, and OSError when there is no room for the result.
        """
        while True:
            try:
                said, _ = receive(self._forked.control)
            except (EOFError, OSError):
                raise self._ended_early() from None
            if "at" in said:
                yield Sent(said["rows"], said["at"])
            elif "done" in said:
                self.rows = said["done"]
                self.read = {name: Read(*read) for name, read in said["read"].items()}
                return
            elif said["error"]["errno"]:
                raise OSError(said["error"]["errno"], said["error"]["message"])
            else:
                raise explain(said["error"], self._limits)

    def _ended_early(self) -> SwapError:
        if self._forked.wait(2.0):
            self._reap()
        if self._killed:
            return _incomplete()
        # Its last words may hold values of the query: they are read here, and written nowhere.
        words = "" if self._stderr is None else death.last_words(self._stderr)
        more_killed = death.killed_for_memory() > self._killed_for_memory
        cause = death.cause(self._status, words, killed_for_memory=more_killed)
        log.warning("Combiner %d ended with status %s: %s", self.pid, self._status, cause.name.lower())
        return _died(cause, self._limits)

    def close(self) -> None:
        """End the process and forget what it spilled: nothing of it writes any more.  Idempotent."""
        with self._lock:
            if self._closed:
                return
            self.kill()
            self._closed = True
            self._forked.wait()
            self._reap()
            self._forked.close()
            if self._stderr is not None:
                os.close(self._stderr)
            self._spill.clear()
        self.on_end()

    def kill(self) -> None:
        """End the process at once, from any thread; whoever follows its result hears of the end."""
        with self._lock:
            self._killed = True
            if not self._closed:
                self._forked.kill()

    def _reap(self) -> None:
        if not self._reaped:
            self._reaped = True
            self._status = self._server.reap(self._forked)


def explain(error: dict[str, Any], limits: Limits) -> SwapError:
    """Return the child's error in a person's words.  Its text holds only what the person could read anyway."""
    kind, message = str(error.get("kind")), str(error.get("message"))
    if kind == "OSError" and (named := _THROUGH_ARROW.match(message)):
        kind = "".join(word[0].upper() + word[1:] for word in named[1].split()) + "Exception"
    said = message.partition(": ")[2] or message
    if kind in _NO_MEMORY or _is_for_want_of_memory(kind, message):
        # What DuckDB says when its spill files reach their limit; only the first line of it comes here.
        return _too_much_spilled(limits) if "failed to offload" in message else _out_of_memory(limits)
    if kind == "IOException" and combiner_child.SPILL in message and "No space left" in message:
        return full_disk()  # DuckDB's own words name our directories
    if kind in {"TooLargeError", "OverflowError"} or _TOO_LONG in said:
        return _does_not_fit(kind, said)
    said = _without_advice(said)
    if kind in _STATEMENTS_FAULT:
        return QueryRefused(Problem(said, why="The statement was read, but it cannot run as it stands."))
    if kind in _VALUES_FAULT:
        return Invalid(Problem(said, why="A value met on the way stopped the query.", todo=_remedy(kind, said)))
    return SwapError(
        Problem(
            "The combiner stopped with an error of its own.",
            why=f"It said: {kind}.",
            todo="Tell whoever runs SWAP, with the query's id.",
        )
    )


def _died(of: Death, limits: Limits) -> SwapError:
    if of is Death.LIMIT:
        return _out_of_memory(limits)
    if of is Death.MACHINE:
        return SwapError(
            Problem(
                "SWAP's machine has no memory left, so the query was ended.",
                why="Before anything else, the system ends what puts results together.",
                todo="Run it again in a while; whoever runs SWAP may have to lower limits.combiners_bytes.",
            )
        )
    if of is Death.OUTSIDE:
        return SwapError(
            Problem(
                "The combiner was ended from outside before the result was complete.",
                why="Somebody or something on SWAP's machine ended its process.",
                todo="Run the query again; tell whoever runs SWAP if it stays so.",
            )
        )
    return _incomplete()


def _incomplete() -> SwapError:
    return SwapError(Problem("The combiner ended before the result was complete.", todo="Run the query again."))


def _is_for_want_of_memory(kind: str, message: str) -> bool:
    """Tell of an error by another name: of a thread without room for its stack."""
    return kind == "RuntimeError" and "start new thread" in message


def _does_not_fit(kind: str, said: str) -> LimitExceeded | Invalid:
    if kind == "OverflowError":
        return Invalid(
            Problem(
                f"A whole number in the column {said} is larger than bigint holds.",
                todo=f"Write CAST({said} AS DECIMAL(38, 0)) or CAST({said} AS DOUBLE).",
            )
        )
    if _TOO_LONG in said:
        return _too_long_rows()
    if said == "row":
        return LimitExceeded(
            Problem(
                f"A row of the result is larger than {_gigabytes(combiner_child.BATCH_BYTES)}.",
                todo="Take a part of its long values: left(text, 1000), list[1:100].",
            )
        )
    return LimitExceeded(
        Problem(
            "The result has too many columns, or too long names for them.",
            why=f"Together they may take {_gigabytes(combiner_child.SCHEMA_BYTES)}.",
            todo="Name the columns you need.",
        )
    )


def _too_much_spilled(limits: Limits) -> LimitExceeded:
    return LimitExceeded(
        Problem(
            f"The query needs more than {_gigabytes(limits.spill_bytes)} of disk to put its parts together.",
            why="The setting is limits.spill_bytes.",
            todo="Read fewer rows or columns, or group before joining.",
        )
    )


def _out_of_memory(limits: Limits) -> LimitExceeded:
    return LimitExceeded(
        Problem(
            f"The query needs more than {_gigabytes(limits.memory_bytes)} of memory to put its parts together.",
            why="The setting is limits.memory_bytes.",
            todo="Read fewer rows or columns, or group before joining.",
            extra={"setting": "limits.memory_bytes", "value": limits.memory_bytes},
        )
    )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _too_long_rows() -> LimitExceeded:
    return LimitExceeded(
        Problem(
            "The rows of the result are too long.",
            why=f"{combiner_child.ROWS_PER_BATCH:,} of them have more than 2.1 GB of text in one column.",
            todo="Take a part of its long values: left(text, 1000).",
        )
    )


def _without_advice(text: str) -> str:
    """Return what DuckDB says went wrong, without what it advises: most of that is for who runs it alone.

    >>> _without_advice("Division by zero. Use TRY(...) to return NULL, or SET x=false to do so always")
    'Division by zero.'
    """
    first, *others = text.strip().rstrip("!").split(". ")
    said = ". ".join([first, *(each for each in others if not _NOT_HERE.match(each))])
    return said if said.endswith(".") else f"{said}."


def _remedy(kind: str, said: str) -> str:
    if "onver" in kind or "Could not convert" in said:
        return "TRY_CAST gives null where CAST fails."
    if said.startswith("Division by zero"):
        return "Divide by nullif(…, 0): it is null where it would be zero, and so is the quotient."
    if said.startswith("More than one row"):
        return "Add LIMIT 1 to the subquery, or take max(…) of its column."
    if said.startswith("Could not parse string"):
        return "try_strptime gives null where strptime fails."
    return ""
