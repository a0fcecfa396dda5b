"""Connections to PostgreSQL.  A database that does not answer is Unavailable, never a driver's traceback."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import OperationalError

from swap.errors import Problem, Unavailable


class DatabaseUnavailable(Unavailable):
    """SWAP's database does not answer."""


def create(url: str | URL, *, connections: int = 10) -> Engine:
    """Return an engine with at most `connections` connections; `with engine.begin() as conn` is one transaction.

    Every statement that meets a lost or refused connection raises DatabaseUnavailable.
    """
    address = make_url(url).set(drivername="postgresql+psycopg")
    engine = create_engine(
        address,
        pool_size=min(5, connections),
        max_overflow=max(0, connections - 5),
        pool_timeout=10.0,
        # A connection that died while it lay in the pool is replaced before it is used.
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "application_name": "swap"},
    )

    @event.listens_for(engine, "handle_error", retval=True)
    def explain(context: ExceptionContext) -> BaseException | None:
        if context.is_pre_ping:
            return None  # the pool reconnects; only if that fails too is there something to tell
        if context.connection is not None and not context.is_disconnect:
            return None
        if not isinstance(context.sqlalchemy_exception, OperationalError):
            return None
        return DatabaseUnavailable(
            Problem(
                f"SWAP's database at {address.host}:{address.port or 5432} does not answer.",
                why=str(context.original_exception).strip().splitlines()[0],
                todo="Try again in a minute. Whoever runs SWAP finds the reason with: swap doctor",
            )
        )

    return engine
