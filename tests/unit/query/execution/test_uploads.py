"""A person's own tables: looked through by several requests at a time."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from swap.errors import LimitExceeded, QueryCancelled
from swap.identity import Principal, Via
from swap.query.execution import uploads as module
from swap.query.execution.pool import Pool
from swap.query.execution.uploads import Uploads
from swap.query.results.spool import Spool
from swap.settings import Limits


def test_what_one_request_forgets_trips_no_other(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", Limits())
    uploads = Uploads(spool, Pool(Limits(), tmp_path / "spill"), Limits(), lambda: datetime.now(UTC), lambda: "1")
    for number in range(2000):
        (spool.directory / f"u{number}.owner").write_text('{"person_id": "paaaaaaaaa"}', encoding="ascii")

    with ThreadPoolExecutor(8) as pool:
        ended = [pool.submit(uploads.expire, datetime.now(UTC) + timedelta(days=1)) for _ in range(8)]

    assert [each.exception() for each in ended] == [None] * 8
    assert list(spool.directory.iterdir()) == []


ANN = Principal("paaaaaaaaa", "ann", frozenset(), Via.KERNEL)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Uploads]:
    """Uploads of a gateway whose memory is all in use."""
    pool = Pool(Limits(combiners_bytes=1), tmp_path / "spill")
    pool.memory.take("pbbbbbbbbb", lambda: False, lambda _: None)
    yield Uploads(Spool(tmp_path / "spool", Limits()), pool, Limits(), lambda: datetime.now(UTC), lambda: "1")
    assert list((tmp_path / "spool").iterdir()) == []
    pool.memory.give_back("pbbbbbbbbb")
    pool.memory.take("pbbbbbbbbb", lambda: False, lambda _: None)  # who gave up is not before others in the line


def test_an_upload_that_finds_no_memory_in_time_says_which_limit_it_met(
    full: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.01)

    with pytest.raises(LimitExceeded, match=r"limits\.combiners_bytes"):
        full.add(ANN, io.BytesIO(), threading.Event())


def test_an_upload_whose_sender_has_gone_gives_up(full: Uploads) -> None:
    gone = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(full.add, ANN, io.BytesIO(), gone)
        full.wake(gone)

        assert isinstance(adding.exception(20), QueryCancelled)
