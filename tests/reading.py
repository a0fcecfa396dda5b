"""What a reader sends, as a combiner would receive it: through a pipe, while it is sent."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

import pyarrow as pa

from swap.connectors.base import Reader, Sent


def batches(reader: Reader) -> Iterator[pa.RecordBatch]:
    """Yield a read's rows as they come; leaving early ends it.  Raises what `send` raises."""
    ours, theirs = os.pipe()
    sender = _Sender(reader, theirs)
    received = 0
    try:
        with os.fdopen(ours, "rb") as pipe, contextlib.suppress(pa.ArrowInvalid):
            for batch in pa.ipc.open_stream(pipe):
                received += batch.num_rows
                yield batch
    except GeneratorExit:
        reader.cancel()
        sender.join()
        raise
    sender.join()
    if sender.error is not None:
        raise sender.error
    assert sender.rows == received == sender.told.rows, "what is told of the rows is what came"


class _Sender(threading.Thread):
    def __init__(self, reader: Reader, sink: int) -> None:
        super().__init__(daemon=True)
        self._reader, self._sink = reader, sink
        self.told = Sent(0, 0)
        self.rows: int | None = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.rows = self._reader.send(self._sink, self._hear)
        except BaseException as error:  # noqa: BLE001 — raised where the rows are asked for
            self.error = error
        finally:
            os.close(self._sink)

    def _hear(self, told: Sent) -> None:
        assert told.rows >= self.told.rows
        assert told.at > self.told.at or told.rows == self.told.rows
        self.told = told
