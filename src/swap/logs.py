"""What SWAP's processes write into their logs: what happened, and where in the code.  No exception's value.

Errors of libraries quote what they were given: a row, a literal, a statement with its parameters.  So there is one
place that every record of every library passes: of an exception or a warning only its type and its place in the code
are written, of what is put into a message only numbers and plain texts, and of those no query string, header or long
secret; and nobody's text begins a line.  A library's own sentence, with a text in it, is written.  A person is told
the value in their own cell's error, from the same exception; a log is read by others.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import PurePath
from types import TracebackType
from typing import Any, Final

from swap.errors import SettingsError, SwapError, Unavailable

MESSAGE_CHARACTERS: Final = 2000
"""Of a message; what is longer was made by somebody who wants to fill the disk."""
_DEPTH: Final = 10
"""Exceptions of one chain that are told."""

_PLAIN: Final = (str, int, float, date, timedelta, PurePath, type(None))
"""What may be put into a message.  Of anything else the type is named: its `repr` holds what it was made of."""

_BY_OTHERS: Final[Mapping[str, int]] = {"log_exception": 2, "write_error": 0}
"""Functions of Tornado's and Jupyter's that log an exception's text in messages of their own → how many of the
arguments say only what was asked and what was answered: status and path."""

_CLEANINGS: Final = (
    # Query strings: OAuth's state and code, what somebody searched for, tokens.
    (re.compile(r"(?<=[\w/.~%-])\?[^\s\"'<>)\]]+"), "?…"),
    # JupyterHub's way to ask whose a token or a cookie is.
    (re.compile(r"(/authorizations/)\S+"), r"\1…"),
    # Who and with what password, in the address of a database or a store; and what is shown in place of a password.
    (re.compile(r"(\w://)[^\s\"'<>]*@"), r"\1…@"),
    (re.compile(r"(?i)(password[\"']?\s*[=:]\s*|\bbearer\s+)(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>,;]+)"), r"\1…"),
    (re.compile(r"(?i)\b((?:set-)?cookie|authorization|x-xsrftoken)\b(\W+)[^\n]*"), r"\1\2…"),
    # What has the look of a token, a cookie or a credential, and not of the id of a kernel.
    (
        re.compile(
            r"(?<![\w-])(?!(?:kernel-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)"
            r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{28,}(?:\.[\w-]{20,})*"
        ),
        "…",
    ),
)


_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
"""What begins a line, or tells a terminal what to do; a tab does neither."""

_SQLSTATE: Final = re.compile(r"[0-9A-Z]{5}")


def install() -> None:
    """Let everything that this process logs, or says as it fails, pass here.  Idempotent."""
    logging.setLogRecordFactory(_record)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable
    # Both of those ask it who show a warning: Python, on standard error, and logging.
    warnings.formatwarning = _warning


def told(error: BaseException) -> str:
    """Return what a line may say of an exception.

    >>> told(ValueError("hunter2"))
    'ValueError'
    >>> told(Unavailable("The gateway does not answer."))
    'Unavailable: The gateway does not answer.'
    """
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ in {"builtins", "swap.errors"}
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    if isinstance(error, (Unavailable, SettingsError)):  # about the site, in words of ours
        return clean(f"{name}: {error}")
    detail = _condition(error)
    return f"{name} ({detail})" if detail else name


def _condition(error: BaseException) -> str:
    """Return what went wrong, as a code that its makers list; an attribute of that name may hold anything."""
    if isinstance(error, SwapError):
        return error.category
    if isinstance(error, OSError):
        number = error.errno
        if not isinstance(number, int):
            return ""
        # Not its `strerror`, which is what it was given; numbers of other modules are not the system's.
        ours = type(error).__module__ == "builtins" and number in errno.errorcode
        return os.strerror(number) if ours else f"number {number}"
    state, status = getattr(error, "sqlstate", None), getattr(error, "status_code", None)
    if isinstance(state, str) and _SQLSTATE.fullmatch(state):
        return state
    return f"{status:d}" if isinstance(status, int) else ""


def trace(error: BaseException) -> str:
    """Return what a log may hold of an exception: each of its chain, the first cause first, with its place."""
    return "\n".join(map(_one_line, _chain(error, frozenset())))


def clean(text: str) -> str:
    """Return a text as one line, without query strings, headers and secrets.

    >>> clean("302 GET /oauth_callback?state=eyJ0&code=x (ann)")
    '302 GET /oauth_callback?… (ann)'
    """
    text = text[:MESSAGE_CHARACTERS] + "…" * (len(text) > MESSAGE_CHARACTERS)
    for pattern, instead in _CLEANINGS:
        text = pattern.sub(instead, text)
    return _one_line(text)


def _one_line(text: str) -> str:
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def log_request(handler: Any) -> None:
    """Log one request to a server of Tornado's, in place of its own: no query string, no header, no address led to."""
    status, request = handler.get_status(), handler.request
    level = logging.INFO if status < 400 else logging.WARNING if status < 500 else logging.ERROR
    milliseconds = 1000.0 * request.request_time()
    logging.getLogger("tornado.access").log(
        level, "%d %s %s %.0f ms", status, request.method, request.path, milliseconds
    )


def _record(
    name: str,
    level: int,
    path: str,
    line: int,
    message: object,
    arguments: Any,
    exc_info: Any = None,
    func: str | None = None,
    sinfo: str | None = None,
    **_: object,
) -> logging.LogRecord:
    """Make a record that holds nothing but text that may be written."""
    text = clean(_message(name, func, message, arguments))
    record = logging.LogRecord(name, level, path, line, text, (), None, func, sinfo)
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        record.exc_text = trace(error)
    return record


def _message(name: str, func: str | None, message: object, arguments: Any) -> str:
    text = str(_plain(message))
    if func is not None and func in _BY_OTHERS and not text.startswith("Uncaught"):
        return " ".join(str(_plain(each)) for each in arguments[: _BY_OTHERS[func]]) or text.partition(":")[0]
    if arguments:
        # As logging itself: one mapping stands for names in the message.
        one = arguments[0] if len(arguments) == 1 else arguments if isinstance(arguments, Mapping) else None
        values: Any = (
            {key: _plain(value) for key, value in one.items()}
            if isinstance(one, Mapping) and "%(" in text
            else tuple(map(_plain, arguments))
        )
        with contextlib.suppress(TypeError, ValueError, KeyError):  # then without what was to be put in
            text %= values
    # A task's or a callback's repr holds the exception, and the arguments.
    return text.partition("\n")[0].partition("(")[0] if name == "asyncio" else text


def _plain(value: object) -> object:
    if isinstance(value, BaseException):
        return told(value)
    return value if isinstance(value, _PLAIN) else type(value).__name__


def _chain(error: BaseException, seen: frozenset[int]) -> Iterator[str]:
    seen |= {id(error)}
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen and len(seen) < _DEPTH:
        yield from _chain(before, seen)
        yield "which led to"
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):"
        yield from _places(error.__traceback__)
    yield told(error)
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions[:_DEPTH]:
            if len(seen) < _DEPTH:
                yield "of which"
                yield from _chain(each, seen)


def _places(trail: TracebackType | None) -> Iterable[str]:
    # No line of source: of code that was made at run time it is data.
    for frame, line in traceback.walk_tb(trail):
        yield f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name}'


def _uncaught(_kind: type[BaseException], error: BaseException, _trail: TracebackType | None) -> None:
    sys.stderr.write(f"{trace(error)}\n")


def _uncaught_in_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None and not isinstance(failed.exc_value, SystemExit):
        sys.stderr.write(f"In a thread:\n{trace(failed.exc_value)}\n")


def _unraisable(failed: Any) -> None:
    if failed.exc_value is not None:
        sys.stderr.write(f"Ignored:\n{trace(failed.exc_value)}\n")


def _warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """Return what is said of a warning; what it says, and the line of source, may hold values."""
    del message, line
    return _one_line(f"{filename}:{lineno}: {category.__name__}") + "\n"
