"""Which addresses may be told of runs, and at which numbers of the network: nobody's word leads inside the site."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from swap.client.period import Interval
from swap.errors import Invalid
from swap.reports import hooks

HOSTS = ("hooks.example.org", "chat.example.org:8443", "10.0.0.7")


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://hooks.example.org", "hooks.example.org", 443, "/"),
        ("https://HOOKS.example.org/a/b?c=d", "hooks.example.org", 443, "/a/b?c=d"),
        ("https://chat.example.org:8443/x", "chat.example.org", 8443, "/x"),
        ("https://10.0.0.7/", "10.0.0.7", 443, "/"),
    ],
)
def test_an_address_on_a_host_that_the_settings_name_is_taken(url: str, host: str, port: int, path: str) -> None:
    assert hooks.read(url, HOSTS) == hooks.Hook(host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "https://evil.example/",
        "https://hooks.example.org.evil.example/",
        "https://hooks.example.org:8443/",
        "https://chat.example.org/",
        "https://hooks.example.org@evil.example/",
        "https://ann:secret@hooks.example.org/",
        "https://hooks.example.org/\r\nHost: evil.example",
        "https://hooks.example.org/ HTTP/1.1",
        "https://hooks.example.org\\@evil.example/",
        "https://hooks.example.org/#part",
        "https://hooks.example.org:99999/",
        "https://hooks.example.org/é",
        "https:///",
        "ftp://hooks.example.org/",
        "hooks.example.org",
        "https://hooks.example.org/" + "a" * hooks.LENGTH,
    ],
)
def test_j03_no_other_address_is_taken(url: str) -> None:
    """J03: neither another host nor a line of the request is written by an address."""
    with pytest.raises(Invalid):
        hooks.read(url, HOSTS)
    assert hooks.read("https://hooks.example.org/", HOSTS)  # the control


def test_where_no_host_is_named_none_is_told() -> None:
    with pytest.raises(Invalid, match="SWAP tells no host"):
        hooks.read("https://hooks.example.org/", ())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.8",
        "172.16.3.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.8",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:8",
        "2002:a00:8::",
        "ff02::1",
    ],
)
def test_a_name_that_leads_inside_is_refused_unless_the_address_is_named_too(address: str) -> None:
    with pytest.raises(hooks.Refused):
        hooks.allowed([address], HOSTS)
    assert hooks.allowed(["10.0.0.7"], HOSTS) == "10.0.0.7"
    assert hooks.allowed([address, "8.8.8.8"], HOSTS) == "8.8.8.8"
    assert hooks.allowed(["fd00::2"], ["[fd00::2]"]) == "fd00::2"


def test_what_is_told_is_addresses_a_state_and_a_period() -> None:
    period = Interval(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))
    assert json.loads(hooks.said("https://s/reports/a", "https://s/reports/a/runs/b", "failed", period)) == {
        "report": "https://s/reports/a",
        "run": "https://s/reports/a/runs/b",
        "state": "failed",
        "period": {"start": "2026-09-01T00:00:00+00:00", "end": "2026-10-01T00:00:00+00:00"},
    }
