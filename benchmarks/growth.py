"""Whether anything on a query's path grows with what the site has had: people, kept results, queries, audit.

Three sites with a gateway each, as they are served, on one real PostgreSQL.  Each has kept results (rows and files),
queries and events that have ended, people with sign-ins, servers and portal sessions of many months, and others'
queries that wait and run.  One in ten of all that is of the person who asks.  In turn it measures

* a query of ten rows through `swap.sql`, p50;
* the first page of its result, p50, and of one that was kept before the gateway started.

Housekeeping is off the path and may grow: one pass is printed.  There is no peer; the figures are parts of what the
small site takes, and the last line's is the worst of them.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pyarrow as pa
from sqlalchemy import text

from benchmarks import small_query
from benchmarks.figures import ROUNDS, Figure, begin, finish, ratio
from benchmarks.site import Gateway, Side, Site, running
from services import NO_TLS, Database, temporary_directory
from swap import arrow_stream, settings
from swap.connectors.base import Sent
from swap.gateway.app import new_id, utc_now
from swap.query.execution.pool import Pool
from swap.query.results.spool import Spool
from swap.query.service import Queries
from swap.settings import Limits

TIMES = 20
"""Queries, and pages of each kind, of a site in a round."""
STATEMENT = small_query.STATEMENTS["postgres"]
TARGET = 1.15
ASKER = "paaaaaaaab"
"""The first of the people below."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a site has."""

    name: str
    people: int
    kept: int
    """Results in the spool."""
    ended: int
    """Queries whose results are gone, and twice as many events in the audit."""
    past: int
    """Sign-ins, servers and portal sessions of each person that have ended, beside one of each that has not."""
    others: int
    """Queries of others that wait at the moment, beside as many as run where there are places."""


SIZES = (
    Size("small", people=3, kept=10, ended=1_000, past=5, others=2),
    Size("middle", people=50, kept=1_000, ended=20_000, past=50, others=20),
    Size("large", people=500, kept=10_000, ended=200_000, past=200, others=100),
)

# Whose the n-th of anything is: one in ten is the asker's.  What runs and waits does so at sources that nobody asks
# here: in the line of these, a query would have to wait.
FILLED = """
CREATE FUNCTION pg_temp.person(n bigint) RETURNS text LANGUAGE sql AS
  $$ SELECT 'paaaaa' || translate(lpad(n::text, 4, '0'), '0123456789', 'abcdefghij') $$;

CREATE FUNCTION pg_temp.one_of(n bigint, people bigint) RETURNS text LANGUAGE sql AS
  $$ SELECT pg_temp.person(1 + CASE WHEN n % 10 = 0 THEN 0 ELSE n % people END) $$;

INSERT INTO swap.person (id, directory_key, name, groups)
SELECT pg_temp.person(n), pg_temp.person(n), 'Person ' || n, ARRAY['analysts', 'group-' || n % 60]
FROM generate_series(1, :people) n;

INSERT INTO swap.sign_in (id, person_id, expires_at, ended_at)
SELECT id || n, id, now() + interval '12 hours' - n * interval '1 day',
  CASE WHEN n > 0 THEN now() - n * interval '1 day' END
FROM swap.person, generate_series(0, :past) n;

INSERT INTO swap.jupyter_server (id, person_id, credential_digest, ended_at)
SELECT 's' || id || n, id, sha256((id || n)::bytea), CASE WHEN n > 0 THEN now() END
FROM swap.person, generate_series(0, :past) n;

INSERT INTO swap.portal_session (digest, person_id, csrf, expires_at, ended_at)
SELECT sha256((id || n)::bytea), id, 'c', now() + interval '1 hour', CASE WHEN n > 0 THEN now() END
FROM swap.person, generate_series(0, :past) n;

INSERT INTO swap.query_run (id, person_id, via, statement, sources, reads, state, row_count, size_bytes, created_at,
  ended_at, expires_at)
SELECT 'qkept' || n, pg_temp.one_of(n, :people), 'kernel', repeat('SELECT words ', 20), ARRAY['mediawiki'], :reads,
  'done', 10, :size, at, at, at + interval '1 day'
FROM (SELECT n, now() - n * interval '5 seconds' AS at FROM generate_series(1, :kept) n) AS kept;

INSERT INTO swap.query_run (id, person_id, via, statement, sources, reads, state, row_count, size_bytes, created_at,
  ended_at, expires_at)
SELECT 'qended' || n, pg_temp.one_of(n, :people), 'kernel', repeat('SELECT words ', 20), ARRAY['mediawiki'], :reads,
  CASE WHEN n % 17 = 0 THEN 'failed' ELSE 'done' END, 10, :size, at, at, at + interval '1 day'
FROM (SELECT n, now() - interval '2 days' - n * interval '1 minute' AS at FROM generate_series(1, :ended) n) AS ended;

INSERT INTO swap.audit_event (at, event, person_id, via, detail)
SELECT now() - n * interval '30 seconds', 'query.accepted', pg_temp.one_of(n, :people), 'kernel',
  jsonb_build_object('query_id', 'qended' || n / 2, 'statement', repeat('SELECT words ', 20))
FROM generate_series(1, 2 * :ended) n;

INSERT INTO swap.admission (query_id, source, person_id, running, lease_until)
SELECT 'qother' || n, 'other' || n % 10, pg_temp.person(2 + n % (:people - 1)), n <= least(:others, 80),
  now() + interval '1 day'
FROM generate_series(1, least(:others, 80) + :others) n
"""


def main() -> None:
    """Measure, and print the figures and the last line."""
    begin("growth")
    with running() as site:
        small_query.make(site)
        asked = {size.name: Asked(site, size) for size in SIZES}
        seconds = _measured(asked)
        for name, each in asked.items():
            print(f"  {name}: housekeeping's pass {1e3 * each.housekeeping():.0f} ms", flush=True)
    figures = []
    for what, sites in seconds.items():
        print(
            f"  {what} p50: "
            + ", ".join(f"{n} {1e3 * statistics.median(rounds):.1f} ms" for n, rounds in sites.items())
        )
        small = sites[SIZES[0].name]
        figures += [
            Figure(f"{what}, {n} / small", ratio(rounds, small), TARGET)
            for n, rounds in sites.items()
            if rounds is not small
        ]
    finish("growth", figures)


class Asked:
    """One site, and somebody who asks it."""

    def __init__(self, site: Site, size: Size) -> None:
        began = time.perf_counter()
        self.gateway: Gateway = site.gateway(size.name, before=lambda database, spool: fill(database, spool, size))
        print(f"  {size.name}: filled and started in {time.perf_counter() - began:.1f} s", flush=True)
        self.kernel: Side = self.gateway.person(ASKER)
        self.client = httpx.Client(
            base_url=self.gateway.url,
            headers={"authorization": f"Bearer {self.gateway.token(ASKER)}"},
            trust_env=False,
            verify=NO_TLS,
        )

    def query(self) -> list[float]:
        """Ask through `swap.sql`."""
        return list(self.kernel.ask("measured", call="swap_arrow", statement=STATEMENT, times=TIMES)["seconds"])

    def new_page(self) -> list[float]:
        """Ask for the first page of a result of just now."""
        answer = self.client.post("/v1/queries", json={"statement": STATEMENT, "wait": 10})
        assert answer.json()["state"]["state"] == "done", answer.text
        return self._page(answer.json()["id"])

    def kept_page(self) -> list[float]:
        """Ask for the first page of a result that the gateway found there."""
        return self._page("qkept10")

    def _page(self, query_id: str) -> list[float]:
        return [_timed(lambda: self._rows(query_id)) for _ in range(TIMES)]

    def _rows(self, query_id: str) -> None:
        answer = self.client.get(f"/v1/queries/{query_id}/page")
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["rows"]) == 10

    def housekeeping(self) -> float:
        """Return the seconds of one pass over the rows and files that the gateway works with."""
        place = temporary_directory()
        read = settings.load(self.gateway.config)
        pool = Pool(read.limits, place)
        queries = Queries(
            self.gateway.database.engine("gateway"),
            read,
            {},
            pool,
            Spool(self.gateway.spool, read.limits),
            utc_now,
            new_id,
            lambda _source: None,
        )
        try:
            return _timed(queries.keep_house)
        finally:
            pool.close()
            shutil.rmtree(place)


def _measured(asked: Mapping[str, Asked]) -> dict[str, dict[str, list[float]]]:
    """Return what is measured → site → the median of each round."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number in range(ROUNDS + 1):
        for name, each in asked.items():
            this: dict[str, Sequence[float]] = {
                "query": each.query(),
                "page of a new result": each.new_page(),
                "page of a kept result": each.kept_page(),
            }
            if number:  # the first round fills caches and is not counted
                for what, seconds in this.items():
                    found[what][name].append(statistics.median(seconds))
    return found


def fill(database: Database, spool: Path, size: Size) -> None:
    """Give a site its past; let PostgreSQL look at what it has, as it does by itself in time."""
    template = _result(spool)
    for number in range(1, size.kept + 1):
        for ours in template:
            shutil.copyfile(ours, spool / f"qkept{number}{ours.suffix}")
    reads = '[["mediawiki", "bench", "page", "id"], ["mediawiki", "bench", "page", "title"]]'
    given = {
        "people": size.people,
        "past": size.past,
        "kept": size.kept,
        "ended": size.ended,
        "others": size.others,
        "reads": reads,
        "size": template[0].stat().st_size,
    }
    for path in template:
        path.unlink()
    with database.engine("owner").begin() as conn:
        for statement in FILLED.split(";\n\n"):
            conn.execute(text(statement), {name: given[name] for name in given if f":{name}" in statement})
    with database.engine("owner").execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
        conn.execute(text("VACUUM ANALYZE"))


def _result(spool: Path) -> tuple[Path, Path]:
    """Keep ten rows as a gateway does; return the files."""
    batch = pa.record_batch({"id": pa.array(range(10), pa.int64()), "title": [f"Page {n}" for n in range(10)]})
    result = Spool(spool, Limits()).create("qtemplate")
    arrow_stream.write([batch], result.sink, batch.schema, lambda rows, at: result.grew(Sent(rows, at)))
    result.end(complete=True)
    return result.path, result.path.with_suffix(".json")


def _timed(do: Callable[[], None]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
