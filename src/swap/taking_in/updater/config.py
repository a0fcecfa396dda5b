"""reportupdater's configuration: what of it is a report that SWAP can take over, and why the rest is not.

Pure: the text of a configuration in, values out.  Nothing in it is repeated that may be long.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final, TypeVar

import yaml

from swap.errors import Invalid, Problem
from swap.reports.tsv import Unit

CONFIG_BYTES: Final = 1_000_000
MOST_REPORTS: Final = 1_000
MOST_VALUES: Final = 5_000
"""Of one placeholder; and of the combinations of all of a report's."""
SHOWN: Final = 60
PLAIN: Final = re.compile(r"[^\W.][^/\\\x00-\x1f\x7f-\x9f]{0,99}")
"""What may be the name of a file or a folder: it cannot lead elsewhere."""
TAKEN: Final = frozenset(
    {
        *("swap", "start", "end", "rows", "statement", "values", "int", "str"),
        *("from_timestamp", "to_timestamp", "from_date", "to_date", "year", "month", "day"),
        *keyword.kwlist,
    }
)
"""Names that mean something else in the notebook that a report becomes."""
_TOP: Final = ("databases", "defaults", "reports", "graphite")
_REPORT: Final = (
    *("type", "granularity", "starts", "lag", "db", "explode_by", "max_data_points", "execute", "group", "graphite"),
    *("frequency", "timeboxed", "funnel"),
)
"""The last three are of earlier versions: the granularity says the first, and the others are so for every report."""
_DATABASE: Final = (
    *("host", "port", "creds_file", "db"),
    *("auto_find_db_shard", "wiki_db_placeholder", "use_x1", "mw_config_path"),
)
_Choice = TypeVar("_Choice", bound=StrEnum)


class Kind(StrEnum):
    """What makes a report's rows."""

    SQL = "sql"
    HIVE = "hive"
    SCRIPT = "script"

    @property
    def ending(self) -> str:
        """What its file's name ends with."""
        return {Kind.SQL: ".sql", Kind.HIVE: ".hql"}.get(self, "")


class Left(Exception):
    """Why something of it is not taken over; the text is the reason, in signs that a terminal only shows."""

    def __str__(self) -> str:
        """Return the reason."""
        return _printable(super().__str__())


@dataclass(frozen=True, slots=True)
class Database:
    """Which database statements without one in their names mean: `name`, or what a placeholder stands for."""

    name: str = ""
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One report of a configuration."""

    key: str
    kind: Kind
    unit: Unit
    starts: date
    lag_seconds: int
    database_key: str
    """What the configuration calls the database; "hive" where it names none."""
    database: Database
    explode: Mapping[str, tuple[str, ...]]
    """Placeholder → its values, by name."""
    most: int | None
    """Of how many periods the file has rows."""
    query: str
    """The path of its query, below the folder."""
    group: str
    sends: bool
    """Whether numbers went to Graphite."""

    @property
    def combinations(self) -> int:
        """How many files it has."""
        count = 1
        for values in self.explode.values():
            count *= len(values)
        return count


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration as it was read."""

    entries: tuple[Entry, ...]
    left: tuple[tuple[str, str], ...]
    """Reports that are not taken over, each with why."""
    notes: tuple[str, ...]


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # it has no types
    """Plain values alone; a key that stands twice is an error, and nothing stands for what is written elsewhere."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return the next value.  Raises YAMLError for a reference: a few of references make a text of any length."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("* is not followed: write out what it stands for")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping.  Raises YAMLError for a key that stands twice, or is none."""
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.YAMLError("<< is not followed: write out what it stands for")
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError("a key is no text")
            if key.value in seen:
                raise yaml.YAMLError(f"{_cut(key.value)} stands there twice")
            seen.add(key.value)
        made: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return made


def read(text: bytes, values_of: Callable[[str], list[str] | None]) -> Config:
    """Read a configuration; `values_of` returns the lines of a file of the folder, or None where there is none.

    Raises Invalid for what is no configuration.
    """
    raw = _loaded(text)
    reports = raw.get("reports")
    if not isinstance(reports, dict) or not reports:
        raise _wrong("it has no reports")
    if len(reports) > MOST_REPORTS:
        raise _wrong(f"it has more than {MOST_REPORTS:,} reports")
    notes = [f"{_cut(name)} was not read: {_near(name, _TOP)}" for name in raw if name not in _TOP]
    databases = raw.get("databases") or {}
    defaults = raw.get("defaults") or {}
    if not isinstance(databases, dict) or not isinstance(defaults, dict):
        raise _wrong("its databases and its defaults must be names with something below them")
    for name, said in databases.items():
        wrong = [key for key in said if key not in _DATABASE] if isinstance(said, dict) else []
        notes += [f"databases.{_cut(name)}.{_cut(key)} was not read: {_near(key, _DATABASE)}" for key in wrong]
    entries: list[Entry] = []
    left: list[tuple[str, str]] = []
    for key, said in reports.items():
        try:
            entries.append(_entry(key, said, defaults, databases, values_of))
        except Left as why:
            left.append((_cut(key), str(why)))
    return Config(tuple(entries), tuple(left), tuple(notes))


def _loaded(text: bytes) -> dict[str, Any]:
    if len(text) > CONFIG_BYTES:
        raise _wrong(f"it has more than {CONFIG_BYTES:,} bytes")
    try:
        raw = yaml.load(text, Loader=_Loader)  # noqa: S506 — it is a SafeLoader
    except RecursionError as error:
        raise _wrong("it is nested too deeply") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        raise _wrong(where + (getattr(error, "problem", None) or _cut(str(error)))) from error
    if not isinstance(raw, dict):
        raise _wrong("it is no YAML with names")
    return raw


def _entry(
    key: Any,
    own: Any,
    defaults: Mapping[str, Any],
    databases: Mapping[str, Any],
    values_of: Callable[[str], list[str] | None],
) -> Entry:
    """Return one report, what is its own before what is for all.  Raises Left."""
    if own is not None and not isinstance(own, dict):
        raise Left("what stands below its name is no list of keys")
    said = {**defaults, **(own or {})}
    if not isinstance(key, str) or not PLAIN.fullmatch(key):
        raise Left("its name cannot be a file's name here")
    if wrong := [name for name in said if name not in _REPORT]:
        raise Left(f"{_cut(wrong[0])} is not known here. {_near(wrong[0], _REPORT)}")
    kind = _chosen(said, "type", Kind, Kind.SQL)
    explode = _explode(said.get("explode_by"), values_of)
    database_key = _text(said, "db", "") if kind is Kind.SQL else "hive"
    entry = Entry(
        key=key,
        kind=kind,
        unit=_chosen(said, "granularity", Unit, None),
        starts=_day(said.get("starts")),
        lag_seconds=_whole(said, "lag", 0, least=0) or 0,
        database_key=database_key,
        database=_database(database_key, databases, explode) if kind is Kind.SQL else Database(),
        explode=explode,
        most=_whole(said, "max_data_points", None, least=1),
        query=_path(_text(said, "execute", key)) + kind.ending,
        group=_text(said, "group", ""),
        sends="graphite" in said,
    )
    if entry.combinations > MOST_VALUES:
        raise Left(f"explode_by makes {entry.combinations:,} files of it; {MOST_VALUES:,} are the most")
    return entry


def _database(key: str, databases: Mapping[str, Any], explode: Mapping[str, object]) -> Database:
    if not key:
        raise Left("it names no db, and the defaults neither")
    said = databases.get(key)
    if not isinstance(said, dict):
        raise Left(f"the database {_cut(key)} is not among the databases. {_near(key, databases)}")
    placeholder = _text(said, "wiki_db_placeholder", "") if said.get("auto_find_db_shard") else ""
    if placeholder and placeholder not in explode:
        raise Left(f"its database is what {_cut(placeholder)} says, and explode_by has no such placeholder")
    return Database("" if placeholder else _text(said, "db", ""), placeholder)


def _explode(said: Any, values_of: Callable[[str], list[str] | None]) -> dict[str, tuple[str, ...]]:
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise Left("explode_by must have placeholders with their values")
    found: dict[str, tuple[str, ...]] = {}
    for name, listed in sorted(said.items(), key=str):
        if not isinstance(name, str) or not name.isascii() or not name.isidentifier() or name in TAKEN:
            raise Left(f"explode_by: {_cut(name)} cannot be a placeholder here")
        values = [value.strip() for value in str(listed).split(",")]
        if len(values) == 1:
            # As reportupdater has it: one value is the name of a file, if there is one of this name.
            values = values_of(values[0]) or values
        values = list(dict.fromkeys(value for value in values if value))
        if not values:
            raise Left(f"explode_by: {name} has no values")
        if len(values) > MOST_VALUES:
            raise Left(f"explode_by: {name} has more than {MOST_VALUES:,} values")
        if wrong := [value for value in values if not PLAIN.fullmatch(value)]:
            raise Left(f"explode_by: {_cut(wrong[0])}, a value of {name}, cannot be a file's name here")
        found[name] = tuple(values)
    return found


def _chosen(said: Mapping[str, Any], key: str, choices: type[_Choice], default: _Choice | None) -> _Choice:
    value = said.get(key, default)
    if value is None:
        raise Left(f"it has no {key}")
    if value not in set(choices):
        raise Left(f"{key} is {_cut(value)}; it can be {', '.join(choices)}")
    return choices(value)


def _day(value: Any) -> date:
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise Left("starts must be a day, as 2026-03-01") from None


def _whole(said: Mapping[str, Any], key: str, default: int | None, *, least: int) -> int | None:
    value = said.get(key, default)
    if value is not default and (type(value) is not int or not least <= value < 10**9):
        raise Left(f"{key} must be a whole number from {least} on")
    return None if value is None else int(value)


def _text(said: Mapping[str, Any], key: str, default: str) -> str:
    value = said.get(key, default)
    if not isinstance(value, str) or len(value) > 200:
        raise Left(f"{key} must be a short text")
    return str(value)


def _path(path: str) -> str:
    if not all(PLAIN.fullmatch(part) for part in path.split("/")):
        raise Left("execute must name a file of the folder")
    return path


def _near(name: Any, known: Iterable[str]) -> str:
    """Name what somebody meant."""
    found = get_close_matches(str(name), [str(each) for each in known], 1)
    return f"Did you mean {found[0]}?" if found else f"Known here: {', '.join(sorted(map(str, known)))}."


def _cut(value: Any) -> str:
    text = _printable(str(value)[: SHOWN + 1])
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "·" for each in text)


def _wrong(why: str) -> Invalid:
    return Invalid(Problem("This is no configuration of reportupdater that SWAP can read.", why=f"config.yaml: {why}."))
