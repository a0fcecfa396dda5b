"""The small tables that others join: countries and wikis; and the private table of editors."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa

from swap.demo import pageviews, world

LANGUAGES = (
    ("en", "English"),
    ("de", "German"),
    ("fr", "French"),
    ("ja", "Japanese"),
    ("es", "Spanish"),
    ("ru", "Russian"),
    ("zh", "Chinese"),
    ("pt", "Portuguese"),
    ("ar", "Arabic"),
    ("hi", "Hindi"),
    ("it", "Italian"),
    ("pl", "Polish"),
    ("nl", "Dutch"),
    ("sw", "Swahili"),
    ("he", "Hebrew"),
)
FAMILIES = (
    ("wiki", "wikipedia", "Wikipedia"),
    ("wiktionary", "wiktionary", "Wiktionary"),
    ("wikivoyage", "wikivoyage", "Wikivoyage"),
)
LAST_MONTH = "2026-10"
EDITORS = 4000


def countries() -> pa.Table:
    """Return canonical_data.countries; which are protected is invented."""
    rows = pageviews.countries()
    return pa.table(
        {
            "name": [row.name for row in rows],
            "iso_code": [row.code for row in rows],
            "economic_region": [row.region for row in rows],
            "maxmind_continent": [row.continent for row in rows],
            "is_protected": [number % 12 == 7 for number in range(len(rows))],
        }
    )


def wikis() -> pa.Table:
    """Return canonical_data.wikis."""
    rows = [
        {
            "database_code": f"{code}{suffix}",
            "domain_name": f"{code}.{family}.org",
            "database_group": family,
            "language_code": code,
            "language_name": language,
            "status": "open",
            "visibility": "public",
            "editability": "public",
            "english_name": f"{language} {name}",
        }
        for suffix, family, name in FAMILIES
        for code, language in LANGUAGES
    ]
    rows += [
        {
            "database_code": "commonswiki",
            "domain_name": "commons.wikimedia.org",
            "database_group": "commons",
            "language_code": "en",
            "language_name": "English",
            "status": "open",
            "visibility": "public",
            "editability": "public",
            "english_name": "Wikimedia Commons",
        },
        {
            "database_code": "wikidatawiki",
            "domain_name": "www.wikidata.org",
            "database_group": "wikidata",
            "language_code": "en",
            "language_name": "English",
            "status": "open",
            "visibility": "public",
            "editability": "public",
            "english_name": "Wikidata",
        },
        {
            "database_code": "advisorswiki",
            "domain_name": "advisors.wikimedia.org",
            "database_group": "advisors",
            "language_code": "en",
            "language_name": "English",
            "status": "closed",
            "visibility": "private",
            "editability": "private",
            "english_name": "Advisors wiki",
        },
    ]
    return pa.Table.from_pylist(rows)


def editors_daily() -> pa.Table:
    """Return a month of wmf.editors_daily, without its partition column."""
    rng = np.random.default_rng([world.SEED, 3])
    wiki = rng.choice(3, EDITORS, p=[0.6, 0.22, 0.18])
    known = world.wikis()
    names = [
        known[number].editors[person % len(known[number].editors)]
        for number, person in zip(wiki.tolist(), (rng.pareto(0.9, EDITORS) * 30).astype("int64").tolist(), strict=True)
    ]
    temporary = np.array([name.startswith("~") for name in names])
    edits = rng.geometric(0.2, EDITORS)
    days = [f"{datetime(2026, 10, int(day), tzinfo=world.NOW.tzinfo):%Y-%m-%d}" for day in rng.integers(1, 32, EDITORS)]
    codes = [entry.code for entry in pageviews.countries()]
    return pa.table(
        {
            "wiki_db": [known[number].database for number in wiki.tolist()],
            "country_code": [codes[number] for number in rng.choice(len(codes), EDITORS).tolist()],
            "user_fingerprint_or_name": names,
            "user_is_anonymous": np.zeros(EDITORS, bool),
            "user_is_temporary": temporary,
            "user_is_permanent": ~temporary,
            "date": days,
            "edit_count": edits,
            "namespace_zero_edit_count": rng.binomial(edits, 0.7),
            "network_origin": pa.repeat("internet", EDITORS),
            "user_is_bot_by": pa.array(
                [["name"] if name.endswith("Bot") else [] for name in names], pa.list_(pa.string())
            ),
            "action_type": pa.array(np.zeros(EDITORS), pa.int32()),
        }
    )
