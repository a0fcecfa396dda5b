"""Errors that only a notebook meets."""

from __future__ import annotations

from swap.errors import QueryCancelled, Unavailable


class Interrupted(QueryCancelled, KeyboardInterrupt):
    """You stopped the query.

    A KeyboardInterrupt too, for code that waits for one.
    """


class Unreachable(Unavailable):
    """The gateway does not answer."""
