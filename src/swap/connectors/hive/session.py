"""A session at a HiveServer2: statements that run while we watch them, and their rows as columns.

Source: https://github.com/apache/hive/blob/master/service-rpc/if/TCLIService.thrift, whose field numbers stand here.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

from swap.connectors.hive import thrift
from swap.connectors.hive.thrift import Block, Fields, Value, fields, plain, text, texts

PROTOCOL = 9
"""HIVE_CLI_SERVICE_PROTOCOL_V10: columns, progress.  A server answers with its own when that is older."""
OLDEST = 5
"""V6, the first that sends columns."""
_SUCCESS, _WITH_INFO, _STILL = 0, 1, 2
_FIRST_PAUSE_SECONDS, _PAUSE_SECONDS = 0.005, 0.5
"""Between two questions how a statement is doing: Hive keeps a question until it knows more, Spark answers at once."""
_NEXT = 0
_ROWS, _LOG = 0, 1


class State(IntEnum):
    """How a statement is doing."""

    INITIALIZED = 0
    RUNNING = 1
    FINISHED = 2
    CANCELED = 3
    CLOSED = 4
    ERROR = 5
    UNKNOWN = 6
    PENDING = 7
    TIMED_OUT = 8


@dataclass(frozen=True, slots=True)
class Status:
    """What a server says of a statement; `share` is between 0 and 1, None when it does not know."""

    state: State
    sql_state: str = ""
    code: int = 0
    message: str = ""
    share: float | None = None


class StatementError(Exception):
    """The server refused a call or failed at a statement; its own words, which may quote values, are told to nobody."""

    def __init__(self, sql_state: str, code: int, message: str) -> None:
        super().__init__(message)
        self.sql_state = sql_state
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class ColumnBlock:
    """One column of some rows as it came: its values, and which of them are null, one bit each, lowest first."""

    values: Block
    nulls: bytes


@dataclass(frozen=True, slots=True)
class Described:
    """A column of a result as the server describes it: of what is `nested` in it nothing is said."""

    name: str
    type: str
    nested: bool


class Transport(Protocol):
    """What carries messages."""

    def send(self, message: bytes) -> None:
        """Send a call."""

    def receive(self) -> bytes:
        """Return the answer to the oldest call that has none yet."""


class Session:
    """A session, spoken to by one thread.  Raises StatementError, LostError, QueryTimedOut, EOFError throughout."""

    def __init__(self, transport: Transport, pause: Callable[[float], None]) -> None:
        """Make one that is not open yet; `pause` waits for so many seconds, and may raise what ends the session."""
        self._transport = transport
        self._pause = pause
        self._numbers = itertools.count(1)
        self._handle: Value | None = None

    def open(self, configuration: Mapping[str, str]) -> None:
        """Open it, with settings of Hive's and for whom it is."""
        asked = {1: Value(thrift.I32, PROTOCOL), 4: texts(configuration)}
        told = self._ask("OpenSession", fields(asked))
        if told.get(2, 0) < OLDEST:
            raise StatementError("", 0, f"a server of the protocol {told.get(2, 0)}, which sends no columns")
        self._handle = handle(told[3])

    def execute(self, statement: str, seconds: int) -> Value:
        """Start a statement that the server ends after so many seconds; return its handle."""
        asked = {
            1: self._handle,
            2: text(statement),
            4: Value(thrift.BOOL, True),
            5: Value(thrift.I64, seconds),
        }
        return handle(self._ask("ExecuteStatement", fields(asked))[2])

    def status(self, operation: Value) -> Status:
        """Return how a statement is doing; a server answers after seconds, or when something changes."""
        told = self._ask("GetOperationStatus", fields({1: operation, 2: Value(thrift.BOOL, True)}))
        progress = told.get(10) or {}
        share = progress.get(3)
        return Status(
            State(told.get(2, State.UNKNOWN)),
            plain(told.get(3)),
            told.get(4, 0),
            plain(told.get(5)),
            # Engines that know nothing of it say 0, and NaN has been seen.
            share if share and 0 < share <= 1 else None,
        )

    def log_lines(self, operation: Value) -> list[str]:
        """Return the lines of its log that came since the last time."""
        columns = self._columns(self._ask("FetchResults", _fetch(operation, 1000, _LOG)))
        return columns[0].values.texts() if columns else []

    def rows(self, operation: Value, at_a_time: int) -> Iterator[list[ColumnBlock]]:
        """Yield a finished statement's rows, some at a time; while some are looked at, the next are on their way."""
        request = _fetch(operation, at_a_time, _ROWS)
        number = self._call("FetchResults", request)
        while True:
            told = self._answer("FetchResults", number)
            columns = self._columns(told)
            # `hasMoreRows` is false whatever is left (HIVE-7680): only an answer without rows is the last.
            if not columns or columns[0].values.count == 0:
                return
            number = self._call("FetchResults", request)
            yield columns

    def schema(self, operation: Value) -> list[str]:
        """Return the names of a statement's columns."""
        return [each.name for each in self.described(operation)]

    def described(self, operation: Value) -> list[Described]:
        """Return what a statement's columns are."""
        told = self._ask("GetResultSetMetadata", fields({1: operation}))
        return [_described(column) for column in told[2][1]]

    def table(self, statement: str, seconds: int) -> Iterator[list[list[str]]]:
        """Run a statement and yield its rows' columns, some rows at a time, as text; numbers as none."""
        operation = self.execute(statement, seconds)
        self.finish(operation)
        for columns in self.rows(operation, 1000):
            yield [_texts(column.values) for column in columns]
        self.close_operation(operation)

    def run(self, statement: str, seconds: int) -> None:
        """Run a statement whose rows, if it has any, nobody wants."""
        operation = self.execute(statement, seconds)
        self.finish(operation)
        self.close_operation(operation)

    def finish(self, operation: Value) -> None:
        """Wait until a statement has its rows.  Raises StatementError when it will have none."""
        for _ in self.until_finished(operation):
            pass

    def until_finished(self, operation: Value) -> Iterator[Status]:
        """Yield how a statement is doing, again and again, until it has its rows.  Raises as `finish` does."""
        pause = _FIRST_PAUSE_SECONDS
        while not ended(status := self.status(operation)):
            yield status
            self._pause(pause)
            pause = min(2 * pause, _PAUSE_SECONDS)

    def cancel(self, operation: Value) -> None:
        """Cancel a statement, of this session or another."""
        self._ask("CancelOperation", fields({1: operation}))

    def close_operation(self, operation: Value) -> None:
        """Have the server forget a statement."""
        self._ask("CloseOperation", fields({1: operation}))

    def close(self, session: Value | None = None) -> None:
        """Close this session, or another one by its handle; the server ends what runs in it."""
        if (which := session or self._handle) is not None:
            self._ask("CloseSession", fields({1: which}))

    @property
    def handle(self) -> Value | None:
        """What names this session to the server."""
        return self._handle

    # Below

    def _ask(self, name: str, request: Value) -> Fields:
        return self._answer(name, self._call(name, request))

    def _call(self, name: str, request: Value) -> int:
        number = next(self._numbers) & 0x7FFFFFFF
        self._transport.send(thrift.call(name, request, number))
        return number

    def _answer(self, name: str, number: int) -> Fields:
        try:
            told = thrift.answer(self._transport.receive(), name, number)
        except thrift.CallError as error:
            raise StatementError("", 0, str(error)) from None
        status = told.get(1, {})
        if status.get(1) not in (_SUCCESS, _WITH_INFO, _STILL):
            raise StatementError(plain(status.get(3)), status.get(4, 0), plain(status.get(5)))
        return told

    @staticmethod
    def _columns(told: Fields) -> list[ColumnBlock]:
        rows: Mapping[int, Any] = told.get(3) or {}
        return [ColumnBlock(values[1], values[2]) for union in rows.get(3, ()) for values in union.values()]


def _texts(values: Block) -> list[str]:
    if values.kind == thrift.BOOL:
        return ["true" if value else "false" for value in values.numbers("i1").tolist()]
    return values.texts() if values.kind == thrift.STRING else [""] * values.count


def ended(status: Status) -> bool:
    """Tell whether a statement has its rows.  Raises StatementError when it will never have."""
    if status.state in (State.INITIALIZED, State.PENDING, State.RUNNING):
        return False
    if status.state is State.FINISHED:
        return True
    raise StatementError(status.sql_state, status.code, status.message or status.state.name.lower())


_TYPES = (
    *("boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "string", "timestamp", "binary"),
    *("array", "map", "struct", "uniontype", "user-defined", "decimal", "void", "date", "varchar", "char"),
    *("interval_year_month", "interval_day_time", "timestamp with local time zone"),
)
"""Types by their numbers (TTypeId)."""
_NESTED = frozenset({"array", "map", "struct", "uniontype"})
_SIZES = ("precision", "scale", "characterMaximumLength")


def _described(column: Fields) -> Described:
    primitive = column[2][1][0].get(1, {})
    number = primitive.get(1, -1)
    name = _TYPES[number] if 0 <= number < len(_TYPES) else "unknown"
    qualifiers = {plain(key): value.get(1) for key, value in (primitive.get(2, {}).get(1) or {}).items()}
    sizes = ",".join(str(qualifiers[key]) for key in _SIZES if qualifiers.get(key) is not None)
    return Described(plain(column.get(1)), f"{name}({sizes})" if sizes else name, name in _NESTED)


def handle(told: Fields) -> Value:
    """Return a handle as it is sent back: the server's own fields, of which we know only the types."""
    written: dict[int, Value] = {}
    for number, value in told.items():
        if isinstance(value, dict):
            written[number] = handle(value)
        elif isinstance(value, bytes):
            written[number] = Value(thrift.STRING, value)
        elif isinstance(value, bool):
            written[number] = Value(thrift.BOOL, value)
        elif isinstance(value, int):
            written[number] = Value(thrift.I32, value)
        elif isinstance(value, float):
            written[number] = Value(thrift.DOUBLE, value)
    return Value(thrift.STRUCT, written)


def packed(told: Value) -> str:
    """Return a handle as text, for whoever is to end later what it means: who knows it can."""
    return base64.b64encode(thrift.write(told)).decode()


def unpacked(text: str) -> Value:
    """Return the handle of a text.  Raises ValueError."""
    return handle(thrift.read(base64.b64decode(text, validate=True)))


def _fetch(operation: Value, rows: int, what: int) -> Value:
    asked = {
        1: operation,
        2: Value(thrift.I32, _NEXT),
        3: Value(thrift.I64, rows),
        4: Value(thrift.I16, what),
    }
    return fields(asked)
