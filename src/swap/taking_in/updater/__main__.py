"""The work of `swap reports import`: swap.taking_in.updater <swap.toml> <folder> <person> <into> [<key>=<source> …].

What it makes is there whole or not at all: a notebook with its file, a report that is paused until its person lets it
run, and which data files that keeps.  What is there already is left alone, so that it can be run again.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import stat
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from swap import content, runtime, terminal
from swap import settings as settings_module
from swap.db import engine
from swap.errors import Invalid, Problem, SwapError, Unavailable
from swap.gateway.notebooks import received
from swap.homes import OPEN_DIRECTORY
from swap.lab.sending import Save, written
from swap.notebooks import store as notebooks
from swap.notebooks import taken_in
from swap.notebooks.taken_in import Old
from swap.reports import store, taken_over
from swap.reports.files import Binding, Files
from swap.reports.model import Report, State
from swap.reports.schedule import Schedule
from swap.runtime import Runtime
from swap.settings import Settings
from swap.settings.sources import HiveSource, MysqlSource, Source
from swap.taking_in import into as homes
from swap.taking_in.updater import config, notebook, tables, template, times
from swap.taking_in.updater.config import PLAIN, Entry, Kind, Left

CONFIG: Final = "config.yaml"
HOME: Final = "reportupdater"
"""The folder of notebooks in the person's home."""
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Folder:
    """A folder with a configuration and its queries; nothing outside of it is read, whatever is named or linked."""

    def __init__(self, path: Path) -> None:
        self.name = path.absolute().name
        try:
            self._opened = os.open(path, OPEN_DIRECTORY)
        except OSError as error:
            raise Invalid(
                Problem(f"{path} is no folder that can be read.", todo=f"Name the folder that holds {CONFIG}.")
            ) from error

    def close(self) -> None:
        """Close it."""
        os.close(self._opened)

    def read(self, path: str, most: int) -> bytes | None:
        """Return a plain file's content, or None where there is none.  Raises Left for what cannot be read."""
        *folders, name = path.split("/")
        if not all(PLAIN.fullmatch(part) for part in (*folders, name)):
            return None
        try:
            with ExitStack() as stack:
                folder = self._opened
                for each in folders:
                    folder = os.open(each, OPEN_DIRECTORY, dir_fd=folder)
                    stack.callback(os.close, folder)
                file = stack.enter_context(os.fdopen(os.open(name, _FILE, dir_fd=folder), "rb"))
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Left(f"{path} is no plain file")
                found = file.read(most + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Left(f"{path} cannot be read ({error.strerror})") from error
        if len(found) > most:
            raise Left(f"{path} has more than {most:,} bytes")
        return found

    def text(self, path: str, most: int) -> str | None:
        """Return a text's content, or None where there is none.  Raises Left."""
        found = self.read(path, most)
        try:
            return None if found is None else found.decode()
        except UnicodeDecodeError:
            raise Left(f"{path} is not in UTF-8") from None

    def lines(self, path: str) -> list[str] | None:
        """Return the lines of a file, or None where there is none.  Raises Left."""
        found = self.text(path, config.CONFIG_BYTES)
        return None if found is None else [line.strip() for line in found.splitlines()]


@dataclass(frozen=True, slots=True)
class Planned:
    """What becomes of one report: a notebook, and a schedule, or why there is none."""

    entry: Entry
    document: dict[str, Any]
    schedule: Schedule | None
    why: str = ""
    dialect: str = ""


@dataclass(slots=True)
class Count:
    """What came of a folder."""

    taken: int = 0
    rewrite: int = 0
    known: int = 0
    left: list[str] = field(default_factory=list)


def source_of(entry: Entry, sources: Mapping[str, Source], chosen: Mapping[str, str]) -> str:
    """Return the source that a report's database is here.  Raises Left."""
    name = chosen.get(entry.database_key)
    if name is not None:
        if name not in sources:
            raise Left(f"{name[:60]} is no source of this site")
        return name
    kind = HiveSource if entry.kind is Kind.HIVE else MysqlSource
    found = [each for each, source in sources.items() if isinstance(source, kind)]
    if len(found) != 1:
        raise Left(f"which source is {entry.database_key}? Say --source {entry.database_key}=SOURCE")
    return found[0]


def plan(
    entry: Entry,
    folder: Folder,
    into: str,
    sources: Mapping[str, Source],
    chosen: Mapping[str, str],
    missing: Collection[date] = (),
) -> Planned:
    """Return what becomes of a report whose files are in a folder; its notebook says which periods are missing in them.

    Raises Left where not even a notebook is made.
    """
    query = folder.text(entry.query, template.TEMPLATE_BYTES)
    if query is None:
        raise Left(f"its query {entry.query} is not there")
    if entry.kind is Kind.SCRIPT:
        why = "it is a script, and SWAP runs no programs of a report's"
        return Planned(entry, notebook.unmade(entry, folder.name, into, query, why, missing), None, why)
    source = source_of(entry, sources, chosen)
    dialect = tables.dialect_of(sources[source], entry.kind)
    try:
        due = times.schedule(entry.unit, entry.lag_seconds)
        translated = template.translate(query, entry.explode)
        statement = tables.located(translated, dialect, source, entry.database, entry.explode)
    except Left as why:
        return Planned(entry, notebook.unmade(entry, folder.name, into, query, str(why), missing), None, str(why))
    made = notebook.made(entry, folder.name, into, query, statement, dialect, missing)
    return Planned(entry, made, due, dialect=dialect)


class Taking:
    """One run of it."""

    def __init__(self, settings: Settings, here: Runtime, say: Callable[[str], None]) -> None:
        if settings.reports.files is None:
            raise Invalid(
                Problem(
                    "reports.files is not set.",
                    why="The reports' data files have no directory.",
                    todo='Write files = "/srv/swap/data-files" below [reports], and restart SWAP.',
                )
            )
        self._settings, self._say = settings, say
        self._files = Files(settings.reports.files)
        self._kept: defaultdict[str, set[str]] = defaultdict(set)
        """Each data file that reports keep, or kept until they ended, and which."""
        self._engine = engine.create(here.database_urls["web"], connections=1)
        self._homes = homes.Homes(settings, here)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
        self._homes.close()

    def all_of(self, folder: Folder, name: str, into: str, chosen: Mapping[str, str]) -> int:
        """Take over a folder's reports for a person; return the status to end with."""
        with self._engine.connect() as conn:
            person_id = homes.person_id(conn, name)
        try:
            text = folder.read(CONFIG, config.CONFIG_BYTES)
        except Left as why:
            raise Invalid(Problem(f"The configuration cannot be read: {why}.")) from why
        if text is None:
            raise Invalid(Problem(f"There is no {CONFIG} in this folder.", todo="Name the folder that holds it."))
        found, count = config.read(text, folder.lines), Count()
        for each, binding in self._files.bindings().items():
            self._keep(each, binding)
        count.left += [f"{key}: {why}" for key, why in found.left]
        for entry in found.entries:
            try:
                binding = Binding(into, entry.key, entry.unit, entry.most, entry.group, entry.explode)
                missing = self._missing(binding, entry, datetime.now(UTC))
                planned = plan(entry, folder, into, self._settings.sources, chosen, missing)
                self._take(planned, binding, _lacks(entry, missing), name, person_id, count)
            except (Left, SwapError) as why:
                count.left.append(f"{entry.key}: {why}")
        for each in (*count.left, *found.notes):
            self._say(f"  {each}")
        self._say(
            f"{into}: {_counted(count.taken, 'report')} taken over for {name},"
            f" {_counted(count.rewrite, 'notebook')} to be written anew,"
            f" {count.known:,} there before, {len(count.left):,} left out"
        )
        return 0

    def _take(self, planned: Planned, binding: Binding, lacks: str, name: str, person_id: str, count: Count) -> None:
        """Make one report of a person, unless it is there.  Raises Left, SwapError."""
        entry, into, now = planned.entry, binding.into, datetime.now(UTC)
        path = f"{HOME}/{into}/{entry.key}.ipynb"
        with self._engine.begin() as conn:
            if (there := notebooks.find(conn, person_id, path)) is not None:
                reports = [each for each in store.of_notebook(conn, there.notebook_id) if each.person_id == person_id]
                self._demand_free(conn, binding, reports)
                count.known += 1
                self._say(f"{into}/{entry.key}: was there{self._known(conn, reports, binding)}; {lacks}")
                return
            self._demand_free(conn, binding, [])
            file = json.dumps(planned.document, ensure_ascii=False, indent=1).encode()
            taken_in.take_in(
                conn, person_id, path, [_version(path, planned.document, file, now)], now, _new_id, self._most
            )
            head = notebooks.find(conn, person_id, path)
            assert head is not None
            report = None
            if planned.schedule is not None:
                report = taken_over.take_over(conn, person_id, head.notebook_id, 1, planned.schedule, now, _new_id)
            # The last steps before the transaction ends: what has no file has no versions, and no report.
            if not self._homes.put(person_id, path, file):
                raise Left(f"another file is at {path} in {name}'s home")
            if report is not None:
                self._bind(conn, report.id, binding)
        if planned.schedule is None:
            count.rewrite += 1
            self._say(f"{into}/{entry.key}: a notebook for {name} to write anew, for {planned.why}")
            return
        count.taken += 1
        foreign = "" if planned.dialect else "; in SWAP's own SQL, so compare its numbers"
        self._say(
            f"{into}/{entry.key}: {planned.schedule.words}, UTC; paused until {name} presses Resume{foreign}; {lacks}"
        )

    @property
    def _most(self) -> int:
        return self._settings.keep.person_bytes

    def _demand_free(self, conn: Connection, binding: Binding, own: Sequence[Report]) -> None:
        """Raise Left where a report that goes on keeps one of these files, and it is none of a notebook's own."""
        for path in sorted(binding.paths & self._kept.keys()):
            for report_id in self._kept[path] - {each.id for each in own}:
                held = store.find(conn, report_id)
                if held is not None and held.report.state is not State.ENDED and not held.is_deleted:
                    raise Left(
                        f"another report keeps {path}, and a file has one writer: end it, or import --into elsewhere"
                    )

    def _bind(self, conn: Connection, report_id: str, binding: Binding) -> None:
        """Let a report keep files that no other one keeps which goes on."""
        for other in {each for path in binding.paths & self._kept.keys() for each in self._kept[path]} - {report_id}:
            taken_over.end(conn, other)
        self._files.bind(report_id, binding)
        self._keep(report_id, binding)

    def _keep(self, report_id: str, binding: Binding) -> None:
        for path in binding.paths:
            self._kept[path].add(report_id)

    def _known(self, conn: Connection, reports: Sequence[Report], binding: Binding) -> str:
        """Let the report of a notebook that is there keep these files; return what is to be said of it."""
        if not reports:
            return ", and has no report"
        kept = {each.id: found for each in reports if (found := self._files.binding(each.id)) is not None}
        if binding in kept.values():
            return ""
        if len(kept) == 1:
            self._bind(conn, next(iter(kept)), binding)
            return ", and its report keeps the files that the configuration says now"
        if len(reports) > 1:
            return ", and has several reports, so that nobody knows which keeps the file: end those that should not"
        self._bind(conn, reports[0].id, binding)
        return ", and its report keeps the file from now on"

    def _missing(self, binding: Binding, entry: Entry, now: datetime) -> frozenset[date]:
        """Return the first days of the periods that one of a report's files lacks.  Raises NotWritten, Invalid."""
        found: set[date] = set()
        for values in binding.combinations:
            there = self._files.table(binding, values).days
            found.update(times.missing(entry.unit, entry.starts, entry.lag_seconds, now, there, entry.most))
        return frozenset(found)


def _lacks(entry: Entry, missing: Collection[date]) -> str:
    """Return in words what a report's files lack, and what its person does about it."""
    if not missing:
        return "its files are whole" if entry.explode else "its file is whole"
    periods = _counted(len(missing), entry.unit.removesuffix("s"))
    of = f" in {entry.combinations:,} files" if entry.explode else ""
    return (
        f"{periods} {'is' if len(missing) == 1 else 'are'} missing{of}: run them as Earlier periods on its page,"
        f" {times.spoken(entry.unit, missing)}"
    )


def _counted(count: int, one: str) -> str:
    return f"{count:,} {one}{'s' * (count != 1)}"


def _version(path: str, document: dict[str, Any], file: bytes, now: datetime) -> Old:
    """Return a notebook's first version, checked as a save is."""
    taken = content.take_apart(document)
    save = Save(path, None, "found", _new_id(), content.digest(file), {}, taken, lambda: taken)
    return Old(received(io.BytesIO(written(save, frozenset()))), now, "Taken over from reportupdater", {})


def _new_id() -> str:
    return secrets.token_hex(10)


def chosen_of(said: list[str]) -> dict[str, str]:
    """Return the sources that were chosen, by what the configuration calls a database.  Raises Invalid."""
    found: dict[str, str] = {}
    for each in said:
        key, equals, source = each.partition("=")
        if not (key and equals and source):
            raise Invalid(Problem(f"{each[:60]} says no source.", todo="Write --source dbstore=mediawiki."))
        found[key] = source
    return found


def of_running(settings_file: Path, path: Path, name: str, into: str, said: list[str]) -> int:
    """Take over a folder for the SWAP that runs.  Raises Unavailable when none does, Invalid, NotWritten."""
    settings = settings_module.load(settings_file)
    here = runtime.of_running(settings.state)
    if here is None:
        raise Unavailable(Problem("SWAP does not run.", todo="Start it, then run this again."))
    if settings.state.stat().st_uid != os.geteuid():
        # What root made, SWAP's user could not go on with.
        raise Invalid(Problem("SWAP runs as another user.", todo="Run this as the user that runs SWAP."))
    where = into or path.absolute().name
    if not all(PLAIN.fullmatch(part) for part in where.split("/")):
        raise Invalid(Problem(f"{where[:60]} is no folder below reports.files.", todo="Write --into metrics/browser."))
    chosen = chosen_of(said)
    folder = Folder(path)
    try:
        taking = Taking(settings, here, terminal.line)
        try:
            return taking.all_of(folder, name, where, chosen)
        finally:
            taking.close()
    finally:
        folder.close()


def main() -> None:
    """Take over, and end."""
    settings_file, folder, name, into, *said = sys.argv[1:]
    terminal.leave(lambda: of_running(Path(settings_file), Path(folder), name, into, said))


if __name__ == "__main__":
    main()
