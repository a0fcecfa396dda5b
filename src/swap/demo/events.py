"""event.navigationtiming: how long pages took to load, as the legacy event capsule nests it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pyarrow as pa

from swap.demo import pageviews, words, world
from swap.demo.world import Ints

COUNT = 24_000
WIKIS = ("enwiki", "dewiki", "frwiki")
DOMAINS = {"enwiki": "en.wikipedia.org", "dewiki": "de.wikipedia.org", "frwiki": "fr.wikipedia.org"}
SKINS = ("vector-2022", "minerva", "vector", "timeless")
NETWORKS = (("4g", 1.0), ("3g", 1.9), (None, 1.2), ("4g", 1.0), ("4g", 1.0), ("2g", 3.4))
"""Kind of network, and how much slower it is."""


def hourly() -> Iterator[tuple[datetime, pa.Table]]:
    """Yield each hour with its events, without the partition columns."""
    rng = np.random.default_rng([world.SEED, 2])
    curve = np.tile(np.roll(pageviews.DAY_CURVE, 2), len(world.DAYS))
    hours = world.hours()
    counts = np.bincount(rng.choice(len(hours), COUNT, p=curve / curve.sum()), minlength=len(hours))
    for number, hour in enumerate(hours):
        yield hour, _hour(rng, hour, int(counts[number]))


def _hour(rng: np.random.Generator, hour: datetime, count: int) -> pa.Table:
    seconds = np.sort(rng.random(count) * 3600) + hour.timestamp()
    moments = [f"{datetime.fromtimestamp(second, tz=hour.tzinfo):%Y-%m-%dT%H:%M:%S}Z" for second in seconds]
    wikis = rng.choice(len(WIKIS), count, p=[0.62, 0.2, 0.18])
    agents = rng.choice(len(words.AGENTS) - 2, count)  # apps send other events
    countries = rng.choice(len(pageviews.countries()), count, p=_origins())
    names = [WIKIS[number] for number in wikis.tolist()]
    addresses = [_address(rng_row) for rng_row in rng.integers(0, 250, (count, 3)).tolist()]
    ids = [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in range(count)]
    domains = [DOMAINS[name] for name in names]
    geo = [
        _geocoded(number, city)
        for number, city in zip(countries.tolist(), rng.integers(0, 3, count).tolist(), strict=True)
    ]
    texts = pa.map_(pa.string(), pa.string())
    return pa.table(
        {
            "_schema": pa.repeat("/analytics/legacy/navigationtiming/1.7.0", count),
            "client_dt": pa.array(moments),
            "dt": pa.array(moments),
            "event": _event(rng, count, wikis, agents, countries),
            "http": pa.array(
                [
                    {
                        "client_ip": address,
                        "has_cookies": True,
                        "method": "POST",
                        "protocol": "HTTP/2",
                        "status_code": 204,
                    }
                    for address in addresses
                ],
                pa.struct(
                    {
                        "client_ip": pa.string(),
                        "has_cookies": pa.bool_(),
                        "method": pa.string(),
                        "protocol": pa.string(),
                        "status_code": pa.int64(),
                    }
                ),
            ),
            "ip": pa.array(addresses),
            "meta": pa.array(
                [
                    {"domain": domain, "dt": moment, "id": mark, "stream": "eventlogging_NavigationTiming"}
                    for domain, moment, mark in zip(domains, moments, ids, strict=True)
                ],
                pa.struct({"domain": pa.string(), "dt": pa.string(), "id": pa.string(), "stream": pa.string()}),
            ),
            "recvfrom": pa.repeat("cp3071.example.org", count),
            "revision": pa.array(np.full(count, 21334332)),
            "schema": pa.repeat("NavigationTiming", count),
            "seqid": pa.array(rng.integers(1, 10**9, count)),
            "useragent": pa.array(
                [_user_agent(words.AGENTS[number]) for number in agents.tolist()],
                pa.struct(
                    {
                        "browser_family": pa.string(),
                        "browser_major": pa.string(),
                        "device_family": pa.string(),
                        "is_bot": pa.bool_(),
                        "is_mediawiki": pa.bool_(),
                        "os_family": pa.string(),
                        "os_major": pa.string(),
                        "wmf_app_version": pa.string(),
                    }
                ),
            ),
            "uuid": pa.array([mark.replace("-", "") for mark in ids]),
            "webhost": pa.array(domains),
            "wiki": pa.array(names),
            "geocoded_data": pa.array(geo, texts),
            "user_agent_map": pa.array(
                [pageviews.user_agent_map(words.AGENTS[number]) for number in agents.tolist()], texts
            ),
            "is_wmf_domain": pa.array(np.ones(count, bool)),
        }
    )


def _event(rng: np.random.Generator, count: int, wikis: Ints, agents: Ints, countries: Ints) -> pa.Array:
    """Return the event's own fields: times in milliseconds, in the order in which a browser meets them."""
    slow = np.where(np.array([agent[0] == "mobile web" for agent in words.AGENTS])[agents], 1.7, 1.0)
    network = rng.choice(len(NETWORKS), count)
    pace = slow * np.array([factor for _, factor in NETWORKS])[network]
    steps = np.cumsum(rng.lognormal([2.0, 3.2, 4.6, 4.4, 5.4, 6.0], 0.55, (count, 6)) * pace[:, None], axis=1).astype(
        "int64"
    )
    connect, request, response, paint, interactive, load = steps.T
    codes = [entry.code for entry in pageviews.countries()]
    fields: dict[str, pa.Array] = {
        "action": pa.repeat("view", count),
        "connectEnd": pa.array(connect),
        "requestStart": pa.array(request),
        "responseStart": pa.array(response),
        "firstPaint": pa.array(paint, mask=rng.random(count) < 0.07),
        "domInteractive": pa.array(interactive),
        "loadEventEnd": pa.array(load),
        "cumulativeLayoutShift": pa.array(np.round(rng.gamma(0.4, 0.05, count), 4)),
        "deviceMemory": pa.array(rng.choice([2.0, 4.0, 8.0], count), mask=rng.random(count) < 0.35),
        "isAnon": pa.array(rng.random(count) < 0.96),
        "isOversample": pa.array(np.zeros(count, bool)),
        "mobileMode": pa.array(np.full(count, "stable"), pa.string(), mask=slow == 1),
        "namespaceId": pa.array(rng.choice([0, 0, 0, 0, 1, 4, -1], count)),
        "netinfoEffectiveConnectionType": pa.array([NETWORKS[number][0] for number in network.tolist()], pa.string()),
        "originCountry": pa.array([codes[number] for number in countries.tolist()]),
        "pageviewToken": pa.array([f"{number:016x}" for number in rng.integers(0, 2**63, count).tolist()]),
        "revId": pa.array(_shown(rng, wikis)),
        "skin": pa.array(
            np.where(slow > 1, SKINS[1], np.array(SKINS, object)[rng.choice([0, 0, 2, 3], count)]), pa.string()
        ),
        "transferSize": pa.array((rng.lognormal(10, 0.6, count)).astype("int64")),
    }
    return pa.StructArray.from_arrays(list(fields.values()), names=[name.lower() for name in fields])


def _shown(rng: np.random.Generator, wikis: Ints) -> Ints:
    """Return the revision each visitor saw: the newest of a page of that wiki."""
    shown = np.zeros(len(wikis), "int64")
    for number, name in enumerate(WIKIS):
        latest = world.wiki(name).tables["page"]["page_latest"].to_numpy()
        mine = np.flatnonzero(wikis == number)
        shown[mine] = rng.choice(latest, len(mine))
    return shown


def _origins() -> list[float]:
    shares = np.full(len(pageviews.countries()), 0.1)
    position = {entry.code: number for number, entry in enumerate(pageviews.countries())}
    for code in words.CITIES:
        shares[position[code]] += 5
    return list(shares / shares.sum())


def _address(parts: list[int]) -> str:
    """Return an address of the ranges that are kept for documentation."""
    network = ("192.0.2", "198.51.100", "203.0.113")[parts[0] % 3]
    return f"{network}.{parts[1]}"


def _geocoded(country: int, city: int) -> list[tuple[str, str]]:
    entry = pageviews.countries()[country]
    places = words.CITIES.get(entry.code, ())
    subdivision, name = places[city % len(places)] if places else ("Unknown", "Unknown")
    return [
        ("continent", entry.continent),
        ("country_code", entry.code),
        ("country", entry.name),
        ("subdivision", subdivision),
        ("city", name),
    ]


def _user_agent(agent: tuple[str, str, str, str, str, str, str, str, int]) -> dict[str, object]:
    _, os_family, os_major, _, browser, browser_major, device, app, _ = agent
    return {
        "browser_family": browser,
        "browser_major": browser_major,
        "device_family": device,
        "is_bot": False,
        "is_mediawiki": False,
        "os_family": os_family,
        "os_major": os_major,
        "wmf_app_version": app,
    }
