"""Connections to PostgreSQL.  A database that does not answer is Unavailable, never a driver's traceback."""

from __future__ import annotations

import logging
import select

import psycopg
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError, OperationalError

from swap.errors import Invalid, Problem, Unavailable

log = logging.getLogger(__name__)
AWAY = Problem(
    "SWAP's database does not answer.",
    why="SWAP needs it to know who you are. Your notebooks and running cells are not touched.",
    todo="It is usually back within a minute; try again then. Whoever runs SWAP finds the reason with: swap doctor",
)


class DatabaseUnavailable(Unavailable):
    """SWAP's database does not answer."""


def create(url: str | URL, *, connections: int = 10) -> Engine:
    """Return an engine with at most `connections` connections; `with engine.begin() as conn` is one transaction.

    Every statement that meets a lost or refused connection raises DatabaseUnavailable; a text that PostgreSQL cannot
    hold, Invalid.
    """
    address = make_url(url).set(drivername="postgresql+psycopg")
    engine = create_engine(
        address,
        pool_size=min(5, connections),
        max_overflow=max(0, connections - 5),
        pool_timeout=10.0,
        # An error names what was asked, never with whose values.
        hide_parameters=True,
        connect_args={"connect_timeout": 5, "application_name": "swap"},
    )

    event.listen(engine, "checkout", _demand_open)

    @event.listens_for(engine, "handle_error", retval=True)
    def explain(context: ExceptionContext) -> BaseException | None:
        if _is_no_text(context.original_exception):
            return Invalid(
                Problem(
                    "What was sent holds a character that is no text.",
                    why="NUL, and half a surrogate pair, cannot be kept or looked up.",
                    todo="Leave it out.",
                )
            )
        if context.connection is not None and not context.is_disconnect:
            return None
        if not isinstance(context.sqlalchemy_exception, OperationalError):
            return None
        unavailable = DatabaseUnavailable(AWAY)
        said = str(context.original_exception).strip().splitlines()[0]
        unavailable.details = f"The database at {address.host}:{address.port or 5432}: {said}"
        log.warning("%s", unavailable.details)
        return unavailable

    return engine


def _is_no_text(error: BaseException) -> bool:
    """Tell whether psycopg itself refused a text, before any server saw it."""
    return isinstance(error, UnicodeEncodeError) or (isinstance(error, psycopg.DataError) and "NUL" in str(error))


def _demand_open(connection: DBAPIConnection, *_: object) -> None:
    """Let a connection that was closed while it lay in the pool be replaced before it is used.

    Whoever rests is told nothing but an end.  A look at the socket says so; asking the database each time would double
    the questions.
    """
    poll = select.poll()
    try:
        poll.register(connection.fileno(), select.POLLIN)
    except psycopg.OperationalError:  # closed on our side
        raise DisconnectionError from None
    if poll.poll(0):
        raise DisconnectionError
