"""Whatever is logged, by whom and how: no value comes through, and what happened and where does."""

from __future__ import annotations

import asyncio
import logging
import ssl
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import HTTPError

from swap import logs
from swap.errors import Invalid, Problem, Unavailable

SECRET = "canary"


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    hooks = sys.excepthook, logs.threading.excepthook, sys.unraisablehook, warnings.formatwarning
    logs.install()
    yield
    logging.setLogRecordFactory(before)
    sys.excepthook, logs.threading.excepthook, sys.unraisablehook, warnings.formatwarning = hooks


@pytest.fixture
def written(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    caplog.set_level(logging.DEBUG)
    caplog.handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    return lambda: "\n".join(map(caplog.handler.format, caplog.records))


log = logging.getLogger("of.a.library")


def fail(value: str) -> None:
    try:
        int(value)
    except ValueError as error:
        raise Invalid(Problem(f"{value} is no number.")) from error


def test_an_exception_is_told_by_type_and_place_with_its_causes(written: Callable[[], str]) -> None:
    try:
        fail(SECRET)
    except Invalid:
        log.exception("It failed")
    text = written()
    assert SECRET not in text
    assert text.index("ValueError") < text.index("which led to") < text.index("Invalid (invalid)")
    assert f'File "{__file__}"' in text
    assert "in fail" in text


def test_what_an_exception_says_is_written_where_it_is_about_the_site(written: Callable[[], str]) -> None:
    log.warning("No catalogue: %s", Unavailable("The gateway does not answer."))
    assert "The gateway does not answer." in written()


def test_an_exception_in_a_message_is_named_only(written: Callable[[], str]) -> None:
    log.warning("No: %s, %r", ValueError(SECRET), Invalid(SECRET))
    log.warning(ValueError(SECRET))
    log.warning("No: %(why)s", {"why": ValueError(SECRET)})
    assert "No: ValueError, 'Invalid (invalid)'" in written()
    assert SECRET not in written()


def test_what_is_neither_number_nor_text_is_named_by_its_type(written: Callable[[], str]) -> None:
    log.warning("%s %r %s %s %d", {"cookie": SECRET}, [SECRET], SECRET.encode(), partial(fail, SECRET), 7)
    assert "dict 'list' bytes partial 7" in written()


@pytest.mark.parametrize("message", [{"cookie": SECRET}, [SECRET], SECRET.encode(), partial(fail, SECRET)])
def test_so_it_is_where_it_stands_as_the_message(written: Callable[[], str], message: object) -> None:
    log.warning(message)
    assert f"WARNING {type(message).__name__}" in written()
    assert SECRET not in written()


class Odd(Exception):
    sqlstate: object = SECRET
    status_code: object = SECRET


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(22, SECRET), "OSError (Invalid argument)"),
        (OSError(SECRET, SECRET), "OSError"),
        (FileNotFoundError(2, SECRET, SECRET), "FileNotFoundError (No such file or directory)"),
        (ssl.SSLError(1, SECRET), "ssl.SSLError (number 1)"),
        (Odd(), "Odd"),
    ],
)
def test_of_a_condition_only_its_code_is_said(written: Callable[[], str], error: Exception, told: str) -> None:
    log.warning("It failed: %s", error)
    assert written().endswith(told)
    assert SECRET not in written()


@pytest.mark.parametrize(
    ("state", "status", "told"), [("22P02", SECRET, "Odd (22P02)"), (SECRET, 404, "Odd (404)"), ("22p02", "404", "Odd")]
)
def test_codes_are_said_that_look_like_codes(state: object, status: object, told: str) -> None:
    error = Odd()
    error.sqlstate, error.status_code = state, status
    assert logs.told(error).endswith(told)


def _unavailable(value: str) -> None:
    raise Unavailable(value)


def test_nobodys_text_begins_a_line_or_moves_the_cursor(written: Callable[[], str]) -> None:
    forged = "x\n2026-01-01 INFO signed in\r\x1b[2J\x9b2J\x85\u2028y\tz"
    log.warning(forged)
    log.warning("%s", forged)
    try:
        _unavailable(forged)
    except Unavailable:
        log.exception("It failed")
    text = written()
    assert text.count("\n") == 6, "three records, and four more lines of the trace"
    assert not set(text) & set("\r\x1b\x9b\x85\u2028")
    assert r"x\n2026-01-01 INFO signed in\r\x1b[2J" in text
    assert "y\tz" in text


@pytest.mark.parametrize(
    "message",
    [
        "302 GET /oauth_callback?code=canary&state=x (ann) -> /?next=canary",
        '{"Cookie": "a=canary", "Host": "x"}',
        "Authorization: Bearer canary",
        "Setting new xsrf cookie for b'canary'",
        "403 GET /hub/api/authorizations/token/canary",
        "cannot reach postgresql+psycopg://ann:canary@db.example:5432/swap",
        "cannot reach https://canary@store.example/bucket",
        "connection to host=db user=ann password=canary failed",
        "shown: Bearer canary",
        "host=db password='canary canary'",
        'host=db password = "canary"',
        '{"password": "canary", "user": "ann"}',
        "sslpassword=canary",
        "session 8d1f0c5ab0a34b7c9e62canary11cafe ended",
        "token eyJhbGciOiJIUzI1NiIsInR5cCI6.eyJjYW5hcnkiOjEsImNhbmFyeSI6Mn0canary.c2lnbmF0dXJlLWNhbmFyeQ",
    ],
)
def test_a_librarys_own_words_lose_queries_headers_and_secrets(written: Callable[[], str], message: str) -> None:
    log.warning(message)
    log.warning("%s", message)
    assert SECRET not in written()
    assert "…" in written()


@pytest.mark.parametrize(
    "message",
    [
        "Kernel 2f6f3a0e-5b0c-4f7e-9c51-0d6a3f1c2b4d died: what now? It is started again.",
        "Query 0123456789abcdef0123 failed",
        "server-pzdgq2abcd.log: /work/some/long/path/of-an-installation/lib/python3.11/site-packages/x.py",
        "100 % of it, and %s",
    ],
)
def test_what_a_reader_of_logs_needs_stays(written: Callable[[], str], message: str) -> None:
    log.warning(message)
    assert message in written()


def test_what_is_endless_is_cut(written: Callable[[], str]) -> None:
    log.warning("%s", "x y " * 100_000)
    assert len(written()) < 2 * logs.MESSAGE_CHARACTERS


def test_messages_that_do_not_fit_their_values_are_written_without(written: Callable[[], str]) -> None:
    log.warning("%d of %d", SECRET)  # noqa: PLE1206 — as libraries do
    assert "%d of %d" in written()
    assert SECRET not in written()


def test_tornados_errors_say_status_and_path(written: Callable[[], str]) -> None:
    """As `RequestHandler.log_exception` and Jupyter's `write_error` say it."""

    line, headers = RequestStartLine("GET", f"/?{SECRET}", "HTTP/1.1"), HTTPHeaders({"Host": SECRET})
    request = HTTPServerRequest(start_line=line, headers=headers)

    def log_exception(error: HTTPError) -> None:
        form = f"%d %s: {error.log_message}"
        log.warning(form, 400, "GET /x (::1)", *error.args)
        log.error("Uncaught exception %s\n%r", "GET /x (::1)", request, exc_info=error)

    def write_error(message: str) -> None:
        log.warning("wrote error: %r", message)

    log_exception(HTTPError(400, f"Unreadable: {SECRET}"))
    log_exception(HTTPError(400, "Unreadable: %s", SECRET))
    write_error(f"Unreadable: {SECRET}")
    assert "400 GET /x (::1)" in written()
    assert "Uncaught exception GET /x (::1)" in written()
    assert SECRET not in written()


def test_a_task_that_nobody_waited_for_is_told_without_its_exception(written: Callable[[], str]) -> None:
    async def forgets() -> None:
        async def fails() -> None:
            fail(SECRET)

        task = asyncio.ensure_future(fails())
        await asyncio.wait([task])
        asyncio.get_running_loop().call_soon(fail, SECRET)
        await asyncio.sleep(0)

    asyncio.run(forgets())
    assert "never retrieved" in written()
    assert "Exception in callback" in written()
    assert SECRET not in written()


PROGRAM = """
import logging, sys, threading, warnings
from swap import logs
logs.install()
warnings.warn("canary")
logging.basicConfig()
logging.captureWarnings(True)
warnings.warn("canary", RuntimeWarning)
logging.captureWarnings(False)
class Dies:
    def __del__(self): raise ValueError("canary")
Dies()
def fail(): raise ExceptionGroup("canary", [ValueError("canary"), OSError(2, "No such file", "canary")])
thread = threading.Thread(target=fail); thread.start(); thread.join()
error = KeyError("canary"); error.add_note("canary")
raise error
"""


def test_a_process_that_dies_says_no_value_either() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False).stderr
    assert SECRET not in said
    for told in (
        "<string>:5: UserWarning\n",
        "<string>:8: RuntimeWarning",
        "Ignored:",
        "In a thread:",
        "ExceptionGroup",
        "FileNotFoundError (No such file or directory)",
        "KeyError",
        "in fail",
    ):
        assert told in said
