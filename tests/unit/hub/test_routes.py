from __future__ import annotations

import re

import pytest

from swap.hub import routes
from swap.identity import PERSON_ID


@pytest.fixture
def http(make_settings, runtime):
    return routes.traefik(make_settings(), runtime)["dynamic"]["http"]


def test_ids_are_what_traefik_takes_for_ids():
    assert routes.PERSON.replace("p[", "p[", 1) == PERSON_ID.pattern


def test_only_two_paths_lead_to_the_hub(http):
    to_hub = [router["rule"] for router in http["routers"].values() if router["service"] == "hub"]

    assert to_hub == [
        "Host(`localhost`) && Path(`/hub/login`)",
        "Host(`localhost`) && Path(`/hub/api/oauth2/authorize`)",
    ]


def test_every_router_names_its_host(http):
    assert all("Host" in router["rule"] for router in http["routers"].values())


def test_our_guards_outweigh_any_route_the_hub_writes(http):
    longest = len("Host(`pabcdefghi.localhost`) && ( PathPrefix(`/user/pabcdefghi/`) || Path(`/user/pabcdefghi`) )") * 2
    for name in ("sign-in", "hub", "hub-pages", "user-on-portal", "hub-on-person"):
        assert http["routers"][name]["priority"] > longest
    for name in ("portal", "person", "server-not-running"):
        assert http["routers"][name]["priority"] < 30


@pytest.mark.parametrize(
    ("middleware", "url", "leads_to"),
    [
        ("to-portal", "http://localhost:8000/hub/home", "http://localhost:8000/"),
        ("to-portal", "http://evil.com/hub/spawn?next=//evil.com", "http://localhost:8000/"),
        (
            "to-person",
            "http://localhost:8000/user/pabcdefghi/lab?x=1",
            "http://pabcdefghi.localhost:8000/user/pabcdefghi/lab?x=1",
        ),
        ("to-person", "http://localhost:8000/user/pabcdefghi", "http://pabcdefghi.localhost:8000/user/pabcdefghi"),
        (
            "to-start",
            "http://pabcdefghi.localhost:8000/user/pabcdefghi/lab/tree/a%20b/c.ipynb?x=1",
            "http://localhost:8000/server?next=a%20b/c.ipynb",
        ),
        ("to-start", "http://pabcdefghi.localhost:8000/user/pabcdefghi/lab", "http://localhost:8000/server?next="),
        (
            "to-start",
            "http://pabcdefghi.localhost:8000/user/pabcdefghi/lab/tree//evil.com",
            "http://localhost:8000/server?next=/evil.com",
        ),
        ("to-start", "http://pabcdefghi.localhost:8000/user/pabcdefghi", "http://localhost:8000/server?next="),
    ],
)
def test_a_redirect_leads_to_the_portal_or_to_a_person_and_nowhere_else(http, middleware, url, leads_to):
    redirect = http["middlewares"][middleware]["redirectRegex"]
    template = re.sub(r"\$\{(\d)\}", r"\\g<\1>", redirect["replacement"])

    found = re.match(redirect["regex"], url)

    assert found
    assert re.sub(r"\\g<(\d)>", lambda group: found[int(group[1])] or "", template) == leads_to


def test_a_redirect_to_a_person_needs_a_whole_id(http):
    regex = http["middlewares"]["to-person"]["redirectRegex"]["regex"]

    for path in ("/user/content/lab", "/user/pabcdefghi.evil.com/", "/user/PABCDEFGHI/", "/user/pabcdefghij/"):
        assert not re.match(regex, f"http://localhost:8000{path}")


def test_the_proxys_own_password_is_not_in_its_files(make_settings, runtime):
    contents = routes.traefik(make_settings(), runtime)

    assert "api-password" not in str(contents)
    assert "hub:{SHA}" in str(contents)


def test_a_site_with_another_port_in_browsers_says_that_port(make_settings, runtime):
    http = routes.traefik(make_settings(port=8000, public_port=18000), runtime)["dynamic"]["http"]

    assert http["middlewares"]["to-portal"]["redirectRegex"]["replacement"] == "http://localhost:18000/"


def test_paths_are_made_plain_and_none_hides_a_slash(make_settings, runtime):
    web = routes.traefik(make_settings(), runtime)["static"]["entryPoints"]["web"]["http"]

    assert web["sanitizePath"]
    assert {name for name, allowed in web["encodedCharacters"].items() if not allowed} == {
        "allowEncodedSlash",
        "allowEncodedBackSlash",
        "allowEncodedNullCharacter",
    }


def test_the_proxys_own_interface_asks_for_its_password(http):
    assert http["routers"]["api"]["middlewares"] == ["api-login"]


def test_a_persons_host_is_that_name_and_not_one_that_holds_it(http):
    rules = [http["routers"][name]["rule"] for name in ("person", "hub-on-person", "server-not-running")]
    patterns = {re.search("HostRegexp\\(`([^`]*)`\\)", rule)[1] for rule in rules}

    (pattern,) = patterns
    assert re.search(pattern, "pabcdefghi.localhost")
    for host in ("evilpabcdefghi.localhost", "pabcdefghi.localhost.evil.com", "x.pabcdefghi.localhost", "localhost"):
        assert not re.search(pattern, host)


def test_only_what_is_looked_at_is_asked_for_on_the_host_of_notebooks(make_settings, runtime, http):
    """No rule refuses a page without an origin there; nothing can be sent, and no person can have that host."""
    rule = "Host(`content.localhost`) && (Method(`GET`) || Method(`HEAD`))"
    assert http["routers"]["content"]["rule"] == rule
    assert http["routers"]["content"]["service"] == "portal"
    assert f"!({rule})" in http["routers"]["foreign"]["rule"]
    assert not PERSON_ID.fullmatch("content")
    apart = make_settings(origins=ORIGINS | {"content_host": "swap-content.example"})
    there = routes.traefik(apart, runtime)["dynamic"]["http"]["routers"]["content-public"]["rule"]
    assert there.startswith("Host(`swap-content.example`)")


def test_a_name_with_a_dot_behind_it_leads_nowhere(http):
    """Traefik's `Host` takes it for the name without, and no rule of ours for a page of another host would."""
    router = http["routers"]["dotted"]
    pattern = re.search("HostRegexp\\(`([^`]*)`\\)", router["rule"])[1]

    assert all(re.search(pattern, host) for host in ("localhost.", "pabcdefghi.localhost."))
    assert not any(re.search(pattern, host) for host in ("localhost", "pabcdefghi.localhost", "localhost.evil."))
    assert router["middlewares"] == ["to-nothing"]
    assert router["priority"] == max(each.get("priority", 0) for each in http["routers"].values())


def test_the_dots_of_a_host_are_dots(make_settings, runtime):
    http = routes.traefik(make_settings(host="swap.localhost"), runtime)["dynamic"]["http"]

    assert r"\.swap\.localhost$" in http["routers"]["person"]["rule"]


# ── the public address ──────────────────────────────────────────────────────────────────────────────
ORIGINS = {
    "url": "https://swap.example.org",
    "certificate": "/c.pem",
    "key": "/k.pem",
    "bind": "127.0.0.1",
    "http_port": 80,
}


@pytest.fixture
def public(make_settings, runtime):
    return routes.traefik(make_settings(origins=ORIGINS), runtime)


def test_each_route_is_of_one_address_and_on_its_entry_alone(public):
    for name, router in public["dynamic"]["http"]["routers"].items():
        if name in {"api", "by-address", "to-tls"}:
            continue
        ours = "swap.example.org" if name.endswith("-public") else "localhost"
        other = "localhost" if name.endswith("-public") else "swap"
        assert router["entryPoints"] == ["public" if name.endswith("-public") else "web"], name
        assert other not in router["rule"], name
        assert ours in router["rule"].replace("\\", "") or "nothing-here" in name, name


def test_the_public_entry_speaks_nothing_but_tls_and_demands_it_from_then_on(public):
    entries = public["static"]["entryPoints"]

    assert entries["public"]["address"] == "127.0.0.1:443"
    assert entries["public"]["http"]["tls"] == {}
    assert "only-tls@file" in entries["public"]["http"]["middlewares"]
    assert "tls" not in entries["web"]["http"]
    assert "only-tls@file" not in entries["web"]["http"]["middlewares"]


def test_no_entry_believes_what_is_said_of_a_client(public):
    entries = public["static"]["entryPoints"]

    assert all("forwardedHeaders" not in entry for entry in entries.values())
    assert all("no-hearsay@file" in entries[name]["http"]["middlewares"] for name in ("web", "public"))


def test_plain_http_has_an_entry_only_where_told(make_settings, runtime, public):
    without = routes.traefik(make_settings(origins=ORIGINS | {"http_port": None}), runtime)

    assert public["static"]["entryPoints"]["plain"]["address"] == "127.0.0.1:80"
    assert "plain" not in without["static"]["entryPoints"]
    assert "to-tls" not in without["dynamic"]["http"]["routers"]


def test_without_a_public_address_there_is_nothing_of_it(make_settings, runtime):
    made = routes.traefik(make_settings(), runtime)

    assert set(made["static"]["entryPoints"]) == {"web", "api"}
    assert not [name for name in made["dynamic"]["http"]["routers"] if "public" in name or "tls" in name]


def test_an_ipv6_address_is_written_as_traefik_reads_it(make_settings, runtime):
    made = routes.traefik(make_settings(origins=ORIGINS | {"bind": "::1"}), runtime)

    assert made["static"]["entryPoints"]["public"]["address"] == "[::1]:443"


# ── proxies of the site's own ───────────────────────────────────────────────────────────────────────
BEHIND = {
    "url": "https://swap.example.org",
    "bind": "10.0.0.5",
    "port": 8080,
    "proxies": ["192.0.2.7", "192.0.2.16/28"],
}


@pytest.fixture
def behind(make_settings, runtime):
    return routes.traefik(make_settings(origins=BEHIND), runtime)


def test_behind_proxies_they_alone_are_answered_and_believed(behind):
    entries, middlewares = behind["static"]["entryPoints"], behind["dynamic"]["http"]["middlewares"]

    assert entries["public"]["address"] == "10.0.0.5:8080"
    assert "tls" not in entries["public"]["http"]
    assert entries["public"]["http"]["middlewares"][0] == "only-proxies@file"
    assert middlewares["only-proxies"]["ipAllowList"]["sourceRange"] == ["192.0.2.7/32", "192.0.2.16/28"]
    assert entries["public"]["forwardedHeaders"] == {"trustedIPs": ["192.0.2.7/32", "192.0.2.16/28"]}
    assert [name for name, entry in entries.items() if "forwardedHeaders" in entry] == ["public"]


def test_behind_proxies_what_came_without_tls_is_answered_before_anything_else(behind):
    routers = behind["dynamic"]["http"]["routers"]
    first = max(
        (each for each in routers.values() if "public" in each["entryPoints"]), key=lambda router: router["priority"]
    )

    assert first is routers["not-by-tls"]
    assert first["middlewares"] == ["to-plain"]


@pytest.mark.parametrize(
    ("said", "served"),
    [
        (["https"], True),
        (["wss"], True),
        (["http"], False),
        (["ws"], False),
        (["https", "http"], False),
        (["https, http"], False),
        (["xhttps"], False),
        (["HTTPS"], False),
        ([], False),
    ],
)
def test_tls_is_what_every_word_of_the_proxies_says(said, served):
    one, other = re.findall(r"`(\^[^`]*)`", routes.CAME_BY_TLS)

    assert (any(re.search(one, word) for word in said) and not any(re.search(other, word) for word in said)) is served


def test_without_proxies_there_is_nothing_of_them(public):
    http = public["dynamic"]["http"]

    assert "not-by-tls" not in http["routers"]
    assert not [name for name in http["middlewares"] if "proxies" in name]
