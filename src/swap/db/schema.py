"""What all tables share: their schema, how constraints are named, and how a moment is kept."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData, func

metadata = MetaData(
    schema="swap",
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    },
)


def moment(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    """Return a UTC moment column; `now` makes the database fill it in."""
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=func.now() if now else None)
