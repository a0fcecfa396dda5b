"""Whether the gallery's pages grow with what a site has: notebooks, people, shares and tables.

Three sites on one real PostgreSQL, and two people on each: one who may open all notebooks, for they are shared with
everyone, and one who may open three.  In turn it measures, with the portal's account, a page of

* what was saved last, and what is popular;
* a word that is in every notebook, one that is in one of 500, and one that is in none;
* a table that one of ten uses, and one that one of 500 uses;
* a person's notebooks.

Beside these it makes the cards of ten notebooks of 50 cells, which is off the path.  There is no peer; the figures are
parts of what the small site takes, and the last line's is the worst of them.
"""

from __future__ import annotations

import secrets
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, text

import notebooks
import saves
import services
from benchmarks.figures import ROUNDS, Figure, begin, finish, ratio
from swap.catalog import keys
from swap.identity import Principal, Via
from swap.notebooks import cards, gallery, saving, words
from swap.notebooks.card_store import Order, Wanted
from swap.settings import Policy

TIMES = 10
TARGET = 2.0
"""A page that takes a few milliseconds takes not more than twice that at 50 times the size."""
FLOOR_SECONDS = 0.002
"""What a page takes at least, for the ratio: below it the round trips are measured."""
MADE = 10
"""Notebooks whose cards are made."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a site has."""

    name: str
    people: int
    notebooks: int
    tables: int


SIZES = (
    Size("small", people=20, notebooks=200, tables=1_000),
    Size("middle", people=100, notebooks=2_000, tables=10_000),
    Size("large", people=500, notebooks=10_000, tables=50_000),
)

# Each notebook has 300 words, of which 100 are in every one; three are shared with the last person alone.
FILLED = """
CREATE FUNCTION pg_temp.person(n bigint) RETURNS text LANGUAGE sql AS
  $$ SELECT 'paaaaa' || translate(lpad(n::text, 4, '0'), '0123456789', 'abcdefghij') $$;

INSERT INTO swap.person (id, directory_key, name, groups)
SELECT pg_temp.person(n), pg_temp.person(n), 'Person ' || n, ARRAY['analysts', 'group-' || n % 60]
FROM generate_series(0, :people + 1) n;

INSERT INTO swap.notebook (id, person_id, path, head)
SELECT 'n' || n, pg_temp.person(1 + n % (:people - 1)), 'n' || n || '.ipynb', 1 FROM generate_series(1, :notebooks) n;

INSERT INTO swap.notebook_version
  (notebook_id, number, digest, file_digest, author, via, kind, environment, save_id, at)
SELECT id, 1, sha256(id::bytea), '', person_id, 'server', 'saved', '{}', id,
  now() - substr(id, 2)::int * interval '1 minute' FROM swap.notebook;

INSERT INTO swap.notebook_share (notebook_id, kind, whom, role, shared_by, at)
SELECT id, kind, whom, 'view', person_id, now() FROM swap.notebook,
  LATERAL (SELECT 'group' AS kind, 'group-' || substr(id, 2)::int % 60 AS whom
    UNION ALL SELECT 'everyone', ''
    UNION ALL SELECT 'person', pg_temp.person(:people + 1) WHERE substr(id, 2)::int % (:notebooks / 3) = 0) AS given;

INSERT INTO swap.notebook_card
SELECT n.id, n.person_id, v.at, 'Notebook ' || n.id, repeat('views of pages by country ', 200),
  ARRAY['everyone:', 'person:' || n.person_id, 'group:group-' || k % 60]
    || CASE WHEN k % (:notebooks / 3) = 0 THEN ARRAY['person:' || pg_temp.person(:people + 1)] ELSE '{}' END,
  ARRAY['lake/wmf/t' || k % 10, 'lake/wmf/u' || k % 500, 'lake/wmf/v' || (k * 7919) % :tables],
  '{}', (k * 31) % 7, (k * 17) % 40,
  to_tsvector('simple', 'notebook ' || n.id || ' rare' || k % 500 || ' '
    || (SELECT string_agg('common' || i || ' own' || (k * 200 + i) % 20000 || ' also' || (k * 37 + i) % 5000, ' ')
        FROM generate_series(1, 100) i))
FROM (SELECT *, substr(id, 2)::int AS k FROM swap.notebook) n JOIN swap.notebook_version v ON v.notebook_id = n.id
"""
ALL_BUT_EVERYONE = """
UPDATE swap.notebook_card SET open_to = array_remove(open_to, 'everyone:');

DELETE FROM swap.notebook_share WHERE kind = 'everyone'
"""


def main() -> None:
    """Measure, and print the figures and the last line."""
    begin("gallery")
    seconds: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with contextmanager(services.run_postgres)() as server, ExitStack() as stack:
        sites = {size: stack.enter_context(closing(services.fresh_database(server))) for size in SIZES}
        for size, database in sites.items():
            _run(database.engine("owner"), FILLED, size)
        _measure(sites, lambda _size: _person(2, "analysts"), "all", seconds)
        for size, database in sites.items():
            _run(database.engine("owner"), ALL_BUT_EVERYONE, size)
        _measure(sites, lambda size: _person(size.people + 1), "three", seconds)
        for size, database in sites.items():
            print(f"  {size.name}: a card of 50 cells takes {1e3 * _cards(database):.0f} ms")
    finish("gallery", _figures(seconds))


def _figures(seconds: Mapping[str, Mapping[str, list[float]]]) -> list[Figure]:
    figures = []
    for what, sites in seconds.items():
        print(f"  {what}: " + ", ".join(f"{n} {1e3 * statistics.median(each):.1f} ms" for n, each in sites.items()))
        small = [max(FLOOR_SECONDS, each) for each in sites[SIZES[0].name]]
        figures += [
            Figure(f"{what}, {name} / small", ratio([max(FLOOR_SECONDS, each) for each in rounds], small), TARGET)
            for name, rounds in sites.items()
            if name != SIZES[0].name
        ]
    return figures


def _measure(
    sites: Mapping[Size, services.Database],
    person: Callable[[Size], Principal],
    who: str,
    seconds: dict[str, dict[str, list[float]]],
) -> None:
    for number in range(ROUNDS + 1):
        for what, wanted in PAGES.items():
            for size, database in sites.items():
                engine = database.engine("web")
                each = [_timed(engine, person(size), wanted) for _ in range(TIMES)]
                if number:  # the first round fills caches and is not counted
                    seconds[f"{what}, of {who}"][size.name].append(statistics.median(each))


def _timed(engine: Engine, person: Principal, wanted: Wanted) -> float:
    began = time.perf_counter()
    with engine.begin() as conn:
        gallery.find(conn, Policy(), person, wanted, datetime.now(UTC), text="views" if wanted.words else "")
    return time.perf_counter() - began


def _cards(database: services.Database) -> float:
    """Return the seconds that the card of a notebook takes."""
    for number in range(MADE):
        sent = saves.sent(notebooks.typical(seed=number), path=f"typical-{number}.ipynb")
        with database.engine("gateway").begin() as conn:
            saving.save(conn, Policy(), _person(1), sent, datetime.now(UTC), lambda: secrets.token_hex(16))
    began = time.perf_counter()
    cards.work_off(database.engine("web"))
    return (time.perf_counter() - began) / MADE


def _run(owner: Engine, statements: str, size: Size) -> None:
    given = {"people": size.people, "notebooks": size.notebooks, "tables": size.tables}
    with owner.begin() as conn:
        for statement in statements.split(";\n\n"):
            conn.execute(text(statement), {name: given[name] for name in given if f":{name}" in statement})
    with owner.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
        conn.execute(text("VACUUM ANALYZE"))


def _person(number: int, *groups: str) -> Principal:
    return Principal(_id(number), "somebody", frozenset(groups), Via.PORTAL)


def _id(number: int) -> str:
    return "paaaaa" + f"{number:04}".translate(str.maketrans("0123456789", "abcdefghij"))


PAGES = {
    "saved last": Wanted(),
    "popular": Wanted(order=Order.POPULAR),
    "a word in all": Wanted(words=words.query("common7")),
    "a word in few": Wanted(words=words.query("rare7")),
    "a word in none": Wanted(words=words.query("nothing")),
    "two words": Wanted(words=words.query("common7 rare7")),
    "a table of many": Wanted(dataset=keys.joined("lake", "wmf", "t7")),
    "a table of few": Wanted(dataset=keys.joined("lake", "wmf", "u7")),
    "a person's": Wanted(person_id=_id(4)),
}


if __name__ == "__main__":
    main()
