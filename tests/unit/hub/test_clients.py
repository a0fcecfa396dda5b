from __future__ import annotations

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from swap.hub import clients


class Connection:
    """What tornado made of X-Forwarded-For."""

    class Context:
        remote_ip = "203.0.113.9"
        protocol = "http"

    context = Context()


def request(**headers):
    line = RequestStartLine("POST", "/hub/login", "HTTP/1.1")
    return HTTPServerRequest(
        start_line=line, headers=HTTPHeaders({"Host": "localhost"} | headers), connection=Connection()
    )


def test_traefik_is_believed(runtime):
    assert clients.address(request(**{clients.PROOF: clients.proof(runtime)}), runtime) == "203.0.113.9"


@pytest.mark.parametrize("shown", [None, "", "x" * 64, "\xe9", "api-password"])
def test_whoever_speaks_to_the_hub_past_traefik_is_this_machine_whatever_they_say(runtime, shown):
    made = request() if shown is None else request(**{clients.PROOF: shown})

    assert clients.address(made, runtime) == "127.0.0.1"


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
