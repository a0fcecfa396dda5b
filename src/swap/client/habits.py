"""What people try on a result because pandas, polars or a database's cursor has it.

Each habit has the answer that is expected there, or says what to write.  A result itself never changes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from inspect import isfunction
from typing import TYPE_CHECKING, Any, Protocol

from swap.errors import Invalid, Problem

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from swap.client.stream import Stream

_SAME = {
    "df": "to_pandas",
    "to_df": "to_pandas",
    "toPandas": "to_pandas",
    "fetchdf": "to_pandas",
    "fetch_df": "to_pandas",
    "pl": "to_polars",
    "arrow": "to_arrow",
    "fetch_arrow_table": "to_arrow",
}
"""Other libraries' names for what a result can do."""
_CHANGES = frozenset({"at", "attrs", "iat", "iloc", "insert", "isetitem", "loc", "pop", "set_flags", "update"})
"""What is there to change a DataFrame, and would be lost on one that nobody keeps."""
_INSTEAD = {
    "collect": "list(result) for rows, or result.to_polars()",
    "fetchall": "list(result)",
    "fetchone": "next(iter(result))",
    "fetchmany": "result.head(…)",
    "limit": "LIMIT in the statement, or result.head(…)",
    "select": "result[[…]], with names of columns",
    "with_columns": "result.to_polars().with_columns(…)",
}


class NoAttribute(Invalid, AttributeError):
    """A result has nothing of this name.

    An AttributeError too, for code that looks whether there is one.
    """


class Column(str):
    """A column's name, with its SQL type."""

    __slots__ = ("type",)

    type: str
    """The SQL type."""

    def __new__(cls, name: str, type: str) -> Column:  # noqa: A002, PYI034 — as its attribute; there is no class below it
        """Return a name that knows its type."""
        made = super().__new__(cls, name)
        made.type = type
        return made

    @property
    def name(self) -> str:
        """The name alone."""
        return str(self)

    def __repr__(self) -> str:
        return f"{str(self)!r} {self.type}"

    def __reduce__(self) -> tuple[Any, ...]:
        return Column, (str(self), self.type)


class Rows(Protocol):
    """What the habits rest on."""

    columns: tuple[Column, ...]

    def __len__(self) -> int: ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as they come."""

    def _stream(self) -> Stream: ...

    def to_arrow(self) -> pa.Table:
        """Return all rows."""

    def to_pandas(self) -> pd.DataFrame:
        """Return all rows as analysts work with them."""


class Habits:
    """A result as something like a DataFrame, which is only read."""

    def __arrow_c_stream__(self: Rows, requested_schema: object = None) -> object:
        """Hand the rows to any library that reads Arrow: polars, DuckDB, Altair, pyarrow and others."""
        from swap.client import frames  # noqa: PLC0415 — pyarrow is loaded when rows are asked for

        return frames.portable(self.to_arrow()).__arrow_c_stream__(requested_schema)

    def __narwhals_dataframe__(self: Rows) -> Any:
        """Hand the rows to the libraries that read frames through Narwhals: Altair, plotly."""
        import narwhals as nw  # noqa: PLC0415 — who asks has imported it

        return nw.from_native(self.to_pandas())._compliant_frame  # noqa: SLF001 — Narwhals asks for its own inside

    @property
    def shape(self: Rows) -> tuple[int, int]:
        """How many rows and columns there are; waits for the end."""
        return len(self), len(self.columns)

    def head(self: Rows, n: int = 5) -> pd.DataFrame:
        """Return the first rows as a pandas DataFrame; the others stay where they are."""
        from swap.client import frames  # noqa: PLC0415 — as above

        if not isinstance(n, int) or n < 0:
            raise Invalid(Problem(f"head({n!r}) is no number of rows.", todo="Write result.head(10)."))
        return frames.to_pandas(self._stream().first(n))

    def __iter__(self: Rows) -> Iterator[tuple[Any, ...]]:
        """Yield the rows as named tuples of Python's values."""
        if str(sys._getframe(1).f_globals.get("__name__")).startswith("pandas."):  # noqa: SLF001
            # pandas would take the rows, and guess types anew: a large whole number beside a null comes out as another.
            raise Invalid(Problem("pandas does not read a result by itself.", todo="Write result.to_pandas()."))
        from swap.client import frames  # noqa: PLC0415 — as above

        return frames.rows(self.batches())

    def __contains__(self: Rows, name: object) -> bool:
        return name in self.columns

    def __getitem__(self: Rows, key: Any) -> Any:
        """Return a column as a Series; several, some rows or those of a mask as a DataFrame, as pandas does."""
        names = [key] if isinstance(key, str) else key if isinstance(key, list) else []
        missing = [each for each in names if isinstance(each, str) and each not in self.columns]
        if missing:
            raise NoAttribute(_no_column(missing[0], self.columns))
        if isinstance(key, int):
            raise NoAttribute(
                Problem(
                    f"A result has no column {key}.",
                    todo=f"For a row write result.to_pandas().iloc[{key}], for a column result[{_example(self)}].",
                )
            )
        return self.to_pandas()[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        raise _fixed(f"df[{key!r}] = …")

    def __delitem__(self, key: Any) -> None:
        raise _fixed(f"del df[{key!r}]")

    def __getattr__(self, name: str) -> Any:
        """Return what pandas has by that name, or a column.  Raises NoAttribute saying what to write."""
        if name.startswith("_"):
            raise AttributeError(name)
        if name in _SAME:
            return getattr(self, _SAME[name])
        if name in _CHANGES:
            raise NoAttribute(_of_a_frame(name))
        import pandas as pd  # noqa: PLC0415 — when it is wanted

        there = getattr(pd.DataFrame, name, None)
        if isfunction(there):
            return _later(self, name, there)
        if there is not None:
            return getattr(self.to_pandas(), name)
        if name in self.columns:
            return self[name]
        raise NoAttribute(
            Problem(
                f"A result has no {name}.",
                todo=f"Write {_INSTEAD[name]}."
                if name in _INSTEAD
                else f"Its columns are {listed(self.columns)}. For a DataFrame write result.to_pandas() or"
                " result.to_polars().",
            )
        )


def _later(result: Any, name: str, there: Callable[..., Any]) -> Callable[..., Any]:
    """Return a DataFrame's method that fetches the rows when it is called, not when somebody looks for it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("inplace"):
            raise _fixed(f"df.{name}(…, inplace=True)")
        return getattr(result.to_pandas(), name)(*args, **kwargs)

    call.__name__, call.__doc__ = name, there.__doc__
    return call


def _of_a_frame(name: str) -> Problem:
    return Problem(
        f"A result has no {name}: it is not a DataFrame, and does not change.",
        todo=f"Write df = result.to_pandas(), and then df.{name}.",
    )


def _fixed(write: str) -> Invalid:
    return Invalid(Problem("A result does not change.", todo=f"Write df = result.to_pandas(), and then {write}."))


def _no_column(name: str, columns: tuple[Column, ...]) -> Problem:
    return Problem(f"There is no column {name} in this result.", todo=f"Its columns are {listed(columns)}.")


def _example(result: Rows) -> str:
    return repr(str(result.columns[0]))


def listed(columns: tuple[Column, ...]) -> str:
    """Return the names of columns, as a sentence has them."""
    return ", ".join([*columns[:20], *(["…"] if len(columns) > 20 else [])])
