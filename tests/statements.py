"""The statements an engine sends, as SQLAlchemy's events tell them: to count them, or to act between two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def sent(engine: Engine) -> Iterator[list[str]]:
    """Give the list of what the engine sends during the block."""
    found: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    with _listening(engine, "before_cursor_execute", note):
        yield found


@contextmanager
def interrupted(engine: Engine, after: int, act: Callable[[], None]) -> Iterator[None]:
    """Let something happen once `after` statements of the block have been answered, at its end at the latest."""
    answered = 0

    def count(*_: Any) -> None:
        nonlocal answered
        answered += 1
        if answered == after:
            act()

    if after == 0:
        act()
    with _listening(engine, "after_cursor_execute", count):
        yield
    if answered < after:
        act()


@contextmanager
def _listening(engine: Engine, name: str, hear: Callable[..., None]) -> Iterator[None]:
    event.listen(engine, name, hear)
    try:
        yield
    finally:
        event.remove(engine, name, hear)
