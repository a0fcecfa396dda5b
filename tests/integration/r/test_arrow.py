"""R's reader of Arrow streams against streams that pyarrow wrote: each type, nulls, batches, pieces."""

from __future__ import annotations

import json
import math
import random
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from swap import r

PLAIN = Path(__file__).with_name("plain.R")
RANDOM = random.Random(16)
DAY = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    """What R has after it read a stream."""

    ended: bool
    rows: int
    names: list[str]
    warnings: list[str]
    classes: list[list[str]]
    columns: list[list[Any]]


def read(folder: Path, *tables: pa.Table | bytes, pieces: int = 1 << 20) -> list[Answer]:
    """Let R read streams, each in pieces of so many bytes."""
    words = []
    for number, table in enumerate(tables):
        path = folder / f"{number}.arrows"
        path.write_bytes(table if isinstance(table, bytes) else written(table))
        words += [str(path), str(pieces)]
    command = [str(r.program()), "--no-echo", "--vanilla", f"--file={PLAIN}", "--args", str(r.FILES / "load.R"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [Answer(**answer) for answer in json.loads(done.stdout)]


def written(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches():
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def chunked(array: pa.Array) -> pa.ChunkedArray:
    """Cut an array into several, some of them empty, all with an offset."""
    ends = sorted(RANDOM.choices(range(len(array) + 1), k=3))
    begins = [0, *ends]
    return pa.chunked_array([array[a:b] for a, b in zip(begins, [*ends, len(array)], strict=True)], array.type)


# ── What R is to have ───────────────────────────────────────────────────────────────────────────────
def number(value: Any) -> Any:
    return value if value is None else float(value)


def seconds(value: timedelta | None) -> float | None:
    return None if value is None else value // timedelta(microseconds=1) / 1e6


def moment(value: datetime | None) -> float | None:
    if value is None:
        return None
    return seconds(value.replace(tzinfo=UTC) - EPOCH)


def day(value: date | None) -> float | None:
    return None if value is None else float((value - date(1970, 1, 1)).days)


def of_day(value: time | None) -> float | None:
    return None if value is None else seconds(datetime.combine(EPOCH, value, UTC) - EPOCH)


def same(value: Any) -> Any:
    return value


def ints(bits: int, *, signed: bool = True) -> list[int]:
    """Return whole numbers of a width that R's numbers hold."""
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    low, high = max(low, -(2**53) + 1), min(high, 2**53 - 1)
    return [low, high, 0, 1, *(RANDOM.randint(low, high) for _ in range(30))]


def texts() -> list[str]:
    return ["", "a", "Köln", "日本語", "🎈", "a\nb\t\x1b[2J", '"', *("x" * RANDOM.randint(0, 50) for _ in range(20))]


def decimals(digits: int, scale: int) -> list[Decimal]:
    most = 10**digits - 1
    return [
        Decimal((RANDOM.randint(0, 1), tuple(map(int, str(value))), -scale))
        for value in (0, 1, most, most, *(RANDOM.randint(0, most) for _ in range(20)))
    ]


def dates() -> list[date]:
    return [date(1, 1, 1), date(9999, 12, 31), *(date.fromordinal(RANDOM.randint(1, 3_652_059)) for _ in range(20))]


def moments(years: tuple[int, int] = (1700, 2250)) -> list[datetime]:
    begin, end = (datetime(year, 1, 1, tzinfo=UTC) for year in years)
    size = (end - begin) // timedelta(microseconds=1)
    made = [begin, *(begin + timedelta(microseconds=RANDOM.randrange(size)) for _ in range(20))]
    return [each.replace(tzinfo=None) for each in made]


def floats() -> list[float]:
    return [0.0, -0.0, 0.1, 1e300, -1e-300, math.inf, -math.inf, *(RANDOM.uniform(-1e9, 1e9) for _ in range(20))]


def single(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


EXACT: dict[str, tuple[pa.DataType, Callable[[], list[Any]], Callable[[Any], Any], list[str]]] = {
    "bool": (pa.bool_(), lambda: [RANDOM.random() < 0.5 for _ in range(37)], same, ["logical"]),
    "int8": (pa.int8(), lambda: ints(8), number, ["integer"]),
    "int16": (pa.int16(), lambda: ints(16), number, ["integer"]),
    "int32": (pa.int32(), lambda: [each for each in ints(32) if each != -(2**31)], number, ["integer"]),
    "int32 with its least": (pa.int32(), lambda: ints(32), number, ["numeric"]),
    "int64": (pa.int64(), lambda: ints(64), number, ["numeric"]),
    "uint8": (pa.uint8(), lambda: ints(8, signed=False), number, ["integer"]),
    "uint16": (pa.uint16(), lambda: ints(16, signed=False), number, ["integer"]),
    "uint32": (pa.uint32(), lambda: ints(32, signed=False), number, ["numeric"]),
    "uint64": (pa.uint64(), lambda: ints(64, signed=False), number, ["numeric"]),
    "large int64": (pa.int64(), lambda: [2**63 - 1, -(2**63) + 1, 2**53, 2**53 + 1, 0, -1], str, ["integer64"]),
    "large uint64": (pa.uint64(), lambda: [2**63 - 1, 2**53 + 1, 0], str, ["integer64"]),
    "float16": (pa.float16(), lambda: [0.0, -2.5, 65504.0, 6e-08, math.inf, -math.inf], None, ["numeric"]),
    "float32": (pa.float32(), lambda: [single(each) for each in floats() if abs(each) < 1e38], number, ["numeric"]),
    "float64": (pa.float64(), floats, number, ["numeric"]),
    "text": (pa.string(), texts, same, ["character"]),
    "large text": (pa.large_string(), texts, same, ["character"]),
    "binary": (pa.binary(), lambda: [b"", b"\x00\xff", b"\xab\xfc\xfd"], bytes.hex, ["list"]),
    "large binary": (pa.large_binary(), lambda: [b"", b"\x00\xff", b"\xab\xfc\xfd"], bytes.hex, ["list"]),
    "fixed binary": (pa.binary(3), lambda: [b"\x00\xff\x01", b"\xab\xfc\xfd"], bytes.hex, ["list"]),
    "decimal32": (pa.decimal32(9, 2), lambda: decimals(9, 2), number, ["numeric"]),
    "decimal64": (pa.decimal64(15, 3), lambda: decimals(15, 3), number, ["numeric"]),
    "decimal of 15 digits": (pa.decimal128(15, 4), lambda: decimals(15, 4), number, ["numeric"]),
    "whole decimal": (pa.decimal128(38, 0), lambda: decimals(15, 0), number, ["numeric"]),
    "decimal of 38 digits": (pa.decimal128(38, 10), lambda: decimals(38, 10), lambda v: f"{v:f}", ["character"]),
    "whole decimal of 38 digits": (pa.decimal128(38, 0), lambda: decimals(38, 0), lambda v: f"{v:f}", ["character"]),
    "decimal of 76 digits": (pa.decimal256(76, 30), lambda: decimals(76, 30), lambda v: f"{v:f}", ["character"]),
    "decimal below one": (pa.decimal128(38, 38), lambda: decimals(38, 38), lambda v: f"{v:f}", ["character"]),
    "date": (pa.date32(), dates, day, ["Date"]),
    "date64": (pa.date64(), dates, day, ["Date"]),
    "timestamp": (pa.timestamp("us"), moments, moment, ["POSIXct", "POSIXt"]),
    "timestamptz": (
        pa.timestamp("us", "UTC"),
        lambda: [each.replace(tzinfo=UTC) for each in moments()],
        moment,
        ["POSIXct", "POSIXt"],
    ),
    "timestamp of seconds": (
        pa.timestamp("s"),
        lambda: [each.replace(microsecond=0) for each in moments((1, 9999))],
        moment,
        ["POSIXct", "POSIXt"],
    ),
    "time": (
        pa.time64("us"),
        lambda: [time(0), time(23, 59, 59, 999_999), time(7, 5, 3, 250)],
        of_day,
        ["hms", "difftime"],
    ),
    "time of seconds": (pa.time32("s"), lambda: [time(0), time(23, 59, 59)], of_day, ["hms", "difftime"]),
    "duration": (
        pa.duration("us"),
        lambda: [timedelta(0), timedelta(days=-3, microseconds=5), timedelta(days=1000)],
        seconds,
        ["difftime"],
    ),
    "list": (pa.list_(pa.string()), lambda: [[], ["a"], ["a", None, "ö"], [""]], None, ["list"]),
    "list of lists": (pa.list_(pa.list_(pa.int64())), lambda: [[], [[]], [[1, 2], None, [3]]], None, ["list"]),
    "large list": (pa.large_list(pa.int32()), lambda: [[], [1, 2], [3, 4, 5]], None, ["list"]),
    "fixed list": (pa.list_(pa.int32(), 2), lambda: [[1, 2], [3, None]], None, ["list"]),
    "list of structs": (
        pa.list_(pa.struct([("a", pa.int32()), ("b", pa.string())])),
        lambda: [[], [{"a": 1, "b": "x"}], [{"a": None, "b": "y"}, {"a": 3, "b": None}]],
        None,
        ["list"],
    ),
    "map": (pa.map_(pa.string(), pa.int64()), lambda: [[], [("a", 1)], [("b", 2), ("c", None)]], None, ["list"]),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), lambda: ["a", "b", "a", "c"], same, ["character"]),
}


def nested(value: Any) -> Any:
    """Return a nested value as plain.R writes it: R has no scalars, so one value and a list of one are the same."""
    if value is None:
        return None
    if isinstance(value, dict):
        return {key: nested(item) for key, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, tuple) for item in value):
        return [{"key": key, "value": nested(item)} for key, item in value]
    if isinstance(value, list):
        items = [nested(item) for item in value]
        return items[0] if len(items) == 1 and not isinstance(items[0], (dict, list)) else items
    return float(value) if isinstance(value, (int, float)) else value


def numbers(value: Any) -> Any:
    """Return what plain.R wrote with numbers as numbers, where they are meant."""
    if isinstance(value, dict):
        return {key: numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [numbers(item) for item in value]
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def wanted(array: pa.ChunkedArray, way: Callable[[Any], Any] | None) -> list[Any]:
    values = array.to_pylist()
    return [None if value is None else nested(value) if way is None else way(value) for value in values]


def numeric(answer: Answer, place: int) -> bool:
    return not {"character", "integer64", "logical"} & set(answer.classes[place])


def values_of(answer: Answer, place: int) -> list[Any]:
    column = answer.columns[place]
    return numbers(column) if numeric(answer, place) else column


def with_nulls(values: list[Any]) -> list[Any]:
    return [value if RANDOM.random() < 0.7 else None for value in values for _ in range(2)] + [None]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[pa.Table, Answer]]:
    """Each type without nulls, with them, and with nothing else, whole and in pieces, all read at once."""
    tables = {}
    for name, (type_, make, _, _) in EXACT.items():
        values = make()
        columns = {
            "all": pa.array(values, type_),
            "some": pa.array(with_nulls(values), type_),
        }
        for kind, array in columns.items():
            tables[f"{name}/{kind}"] = pa.table({"x": chunked(array)})
        tables[f"{name}/none"] = pa.table({"x": pa.array([], type_)})
        tables[f"{name}/nulls"] = pa.table({"x": pa.array([None, None, None], type_)})
    folder = tmp_path_factory.mktemp("streams")
    return dict(zip(tables, zip(tables.values(), read(folder, *tables.values(), pieces=997), strict=True), strict=True))


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("kind", ["all", "some"])
def test_no_value_changes(answers: dict[str, tuple[pa.Table, Answer]], name: str, kind: str) -> None:
    table, answer = answers[f"{name}/{kind}"]
    _, _, way, classes = EXACT[name]

    assert answer.ended
    assert answer.rows == table.num_rows
    assert answer.classes == [classes]
    assert answer.warnings == []
    assert values_of(answer, 0) == wanted(table["x"], way)


@pytest.mark.parametrize("name", EXACT)
def test_a_column_without_rows_or_values_is_one_too(answers: dict[str, tuple[pa.Table, Answer]], name: str) -> None:
    assert answers[f"{name}/none"][1].columns == [[]]
    assert answers[f"{name}/nulls"][1].columns == [[None, None, None]]


def test_structs_are_data_frames_with_columns_of_their_own(tmp_path: Path) -> None:
    type_ = pa.struct([("ip", pa.string()), ("at", pa.struct([("n", pa.int64())]))])
    rows = [{"ip": "10.0.0.1", "at": {"n": 1}}, {"ip": None, "at": {"n": None}}, {"ip": "x", "at": {"n": 3}}]
    (answer,) = read(tmp_path, pa.table({"event": chunked(pa.array(rows, type_))}))

    assert answer.classes == [["data.frame"]]
    assert [row["ip"] for row in answer.columns[0]] == ["10.0.0.1", None, "x"]
    assert [numbers(row["at"][0]["n"]) for row in answer.columns[0]] == [1, None, 3]


def test_intervals_are_seconds_or_text_when_one_has_months(tmp_path: Path) -> None:
    spans = [pa.MonthDayNano((0, 2, 3_500_000_000)), None, pa.MonthDayNano((0, -1, 0))]
    months = [*spans, pa.MonthDayNano((14, -3, 2_500_000_000)), pa.MonthDayNano((-1, 0, 0)), pa.MonthDayNano((0, 0, 0))]
    tables = [pa.table({"x": pa.array(each, pa.month_day_nano_interval())}) for each in (spans, months)]
    plain, texts = read(tmp_path, *tables)

    assert plain.classes == [["difftime"]]
    assert numbers(plain.columns[0]) == [2 * DAY + 3.5, None, -DAY]
    assert texts.columns[0] == [
        "2 days 00:00:03.5",
        None,
        "-1 day",
        "1 year 2 months -3 days 00:00:02.5",
        "-1 month",
        "00:00:00",
    ]


def test_infinite_moments_are_infinite(tmp_path: Path) -> None:
    table = pa.table(
        {
            "d": pa.array([2**31 - 1, -(2**31) + 1, 0], pa.int32()).cast(pa.date32()),
            "t": pa.array([2**63 - 1, -(2**63) + 1, 0], pa.int64()).cast(pa.timestamp("us")),
        }
    )
    (answer,) = read(tmp_path, table)
    assert [numbers(column) for column in answer.columns] == [[math.inf, -math.inf, 0]] * 2


def test_whole_numbers_that_nothing_in_r_holds_are_said(tmp_path: Path) -> None:
    table = pa.table({"n": pa.array([2**64 - 1, 1], pa.uint64()), "m": pa.array([-(2**63), 2**53 + 1], pa.int64())})
    (answer,) = read(tmp_path, table)
    assert answer.classes == [["numeric"], ["numeric"]]
    assert [warning.split()[2] for warning in answer.warnings] == ["n", "m"]


def test_nulls_and_nan_are_told_apart(tmp_path: Path) -> None:
    (answer,) = read(tmp_path, pa.table({"x": pa.array([math.nan, None, 1.5], pa.float64())}))
    assert answer.columns == [["NaN", None, "1.5"]]


def test_two_columns_may_have_one_name(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array(["a"])], names=["x y", "x y"])
    (answer,) = read(tmp_path, table)
    assert answer.names == ["x y", "x y"]
    assert answer.columns == [["1"], ["a"]]


@pytest.mark.parametrize("pieces", [1, 7, 64, 1 << 20])
def test_pieces_may_end_anywhere(tmp_path: Path, pieces: int) -> None:
    table = pa.table({"n": chunked(pa.array(range(500))), "t": chunked(pa.array(texts() * 20)[:500])})
    assert table.num_rows == 500
    (answer,) = read(tmp_path, table, pieces=pieces)
    assert numbers(answer.columns[0]) == list(range(500))
    assert answer.columns[1] == table["t"].to_pylist()


def test_a_dictionary_may_be_replaced_between_batches(tmp_path: Path) -> None:
    sink = pa.BufferOutputStream()
    parts = [pa.array(part).dictionary_encode() for part in (["a", "b"], ["c", "a", None])]
    with pa.ipc.new_stream(sink, pa.schema([("x", parts[0].type)])) as writer:
        for part in parts:
            writer.write_batch(pa.RecordBatch.from_arrays([part], ["x"]))
    (answer,) = read(tmp_path, sink.getvalue().to_pybytes())
    assert answer.columns == [["a", "b", "c", "a", None]]


def test_a_dictionary_may_grow(tmp_path: Path) -> None:
    sink = pa.BufferOutputStream()
    whole = pa.array(["a", "b", "c"])
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with pa.ipc.new_stream(sink, pa.schema([("x", pa.dictionary(pa.int32(), pa.string()))]), options=options) as writer:
        for known in (2, 3):
            part = pa.DictionaryArray.from_arrays(pa.array(range(known), pa.int32()), whole[:known])
            writer.write_batch(pa.RecordBatch.from_arrays([part], ["x"]))
    (answer,) = read(tmp_path, sink.getvalue().to_pybytes())
    assert answer.columns == [["a", "b", "a", "b", "c"]]


def test_a_stream_that_breaks_off_gives_its_whole_batches(tmp_path: Path) -> None:
    stream = written(pa.table({"n": pa.chunked_array([list(range(100)), list(range(100, 200))])}))
    (answer,) = read(tmp_path, stream[: len(stream) - 50])
    assert not answer.ended
    assert numbers(answer.columns[0]) == list(range(100))
