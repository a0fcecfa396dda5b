"""Page views, as wmf.pageview_hourly has them, and their sums by project: three days, hour by hour."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from swap.demo import words, world
from swap.demo.world import Ints

SAMPLES = 290_000
PROJECT_SHARES = {
    "en.wikipedia": 42,
    "de.wikipedia": 10,
    "fr.wikipedia": 9,
    "ja.wikipedia": 9,
    "es.wikipedia": 7,
    "ru.wikipedia": 7,
    "zh.wikipedia": 4,
    "pt.wikipedia": 4,
    "ar.wikipedia": 3,
    "hi.wikipedia": 2,
    "commons.wikimedia": 1,
    "wikidata": 1,
    "en.wiktionary": 1,
}
REFERERS = (
    ("external (search engine)", "Google", 36),
    ("external (search engine)", "Bing", 3),
    ("external (search engine)", "DuckDuckGo", 2),
    ("external (search engine)", "Yandex", 2),
    ("internal", None, 30),
    ("none", None, 20),
    ("external", None, 4),
    ("external (media sites)", "YouTube", 1),
    ("unknown", None, 2),
)
PREFIXES = {
    "enwiki": {1: "Talk", 2: "User", 4: "Wikipedia", 6: "File", 10: "Template", 14: "Category"},
    "dewiki": {1: "Diskussion", 2: "Benutzer", 4: "Wikipedia", 6: "Datei", 10: "Vorlage", 14: "Kategorie"},
    "frwiki": {1: "Discussion", 2: "Utilisateur", 4: "Wikipédia", 6: "Fichier", 10: "Modèle", 14: "Catégorie"},
}
DAY_CURVE = np.array(
    [30, 20, 14, 11, 10, 13, 24, 42, 58, 68, 73, 76, 80, 79, 77, 77, 79, 82, 86, 92, 97, 100, 84, 54], float
)
"""How much is read in each local hour."""


@dataclass(frozen=True)
class Country:
    """One row of canonical_data.countries."""

    code: str
    name: str
    continent: str
    region: str
    utc_offset: int


@cache
def countries() -> tuple[Country, ...]:
    """Return all countries; the last one is unknown, `--`."""
    text = files("swap.demo").joinpath("countries.tsv").read_text(encoding="utf-8")
    rows = csv.reader(text.splitlines()[1:], delimiter="\t", quoting=csv.QUOTE_NONE)
    return tuple(Country(code, name, continent, region, int(offset)) for code, name, continent, region, offset in rows)


@dataclass(frozen=True)
class _Pages:
    """Every page of every project; the pages of project p are at starts[p] … starts[p + 1]."""

    projects: tuple[str, ...]
    starts: Ints
    project: Ints
    rank: Ints
    ids: Ints
    namespaces: Ints
    titles: pa.Array


def hourly() -> Iterator[tuple[datetime, pa.Table]]:
    """Yield each hour with its rows of pageview_hourly, without the partition columns."""
    rng = np.random.default_rng([world.SEED, 1])
    pages = _pages()
    keys, views = _sample(rng, pages)
    whole = _table(rng, pages, keys, views)
    hours = world.hours()
    order = np.argsort(keys["hour"], kind="stable")
    bounds = np.searchsorted(keys["hour"][order], np.arange(len(hours) + 1))
    for number, hour in enumerate(hours):
        yield hour, whole.take(pa.array(order[bounds[number] : bounds[number + 1]]))


def by_project(rows: pa.Table) -> pa.Table:
    """Return an hour's rows of projectview_hourly: the sums over pages, places and agents."""
    keys = [
        "project",
        "access_method",
        "zero_carrier",
        "agent_type",
        "referer_class",
        "continent",
        "country_code",
        "record_version",
    ]
    sums = rows.group_by(keys, use_threads=False).aggregate([("view_count", "sum")])
    return sums.rename_columns([*keys, "view_count"])


@cache
def _pages() -> _Pages:
    projects, ids, namespaces, titles, ranks, starts = tuple(PROJECT_SHARES), [], [], [], [], [0]
    known = {wiki.project: wiki for wiki in world.wikis()}
    for number, project in enumerate(projects):
        if project in known:
            wiki = known[project]
            prefixes = PREFIXES[wiki.database]
            names = [
                f"{prefixes[kind]}:{title}" if kind in prefixes else title
                for kind, title in zip(wiki.namespaces.tolist(), wiki.titles, strict=True)
            ]
            ids.append(wiki.page_ids)
            namespaces.append(wiki.namespaces)
        else:
            famous, pattern = words.ELSEWHERE[project]
            names = [*famous, *(pattern.format(year=year) for year in range(1826, 2027))]
            ids.append(np.arange(len(names)) * 17 + 100 + number)
            namespaces.append(np.array([4 if ":" in name else 0 for name in names]))
        titles.extend(names)
        ranks.append(np.arange(len(names)))
        starts.append(starts[-1] + len(names))
    counts = np.diff(starts)
    return _Pages(
        projects,
        np.array(starts),
        np.repeat(np.arange(len(projects)), counts),
        np.concatenate(ranks),
        np.concatenate(ids),
        np.concatenate(namespaces),
        pa.array(titles),
    )


def _sample(rng: np.random.Generator, pages: _Pages) -> tuple[dict[str, Ints], Ints]:
    """Draw views and add up those that agree in everything, as the real table does.  Returns codes and sums."""
    shares = np.array(list(PROJECT_SHARES.values()), float)
    project = rng.choice(len(shares), SAMPLES, p=shares / shares.sum())
    page = np.zeros(SAMPLES, "int64")
    country = np.zeros(SAMPLES, "int64")
    for number, name in enumerate(pages.projects):
        mine = np.flatnonzero(project == number)
        size = int(pages.starts[number + 1] - pages.starts[number])
        weight = 1 / (np.arange(size) + 4) ** 0.95
        page[mine] = pages.starts[number] + rng.choice(size, len(mine), p=weight / weight.sum())
        readers = _readers(name)
        country[mine] = rng.choice(len(readers), len(mine), p=readers)
    spider = rng.random(SAMPLES) < 0.17
    agent = np.where(spider, len(words.AGENTS) + _choose(rng, words.SPIDERS), _choose(rng, words.AGENTS))
    referer = np.where(spider, len(REFERERS) - 4, _choose(rng, REFERERS))  # spiders come from nowhere
    offsets = np.array([entry.utc_offset for entry in countries()])
    local = rng.choice(24, SAMPLES, p=DAY_CURVE / DAY_CURVE.sum())
    hour = np.where(spider, rng.integers(0, 24, SAMPLES), (local - offsets[country]) % 24)
    hour = hour + 24 * rng.choice(len(world.DAYS), SAMPLES, p=[0.36, 0.31, 0.33])
    city = (
        rng.random(SAMPLES) * np.array([len(words.CITIES.get(entry.code, ())) for entry in countries()])[country]
    ).astype("int64")
    city = np.where(rng.random(SAMPLES) < 0.12, 9, city)  # 9: not known
    views = rng.geometric(0.45, SAMPLES) * (1 + 300 // (pages.rank[page] + 2))
    radix = (
        len(pages.titles),
        len(countries()),
        len(words.AGENTS) + len(words.SPIDERS),
        len(REFERERS),
        len(world.DAYS) * 24,
        10,
    )
    code = np.ravel_multi_index((page, country, agent, referer, hour, city), radix)
    distinct, where = np.unique(code, return_inverse=True)
    sums = np.bincount(where, weights=views).astype("int64")
    page, country, agent, referer, hour, city = np.unravel_index(distinct, radix)
    return {"page": page, "country": country, "agent": agent, "referer": referer, "hour": hour, "city": city}, sums


def _table(rng: np.random.Generator, pages: _Pages, keys: dict[str, Ints], views: Ints) -> pa.Table:
    """Spell the codes out as the 18 columns."""
    count = len(views)
    agents = (*words.AGENTS, *words.SPIDERS)
    places = [(code, *pair) for code, pairs in words.CITIES.items() for pair in pairs]
    first = {code: next(i for i, place in enumerate(places) if place[0] == code) for code in words.CITIES}
    starts = np.array([first.get(entry.code, -1) for entry in countries()])[keys["country"]]
    known = (starts >= 0) & (keys["city"] != 9)
    place = pa.array(np.where(known, starts + keys["city"], len(places)))
    special = rng.random(count) < 0.02  # special pages are no pages: they have no id
    titles = pages.titles.take(pa.array(keys["page"])).to_numpy(zero_copy_only=False)
    titles[special] = "Special:Search"

    def text(values: Sequence[str | None], codes: npt.NDArray[np.int64] | pa.Array) -> pa.Array:
        return pa.array(values, pa.string()).take(codes if isinstance(codes, pa.Array) else pa.array(codes))

    maps = pa.array([user_agent_map(agent) for agent in agents], pa.map_(pa.string(), pa.string()))
    return pa.table(
        {
            "project": text(list(pages.projects), pages.project[keys["page"]]),
            "language_variant": pa.repeat("default", count),
            "page_title": pa.array(titles, pa.string()),
            "access_method": text([agent[0] for agent in agents], keys["agent"]),
            "zero_carrier": pa.nulls(count, pa.string()),
            "agent_type": text(["user"] * len(words.AGENTS) + ["spider"] * len(words.SPIDERS), keys["agent"]),
            "referer_class": text([referer[0] for referer in REFERERS], keys["referer"]),
            "continent": text([entry.continent for entry in countries()], keys["country"]),
            "country_code": text([entry.code for entry in countries()], keys["country"]),
            "country": text([entry.name for entry in countries()], keys["country"]),
            "subdivision": text([entry[1] for entry in places] + ["Unknown"], place),
            "city": text([entry[2] for entry in places] + ["Unknown"], place),
            "user_agent_map": maps.take(pa.array(keys["agent"])),
            "record_version": pa.repeat("0.1.0", count),
            "view_count": views,
            "page_id": pa.array(pages.ids[keys["page"]].astype("int32"), mask=special),
            "namespace_id": pa.array(np.where(special, -1, pages.namespaces[keys["page"]]).astype("int32")),
            "referer_name": text([referer[1] for referer in REFERERS], keys["referer"]),
        }
    )


def user_agent_map(agent: tuple[str, str, str, str, str, str, str, str, int]) -> list[tuple[str, str]]:
    """Return a row of `words.AGENTS` as the entries of user_agent_map."""
    _, os_family, os_major, os_minor, browser, browser_major, device, app, _ = agent
    return [
        ("browser_family", browser),
        ("browser_major", browser_major),
        ("device_family", device),
        ("os_family", os_family),
        ("os_major", os_major),
        ("os_minor", os_minor),
        ("wmf_app_version", app),
    ]


def _choose(rng: np.random.Generator, weighted: tuple[tuple[object, ...], ...]) -> Ints:
    """Draw indices of rows whose last entry is their weight."""
    shares = np.array([row[-1] for row in weighted], float)
    return rng.choice(len(shares), SAMPLES, p=shares / shares.sum())


@cache
def _readers(project: str) -> npt.NDArray[np.float64]:
    """Return how a project's views spread over countries."""
    language = project.partition(".")[0]
    named = words.READERS.get(language, words.READERS[""])
    shares = np.full(len(countries()), 6 / len(countries()))
    shares[-1] = 0.8
    position = {entry.code: number for number, entry in enumerate(countries())}
    for item in named.split():
        code, _, share = item.partition(":")
        shares[position[code]] += float(share)
    normal: npt.NDArray[np.float64] = shares / shares.sum()
    return normal
