"""What says that a notebook's card is to be made anew, in the transaction that changes something that stands on it.

A row is only added here, so nobody waits for anybody; `cards` takes the rows off.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, insert, text, update

from swap.db.notebook_tables import notebook_card, notebook_due

_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:key, 0))")
_TITLE_TEXT_CODE = text("""'{a,b,c}'::"char"[]""")


def mark(conn: Connection, notebook_id: str) -> None:
    """Let a notebook's card be made anew soon."""
    # Without asking for the row: who saves may add one, and read none.
    conn.execute(insert(notebook_due).inline().values(notebook_id=notebook_id))


def hold(conn: Connection, notebook_id: str) -> None:
    """Let one transaction at a time say what stands on a card."""
    conn.execute(_LOCK, {"key": f"swap.card:{notebook_id}"})


def forget_comments(conn: Connection, notebook_id: str) -> None:
    """Let no comment be found until the card is made anew: one of them says something else now, or nothing."""
    hold(conn, notebook_id)
    bare = func.ts_filter(notebook_card.c.words, _TITLE_TEXT_CODE)
    conn.execute(update(notebook_card).where(notebook_card.c.notebook_id == notebook_id).values(words=bare))
    mark(conn, notebook_id)
