"""Let the hub's own session forget a database connection that died while nobody used it.

JupyterHub keeps one session for all requests, and with it a transaction that has only read.  When the database
crashes, the first who come afterwards would meet the dead connection and get an error in its place.
"""

from __future__ import annotations

import select
from contextlib import suppress

import psycopg
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import ORMExecuteState, Session

WROTE = "swap_wrote"


def watch(session: Session) -> None:
    """Look, before each question, whether the connection still stands; begin anew where nothing can be lost by it."""
    event.listen(session, "do_orm_execute", _before_each)
    event.listen(session, "after_flush", _remember_writing)
    event.listen(session, "after_commit", _forget_writing)
    event.listen(session, "after_rollback", _forget_writing)


def begin_anew(session: Session) -> None:
    """End the transaction, whether or not the database can still be told."""
    with suppress(SQLAlchemyError):
        session.rollback()


def _before_each(state: ORMExecuteState) -> None:
    session = state.session
    if session.in_transaction() and not _would_lose(session) and _is_dead(session):
        session.connection().invalidate()
        begin_anew(session)
    if not state.is_select:  # a bulk UPDATE or DELETE, which no flush comes before
        session.info[WROTE] = True


def _would_lose(session: Session) -> bool:
    """Tell whether the transaction holds more than reading: written, or still to be written by the flush after us."""
    return bool(session.info.get(WROTE) or session.new or session.dirty or session.deleted)


def _is_dead(session: Session) -> bool:
    """Tell whether the database has closed the connection: whoever rests is told nothing but an end."""
    poll = select.poll()
    try:
        poll.register(session.connection().connection.fileno(), select.POLLIN)
    except psycopg.OperationalError:  # closed on our side
        return True
    return bool(poll.poll(0))


def _remember_writing(session: Session, _: object) -> None:
    session.info[WROTE] = True


def _forget_writing(session: Session) -> None:
    session.info.pop(WROTE, None)
