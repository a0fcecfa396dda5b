"""Where the hub's OAuth door leads, by the address it was asked at."""

from __future__ import annotations

import pytest

from swap.hub.addresses import moved
from swap.settings import Address

LOCAL = Address("http", "localhost", 8000)
PUBLIC = Address("https", "swap.example.org", 443)


def test_what_leads_to_a_persons_server_leads_there_below_the_same_address():
    location = "http://pabcdefghi.localhost:8000/user/pabcdefghi/oauth_callback?code=c&state=s"

    assert moved(location, LOCAL, LOCAL) == location
    assert moved(location, LOCAL, PUBLIC) == (
        "https://pabcdefghi.swap.example.org/user/pabcdefghi/oauth_callback?code=c&state=s"
    )


@pytest.mark.parametrize(
    "location",
    [
        "/oauth_callback?code=c",
        "/hub/login?next=http://pabcdefghi.localhost:8000/",
        "http://localhost:8000/",
        "http://pabcdefghi.localhost:8000.evil.com/",
        "http://pabcdefghi.localhost:80001/",
        "http://pabcdefghix.localhost:8000/",
        "https://evil.example/http://pabcdefghi.localhost:8000/",
    ],
)
def test_what_leads_elsewhere_is_left(location):
    assert moved(location, LOCAL, PUBLIC) == location
