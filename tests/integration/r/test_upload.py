"""Data frames as R writes them, read by pyarrow."""

from __future__ import annotations

import subprocess
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa

from swap import r

KINDS = """data.frame(
  l = c(TRUE, NA, FALSE), i = c(1L, NA, -2147483647L), d = c(0.1, NA, NaN), t = c("Köln", NA, ""),
  f = factor(c("b", NA, "a")), n = bit64::as.integer64(c("9007199254740993", NA, "-1")),
  day = as.Date(c("1969-12-31", NA, "2026-11-22")),
  at = as.POSIXct(c("1969-12-31 23:59:59.25", NA, "2026-11-22 10:00:00.000001"), tz = "UTC")
)"""


def written(folder: Path, frame: str) -> pa.Table:
    """Return what pyarrow reads of a data frame that R wrote."""
    sink = folder / "frame.arrows"
    code = f"source('{r.FILES}/load.R', chdir = TRUE); writeBin(environment(swap_sql)$arrow_stream('mine', {frame}), '{sink}')"
    done = subprocess.run(
        [str(r.program()), "--no-echo", "--vanilla", "-e", code],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with pa.ipc.open_stream(sink) as reader:
        table = reader.read_all()
    table.validate(full=True)
    return table


def test_each_kind_of_column_keeps_its_values(tmp_path: Path) -> None:
    table = written(tmp_path, KINDS)

    assert table.schema == pa.schema(
        [
            ("l", pa.bool_()),
            ("i", pa.int32()),
            ("d", pa.float64()),
            ("t", pa.string()),
            ("f", pa.string()),
            ("n", pa.int64()),
            ("day", pa.date32()),
            ("at", pa.timestamp("us")),
        ]
    )
    columns = table.to_pydict()
    assert str(columns.pop("d")) == "[0.1, None, nan]"
    assert columns == {
        "l": [True, None, False],
        "i": [1, None, -2147483647],
        "t": ["Köln", None, ""],
        "f": ["b", None, "a"],
        "n": [9007199254740993, None, -1],
        "day": [date(1969, 12, 31), None, date(2026, 11, 22)],
        "at": [datetime(1969, 12, 31, 23, 59, 59, 250_000), None, datetime(2026, 11, 22, 10, 0, 0, 1)],  # noqa: DTZ001
    }


def test_a_frame_without_rows_is_a_table_too(tmp_path: Path) -> None:
    table = written(tmp_path, f"({KINDS})[0, ]")
    assert (table.num_rows, table.num_columns) == (0, 8)


def test_a_large_frame_goes_in_batches(tmp_path: Path) -> None:
    table = written(tmp_path, "data.frame(n = 1:250000, t = sprintf('row %d', 1:250000))")
    assert [len(chunk) for chunk in table["n"].chunks] == [100_000, 100_000, 50_000]
    assert table["n"].to_pylist() == list(range(1, 250_001))
    assert table["t"][123_456].as_py() == "row 123457"
