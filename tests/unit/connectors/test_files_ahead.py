"""Batches of files are decoded a few ahead of what is written."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pyarrow as pa
import pytest

from swap.connectors.files.reader import _AHEAD_BATCHES, _ahead


class Decoder:
    """Says how many batches were taken from it, and in which thread."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.taken = 0
        self.threads: set[threading.Thread] = set()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for number in range(self.count):
            self.taken += 1
            self.threads.add(threading.current_thread())
            yield pa.record_batch({"n": [number]})
        if self.count == 3:
            raise pa.ArrowInvalid("broken")


def test_all_batches_come_in_their_order_from_a_thread_that_ends() -> None:
    decoder = Decoder(50)

    assert [batch["n"][0].as_py() for batch in _ahead(iter(decoder))] == list(range(50))

    (thread,) = decoder.threads
    assert thread is not threading.current_thread()
    assert not thread.is_alive()


def test_no_more_is_held_than_a_few() -> None:
    decoder = Decoder(50)

    for used, _ in enumerate(_ahead(iter(decoder)), 1):
        assert decoder.taken <= used + _AHEAD_BATCHES


def test_who_stops_early_leaves_nothing_that_goes_on() -> None:
    decoder = Decoder(50)
    batches = _ahead(iter(decoder))

    next(batches)
    batches.close()

    assert decoder.taken <= 1 + _AHEAD_BATCHES
    assert not any(thread.is_alive() for thread in decoder.threads)


def test_what_goes_wrong_comes_after_the_batches_before_it() -> None:
    batches = _ahead(iter(Decoder(3)))

    assert [next(batches)["n"][0].as_py() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(pa.ArrowInvalid, match="broken"):
        next(batches)
