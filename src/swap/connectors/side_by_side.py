"""Several iterations at a time, each on a thread of its own, as one."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from queue import Queue
from typing import TypeVar

T = TypeVar("T")

WAITING = 4
"""What an iteration may have ready at most before it is taken."""


def side_by_side(iterations: Sequence[Iterator[T]], at_once: int) -> Iterator[T]:
    """Yield what some iterations yield, as it comes, `at_once` of them at a time.

    What one raises is raised here, and ends the others after what they do now; so does closing this one.
    """
    ready: Queue[T | BaseException | None] = Queue()
    room = threading.Semaphore(WAITING * at_once)
    turns = threading.Semaphore(at_once)
    over = threading.Event()

    def run(iteration: Iterator[T]) -> None:
        try:
            with turns:
                if over.is_set():
                    return
                for item in iteration:
                    room.acquire()
                    if over.is_set():
                        return
                    ready.put(item)
        except BaseException as error:  # noqa: BLE001 — raised where the others are waited for
            ready.put(error)
        finally:
            ready.put(None)

    threads = [threading.Thread(target=run, args=[each], daemon=True, name="side by side") for each in iterations]
    for thread in threads:
        thread.start()
    try:
        ended = 0
        while ended < len(threads):
            item = ready.get()
            if item is None:
                ended += 1
            elif isinstance(item, BaseException):
                raise item
            else:
                room.release()
                yield item
    finally:
        over.set()
        room.release(len(threads) * (WAITING + 1))
