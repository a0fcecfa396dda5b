"""A person's own tables: looked through by several requests at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
