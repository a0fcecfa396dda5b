from __future__ import annotations

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from swap.hub import clients


def request(**headers):
    line = RequestStartLine("POST", "/hub/login", "HTTP/1.1")
    return HTTPServerRequest(start_line=line, headers=HTTPHeaders({"Host": "localhost"} | headers))


def forwarded(hops, **headers):
    return request(**{"X-Forwarded-For": hops, "X-Real-Ip": "198.51.100.200"} | headers)


def test_traefik_is_believed(runtime):
    made = forwarded("203.0.113.9", **{clients.PROOF: clients.proof(runtime)})

    assert clients.address(made, runtime, ()) == "203.0.113.9"


@pytest.mark.parametrize("shown", [None, "", "x" * 64, "\xe9", "api-password"])
def test_whoever_speaks_to_the_hub_past_traefik_is_this_machine_whatever_they_say(runtime, shown):
    made = forwarded("203.0.113.9", **({} if shown is None else {clients.PROOF: shown}))

    assert clients.address(made, runtime, ("192.0.2.0/28",)) == "127.0.0.1"


@pytest.mark.parametrize(
    ("hops", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 192.0.2.1", "203.0.113.9"),
        ("203.0.113.9,192.0.2.1,192.0.2.15", "203.0.113.9"),
        # What a browser says of itself stands before what the first proxy saw.
        ("192.0.2.1, 10.0.0.1, 203.0.113.9, 192.0.2.1", "203.0.113.9"),
        ("evil, 203.0.113.9, 192.0.2.1", "203.0.113.9"),
        ("203.0.113.9, 2001:db8::1", "203.0.113.9"),
        ("203.0.113.9, ::ffff:192.0.2.1", "203.0.113.9"),
        # Of all that nobody but proxies is said to be in, the first; a proxy that names nobody stands for them.
        ("192.0.2.2, 192.0.2.1", "192.0.2.2"),
        ("unknown, 192.0.2.1", "192.0.2.1"),
        ("203.0.113.7, _hidden, 192.0.2.1", "192.0.2.1"),
        ("203.0.113.7, , 192.0.2.1", "192.0.2.1"),
        ("", "127.0.0.1"),
        ("nonsense", "127.0.0.1"),
    ],
)
def test_the_last_hop_that_is_no_proxy_counts_as_the_client(hops, client):
    assert clients.last_stranger(hops, ("192.0.2.0/28", "2001:db8::1/128")) == client


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "127.0.0.1"),
        ("nonsense", "127.0.0.1"),
    ],
)
def test_an_address_counts_as_a_network_where_one_machine_has_a_whole_network(address, counts_as):
    assert clients.network(address) == counts_as
