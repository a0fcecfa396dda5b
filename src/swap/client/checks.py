"""What a notebook expects of a number or a table, and what was found.  Nothing here shows or sends anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import inf, isfinite
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

from swap.errors import Invalid, Problem

if TYPE_CHECKING:
    import pyarrow as pa

NAME_LENGTH = 200
PERIODS = 6
"""Earlier periods that a value is compared with, unless others are wanted."""
MOST_PERIODS = 24
NEEDED = 3
"""Earlier periods without which nothing is compared."""
Range = tuple[Any, Any]
"""The least and the most; None is without an end."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be expected; what is None is not."""

    rows: int | Range | None = None
    not_null: str | Iterable[str] | None = None
    unique: str | Iterable[str] | None = None
    ranges: Mapping[str, Range] | None = None
    between: Range | None = None
    within: float | None = None
    periods: int = PERIODS


@dataclass(frozen=True, slots=True)
class Outcome:
    """One expectation: its name, what was expected and found, and whether that holds.

    `value` is what SWAP compares with earlier periods: within so much of the median of the last `periods`.
    """

    name: str
    holds: bool
    expected: str
    found: str
    value: float | None = None
    within: float | None = None
    periods: int = PERIODS


class _Part(NamedTuple):
    expected: str
    found: str
    holds: bool


def outcome(name: str, subject: Any, rules: Rules) -> Outcome:
    """Return whether something is as it is expected to be.  Raises Invalid for what cannot be expected of it."""
    from swap.client import own_tables  # noqa: PLC0415 — pyarrow is loaded when something is expected

    if not isinstance(name, str) or not name.strip() or len(name) > NAME_LENGTH:
        raise _wrong("An expectation has a name, of at most 200 characters.")
    _demand_periods(rules)
    if own_tables.is_table(subject):
        return _of_table(name, own_tables.whole(name, subject), rules)
    subject = subject.as_py() if hasattr(subject, "as_py") else subject
    if _is_bool(subject):
        return _of_bool(name, bool(subject), rules)
    if subject is None or type(subject).__name__ == "NAType":  # as pandas says it
        return _of_number(name, None, rules)
    if isinstance(subject, (Real, Decimal)):
        return _of_number(name, _float(subject), rules)
    raise _wrong(f"A {type(subject).__name__} is no condition, number or table.")


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def _of_bool(name: str, holds: bool, rules: Rules) -> Outcome:
    if rules != Rules(periods=rules.periods):
        raise _wrong("A condition is true or false; nothing else can be expected of it.")
    return Outcome(name, holds, "true", str(holds).lower())


def _of_number(name: str, value: float | None, rules: Rules) -> Outcome:
    if any(each is not None for each in (rules.rows, rules.not_null, rules.unique, rules.ranges)):
        raise _wrong("rows, not_null, unique and ranges are about a table, and this is a number.")
    if rules.between is None and rules.within is None:
        raise _wrong("Of a number between or within says what is expected.")
    is_number = value is not None and isfinite(value)
    found = number(value) if value is not None else "nothing"
    holds, expected = is_number, ""
    if rules.between is not None:
        least, most = _range("between", rules.between)
        expected = spoken(least, most)
        holds = is_number and _inside(value, least, most)
    return Outcome(name, holds, expected, found, value if is_number else None, rules.within, rules.periods)


def _of_table(name: str, table: pa.Table, rules: Rules) -> Outcome:
    if rules.between is not None:
        raise _wrong("between is about a number, and this is a table.", "Write ranges={column: (least, most)}.")
    parts = list(_parts(table, rules))
    if not parts and rules.within is None and (conditions := _conditions(table)) is not None:
        parts = [conditions]
    if not parts:
        parts = [_rows(table, (1, None))] if rules.within is None else [_Part("", _counted(table.num_rows), True)]
    value = float(table.num_rows) if rules.within is not None else None
    if value is not None and rules.rows is None and parts[0].expected:
        parts.append(_Part("", _counted(table.num_rows), True))
    return Outcome(
        name,
        all(part.holds for part in parts),
        "; ".join(part.expected for part in parts if part.expected),
        "; ".join(part.found for part in parts),
        value,
        rules.within,
        rules.periods,
    )


def _parts(table: pa.Table, rules: Rules) -> Iterator[_Part]:
    if rules.rows is not None:
        yield _rows(table, rules.rows)
    if rules.not_null is not None:
        yield _not_null(table, _columns(table, rules.not_null))
    if rules.unique is not None:
        yield _unique(table, _columns(table, rules.unique))
    for column, said in (rules.ranges or {}).items():
        yield _in_range(table, _columns(table, column)[0], *_range("ranges", said))


def _rows(table: pa.Table, wanted: int | Range) -> _Part:
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        return _Part(_counted(wanted), _counted(table.num_rows), table.num_rows == wanted)
    least, most = _range("rows", wanted)
    return _Part(f"{spoken(least, most)} rows", _counted(table.num_rows), _inside(table.num_rows, least, most))


def _conditions(table: pa.Table) -> _Part | None:
    """Return whether all hold, of a table that is one column of conditions, as `df["views"] > 0` is."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if table.num_columns != 1 or not pa.types.is_boolean(table.schema.types[0]):
        return None
    less = table.num_rows - (pc.sum(table.column(0)).as_py() or 0)
    return _Part(
        "true in each row", f"not true in {_counted(less)}" if less else f"true in {_counted(table.num_rows)}", not less
    )


def _not_null(table: pa.Table, columns: list[str]) -> _Part:
    import pyarrow.compute as pc  # noqa: PLC0415

    nulls = {name: pc.sum(pc.is_null(table[name], nan_is_null=True)).as_py() or 0 for name in columns}
    found = ", ".join(f"{count:,} in {name}" for name, count in nulls.items() if count)
    return _Part(f"no null in {', '.join(columns)}", f"nulls: {found}" if found else "no null", not found)


def _unique(table: pa.Table, columns: list[str]) -> _Part:
    import pyarrow as pa  # noqa: PLC0415

    try:
        more = table.num_rows - table.select(columns).group_by(columns).aggregate([]).num_rows
    except pa.ArrowException as error:
        raise _wrong(f"{', '.join(columns)} cannot be compared row by row.") from error
    expected = f"each row has its own {', '.join(columns)}"
    return _Part(expected, f"{_counted(more)} too many" if more else "each has its own", not more)


def _in_range(table: pa.Table, column: str, least: Any, most: Any) -> _Part:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    values = table[column]
    try:
        outside = sum(
            pc.sum(compare(values, pa.scalar(end))).as_py() or 0
            for compare, end in ((pc.less, least), (pc.greater, most))
            if end is not None
        )
        ends = pc.min_max(values).as_py()
    except (pa.ArrowException, TypeError) as error:
        raise _wrong(f"{column} cannot be compared with {spoken(least, most)}.") from error
    found = "no value" if ends["min"] is None else f"{column} from {number(ends['min'])} to {number(ends['max'])}"
    found += f", {_counted(outside)} outside" if outside else ""
    return _Part(f"{column} {spoken(least, most)}", found, not outside)


def _columns(table: pa.Table, named: str | Iterable[str]) -> list[str]:
    columns = [named] if isinstance(named, str) else list(named)
    missing = [name for name in columns if name not in table.column_names]
    if missing or not columns:
        there = ", ".join(table.column_names[:20])
        raise _wrong(f"The table has no column {missing[0]}." if missing else "No column is named.", f"It has {there}.")
    return columns


def _range(what: str, said: Any) -> Range:
    if not isinstance(said, (tuple, list)) or len(said) != 2 or said[0] is said[1] is None:
        raise _wrong(
            f"{what} takes the least and the most.", f"Write {what}=(1, 100), with None for an end that is open."
        )
    return said[0], said[1]


def _inside(value: Any, least: Any, most: Any) -> bool:
    try:
        return bool((least is None or value >= least) and (most is None or value <= most))
    except TypeError as error:
        raise _wrong(f"{number(value)} cannot be compared with {spoken(least, most)}.") from error


def _demand_periods(rules: Rules) -> None:
    within, periods = rules.within, rules.periods
    if within is not None and (not _is_number(within) or not 0 < within < 1_000):
        raise _wrong("within is a part: 0.3 is within 30 %.", "Write within=0.3.")
    if isinstance(periods, bool) or not isinstance(periods, int) or not 1 <= periods <= MOST_PERIODS:
        raise _wrong(f"periods is a number from 1 to {MOST_PERIODS}.")


def spoken(least: Any, most: Any) -> str:
    """Return a range in words.

    >>> spoken(1, 2_500), spoken(None, 0.5), spoken(10, None)
    ('from 1 to 2,500', '0.5 or less', '10 or more')
    """
    if most is None:
        return f"{number(least)} or more"
    return f"{number(most)} or less" if least is None else f"from {number(least)} to {number(most)}"


def number(value: Any) -> str:
    """Return a number as it is read, and anything else as text.

    >>> number(1234567), number(1234567.8), number(0.25), number(float("nan"))
    ('1,234,567', '1,234,568', '0.25', 'nan')
    """
    if isinstance(value, bool) or not isinstance(value, (Real, Decimal)):
        return str(value)[:100]
    as_float = float(value)
    whole = isfinite(as_float) and (abs(as_float) >= 1_000 or as_float == int(as_float))
    return f"{as_float:,.0f}" if whole else f"{as_float:.6g}"


def of_median(within: float, periods: int) -> str:
    """Return a comparison with earlier periods in words.

    >>> of_median(0.3, 6)
    'within 30 % of the median of the last 6 periods'
    """
    last = "the last period" if periods == 1 else f"the last {periods} periods"
    return f"within {100 * within:.6g} % of the median of {last}"


def _counted(rows: int) -> str:
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not _is_bool(value)


def _is_bool(value: Any) -> bool:
    of_numpy = type(value).__module__ == "numpy" and type(value).__name__ in {"bool", "bool_"}
    return isinstance(value, bool) or of_numpy


def _wrong(title: str, todo: str = 'Write swap.expect("rows", df, rows=(1, None)), for example.') -> Invalid:
    return Invalid(Problem(title, todo=todo))
