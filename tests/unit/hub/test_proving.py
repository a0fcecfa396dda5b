from __future__ import annotations

import asyncio
import threading

import pytest

from swap.hub.directories.base import DirectoryPerson
from swap.hub.proving import STRANGERS, Crowded, Proving

ANN = DirectoryPerson("test:1", "ann", frozenset())


class SlowDirectory:
    """A directory that looks at no stranger's password before it is let."""

    at_a_time = 2

    def __init__(self) -> None:
        self.may = threading.Event()
        self.asked = 0

    def authenticate(self, name, password):
        self.asked += 1
        if name != "ann":
            self.may.wait(30)
        return ANN if (name, password) == ("ann", "right") else None


def test_strangers_in_line_hold_up_no_known_browser_and_the_line_is_bounded():
    async def story():
        directory = SlowDirectory()
        proving = Proving(directory)
        line = [
            asyncio.ensure_future(proving.prove(f"nobody-{number}", "x", known=False)) for number in range(STRANGERS)
        ]
        await asyncio.sleep(0)

        assert await proving.prove("ann", "right", known=True) == ANN
        with pytest.raises(Crowded):
            await proving.prove("one more", "x", known=False)

        directory.may.set()
        assert await asyncio.gather(*line) == [None] * STRANGERS
        assert await proving.prove("ann", "right", known=False) == ANN

    asyncio.run(story())


@pytest.mark.parametrize(("name", "password"), [("ann", ""), ("", "x"), ("ann", "x" * 1025), ("a" * 65, "x")])
def test_an_empty_or_endless_name_or_password_reaches_no_directory(name, password):
    directory = SlowDirectory()

    for known in (True, False):
        assert asyncio.run(Proving(directory).prove(name, password, known=known)) is None
    assert directory.asked == 0
