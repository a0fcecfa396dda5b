"""The invented wikis: pages, editors and revisions that agree with one another, from one seed.

The same seed gives the same world on every machine, so a page's views in the lake join its row in
mediawiki although the two are written by different parts of this package.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from swap.demo import words

SEED = 20170816
DAYS = (datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))
"""The days of which the demo has page views and events: Friday to Sunday."""

NOW = datetime(2026, 11, 23, tzinfo=UTC)
"""When the invented data ends."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Wiki:
    """One wiki's tables, and what the page views need to know of its pages, the most read page first."""

    database: str
    project: str
    tables: dict[str, pa.Table]
    page_ids: Ints
    namespaces: Ints
    titles: tuple[str, ...]
    editors: tuple[str, ...]


SIZES = {"enwiki": (6000, 60000, 5000), "dewiki": (3000, 24000, 2500), "frwiki": (2500, 20000, 2000)}
"""Database → pages, revisions, users."""

NAMESPACES = ((0, 84), (1, 5), (2, 3), (4, 2), (6, 1), (10, 3), (14, 2))


def wikis() -> tuple[Wiki, ...]:
    """Return the three wikis of the source mediawiki."""
    return tuple(wiki(database) for database in SIZES)


@cache
def wiki(database: str) -> Wiki:
    """Make one wiki."""
    pages, revisions, users = SIZES[database]
    rng = np.random.default_rng([SEED, len(database), *database.encode()])
    names = random.Random(f"{SEED} {database}")  # noqa: S311 — a reproducible world, not a secret
    titles, namespaces = _titles(database, pages, rng, names)
    page_ids = np.cumsum(rng.integers(1, 40, pages)) + 9
    rng.shuffle(page_ids)  # the most read pages are not the oldest
    people = _people(names, users)
    revision = _revisions(rng, page_ids, revisions, users)
    return Wiki(
        database=database,
        project=f"{database[:2]}.wikipedia",
        tables={
            "page": _page_table(rng, page_ids, namespaces, titles, revision),
            "revision": _revision_table(rng, revision),
            "user": _user_table(rng, names, people, revision),
            "actor": _actor_table(people),
        },
        page_ids=page_ids,
        namespaces=namespaces,
        titles=titles,
        editors=tuple(people[: users // 2]),
    )


def stamps(moments: npt.NDArray[Any]) -> pa.Array:
    """Return seconds since 1970 as timestamps without a zone; NaN is null."""
    missing = np.isnan(moments) if moments.dtype.kind == "f" else np.zeros(len(moments), bool)
    seconds = np.where(missing, 0, moments).astype("int64")
    return pa.array(seconds, mask=missing).cast(pa.timestamp("s")).cast(pa.timestamp("us"))


def moment(year: int) -> int:
    """Return the first second of a year."""
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


def _titles(database: str, count: int, rng: np.random.Generator, names: random.Random) -> tuple[tuple[str, ...], Ints]:
    """Return distinct titles and their namespaces; the famous ones come first, in the main namespace."""
    famous = words.FAMOUS[database]
    kinds = np.array([kind for kind, _ in NAMESPACES])
    shares = np.array([share for _, share in NAMESPACES], float)
    namespaces = rng.choice(kinds, count, p=shares / shares.sum())
    namespaces[: len(famous)] = 0
    titles = list(famous)
    if ":" in titles[0]:  # the main page of many wikis is in the project's namespace, and a title is without it
        namespaces[0], titles[0] = 4, titles[0].partition(":")[2]
    seen = set(titles)
    while len(titles) < count:
        title = names.choice(words.PATTERNS[database]).format(
            place=names.choice(words.PLACES),
            given=names.choice(words.GIVEN),
            family=names.choice(words.FAMILY),
            year=names.randint(1780, 2026),
        )
        if title in seen:
            title = f"{title}_({names.choice(words.PLACES)})"
        if title not in seen:
            seen.add(title)
            titles.append(title)
    return tuple(titles), namespaces.astype("int64")


def _people(names: random.Random, count: int) -> list[str]:
    """Return distinct user names: people, some bots, some temporary accounts, some in other scripts."""
    people: list[str] = []
    seen: set[str] = set()
    while len(people) < count:
        number = len(people)
        kind = names.random()
        if number < 12:
            name = f"{names.choice(words.HANDLES)}Bot"
        elif kind < 0.08:
            name = f"~2026-{10000 + number}-{names.randint(10, 99)}"
        elif kind < 0.12:
            name = f"{names.choice(words.OTHER_SCRIPTS)} {names.randint(1, 999)}"
        elif kind < 0.5:
            name = f"{names.choice(words.GIVEN)} {names.choice(words.FAMILY)}"
        else:
            first, second = names.choice(words.HANDLES), names.choice(words.HANDLES).lower()
            name = f"{first}{second}{names.choice(('', names.randint(1, 99)))}"
        if name in seen:
            name = f"{name} {number}"
        seen.add(name)
        people.append(name)
    return people


@dataclass(frozen=True)
class _Revisions:
    """Revisions in the order of their ids."""

    ids: Ints
    pages: Ints
    actors: Ints
    moments: Ints
    lengths: Ints
    parents: Ints


def _revisions(rng: np.random.Generator, page_ids: Ints, count: int, users: int) -> _Revisions:
    """Give every page a first revision and spread the rest over much read pages and busy editors."""
    pages = len(page_ids)
    weight = 1 / (np.arange(pages) + 8) ** 0.7
    which = np.concatenate([np.arange(pages), rng.choice(pages, count - pages, p=weight / weight.sum())])
    created = rng.integers(moment(2003), int(NOW.timestamp()) - 86400 * 3, pages)
    share = rng.beta(1.4, 1.0, count)
    share[:pages] = 0
    moments = created[which] + (share * (int(NOW.timestamp()) - created[which])).astype("int64")
    order = np.argsort(moments, kind="stable")
    which, moments = which[order], moments[order]
    ids = np.cumsum(rng.integers(1, 30, count)) + 1000
    busy = 1 / (np.arange(users) + 3) ** 0.9
    actors = rng.choice(users, count, p=busy / busy.sum()) + 1
    # Within a page, in the order of time: the parent is the one before, the length a random walk.
    by_page = np.lexsort((ids, which))
    first = np.ones(count, bool)
    first[1:] = which[by_page][1:] != which[by_page][:-1]
    parents = np.zeros(count, "int64")
    parents[by_page] = np.where(first, 0, np.concatenate([[0], ids[by_page][:-1]]))
    steps = np.where(first, rng.lognormal(7.2, 1.0, count), rng.normal(60, 400, count))
    walked = np.cumsum(steps)
    starts = np.maximum.accumulate(np.where(first, np.arange(count), 0))
    lengths = np.empty(count, "int64")
    lengths[by_page] = np.maximum(30, walked - (walked - steps)[starts]).astype("int64")
    return _Revisions(ids, page_ids[which], actors, moments, lengths, parents)


def _page_table(
    rng: np.random.Generator, page_ids: Ints, namespaces: Ints, titles: tuple[str, ...], revision: _Revisions
) -> pa.Table:
    latest = np.zeros(int(page_ids.max()) + 1, "int64")
    latest[revision.pages] = np.arange(len(revision.ids))  # in the order of ids, so the last one wins
    newest = latest[page_ids]
    touched = revision.moments[newest] + rng.integers(0, 86400 * 2, len(page_ids))
    links = np.where(rng.random(len(page_ids)) < 0.06, np.nan, touched + 5.0)
    content = np.array(["wikitext"] * len(page_ids), object)
    content[rng.random(len(page_ids)) < 0.01] = "javascript"
    order = np.argsort(page_ids)
    return pa.table(
        {
            "page_id": page_ids,
            "page_namespace": pa.array(namespaces, pa.int32()),
            "page_title": pa.array(titles, pa.string()),
            "page_is_redirect": pa.array((rng.random(len(page_ids)) < 0.08).astype("int16")),
            "page_is_new": pa.array((revision.parents[newest] == 0).astype("int16")),
            "page_random": rng.random(len(page_ids)),
            "page_touched": stamps(np.minimum(touched, int(NOW.timestamp()))),
            "page_links_updated": stamps(np.minimum(links, NOW.timestamp())),
            "page_latest": revision.ids[newest],
            "page_len": pa.array(revision.lengths[newest], pa.int32()),
            "page_content_model": pa.array(content, pa.string()),
            "page_lang": pa.nulls(len(page_ids), pa.string()),
        }
    ).take(pa.array(order))


def _revision_table(rng: np.random.Generator, revision: _Revisions) -> pa.Table:
    count = len(revision.ids)
    digests = rng.integers(0, 2**63, (count, 2))
    hidden = rng.random(count)
    return pa.table(
        {
            "rev_id": revision.ids,
            "rev_page": revision.pages,
            "rev_comment_id": np.cumsum(rng.integers(1, 9, count)),
            "rev_actor": revision.actors,
            "rev_timestamp": stamps(revision.moments),
            "rev_minor_edit": pa.array((rng.random(count) < 0.22).astype("int16")),
            "rev_deleted": pa.array(np.where(hidden < 0.002, 4, np.where(hidden < 0.004, 1, 0)).astype("int16")),
            "rev_len": pa.array(revision.lengths, pa.int32()),
            "rev_parent_id": revision.parents,
            "rev_sha1": pa.array([f"{a:016x}{b:016x}"[:31] for a, b in digests.tolist()]),
        }
    )


def _user_table(rng: np.random.Generator, names: random.Random, people: list[str], revision: _Revisions) -> pa.Table:
    count = len(people)
    edits = np.bincount(revision.actors, minlength=count + 1)[1:]
    first = np.full(count + 1, NOW.timestamp())
    np.minimum.at(first, revision.actors, revision.moments)
    registered = np.where(rng.random(count) < 0.03, np.nan, first[1:] - rng.integers(60, 86400 * 400, count))
    temporary = np.array([name.startswith("~") for name in people])
    mail = [
        None if temporary[i] or names.random() < 0.25 else f"{_ascii(name)}{i}@example.org"
        for i, name in enumerate(people)
    ]
    confirmed = np.where([address is None or names.random() < 0.1 for address in mail], np.nan, first[1:] + 3600)
    hexes = rng.integers(0, 2**63, (count, 6)).tolist()
    return pa.table(
        {
            "user_id": np.arange(1, count + 1),
            "user_name": people,
            "user_real_name": pa.array(
                [
                    f"{names.choice(words.GIVEN)} {names.choice(words.FAMILY)}" if names.random() < 0.3 else ""
                    for _ in people
                ]
            ),
            "user_password": pa.array(
                [f":pbkdf2:sha512:30000:64:{row[0]:016x}:{row[1]:016x}{row[2]:016x}" for row in hexes]
            ),
            "user_newpassword": pa.array([""] * count),
            "user_newpass_time": pa.nulls(count, pa.timestamp("us")),
            "user_email": pa.array(mail, pa.string()),
            "user_touched": stamps(np.minimum(first[1:] + rng.integers(0, 86400 * 300, count), NOW.timestamp())),
            "user_token": pa.array([f"{row[3]:016x}{row[4]:016x}" for row in hexes]),
            "user_email_authenticated": stamps(confirmed),
            "user_email_token": pa.array(
                [
                    f"{row[5]:016x}" if address is not None and np.isnan(confirmed[i]) else None
                    for i, (row, address) in enumerate(zip(hexes, mail, strict=True))
                ],
                pa.string(),
            ),
            "user_email_token_expires": pa.nulls(count, pa.timestamp("us")),
            "user_registration": stamps(registered),
            "user_editcount": pa.array(edits, pa.int32()),
            "user_password_expires": pa.nulls(count, pa.timestamp("us")),
            "user_is_temp": pa.array(temporary.astype("int16")),
        }
    )


def _actor_table(people: list[str]) -> pa.Table:
    """Return the actors: every user, with the same number."""
    numbers = np.arange(1, len(people) + 1)
    return pa.table({"actor_id": numbers, "actor_user": numbers, "actor_name": people})


def _ascii(name: str) -> str:
    letters = "".join(letter for letter in name.lower() if letter.isascii() and letter.isalnum())
    return letters or "user"


def hours() -> list[datetime]:
    """Return the hours of the demo's days, oldest first."""
    return [day + timedelta(hours=hour) for day in DAYS for hour in range(24)]
