"""The public address in swap.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swap.errors import SettingsError
from swap.settings import Address, Settings, load

TUNNEL = Address("http", "localhost", 8000)
PUBLIC = {"url": "https://swap.example.org", "certificate": "c.pem", "key": "k.pem"}


BEHIND: dict[str, Any] = {"url": PUBLIC["url"], "bind": "127.0.0.1", "port": 8443, "proxies": ["192.0.2.7"]}


def problems(directory: Path, origins: dict[str, Any], more: str = "") -> list[str]:
    lines = [f"{name} = {value!r}" for name, value in origins.items()]
    (directory / "swap.toml").write_text(
        "state = 'state'\npeople.file = 'people.toml'\n" + more + "\n[origins]\n" + "\n".join(lines) + "\n"
    )
    with pytest.raises(SettingsError) as caught:
        load(directory / "swap.toml")
    found: list[str] = caught.value.problem.extra["problems"]
    return [problem.partition(" ")[2] for problem in found]


@pytest.mark.parametrize(
    ("origins", "message"),
    [
        ({"certificate": "c.pem"}, "origins: url is missing: the public address that the others are for."),
        (
            {"url": PUBLIC["url"]},
            "origins: certificate is missing: SWAP needs both to speak TLS, or proxies that speak it.",
        ),
        (
            {"url": PUBLIC["url"], "certificate": "c.pem"},
            "origins: key is missing: SWAP needs both to speak TLS, or proxies that speak it.",
        ),
        *(
            (
                BEHIND | {name: value},
                f"origins: proxies and {name} are both set: either the proxies speak TLS or SWAP does. Remove one of them.",
            )
            for name, value in {"certificate": "c.pem", "key": "k.pem", "http_port": 80}.items()
        ),
        (
            {"url": PUBLIC["url"], "proxies": ["192.0.2.7"]},
            "origins: port is missing: the port on which the proxies reach SWAP, without TLS.",
        ),
        *(
            (
                BEHIND | {"proxies": ["192.0.2.7", proxy]},
                "origins.proxies[1]: it must be an address or a network, for example 192.0.2.7 or 192.0.2.0/28.",
            )
            for proxy in ("proxy.example.org", "192.0.2.7/24", "192.0.2.7:80", "")
        ),
        *(
            (
                BEHIND | {"proxies": [proxy]},
                "origins.proxies[0]: it must not be everybody: whoever it names is believed about who comes.",
            )
            for proxy in ("0.0.0.0/0", "::/0")
        ),
        *(
            (
                PUBLIC | {"url": url},
                "origins.url: it must be https:// and a name in lower case, for example https://swap.example.org.",
            )
            for url in (
                "http://swap.example.org",
                "https://swap",
                "https://192.0.2.1",
                "https://swap.localhost",
                "https://Swap.example.org",
                "https://swap.example.org/path",
                "https://u:p@swap.example.org",
                "https://swap.example.org:x",
                "https://swap`.example.org",
            )
        ),
        (PUBLIC | {"url": "https://swap.example.org:65536"}, "origins.url: its port must be between 1 and 65535."),
        (PUBLIC | {"prot": 1}, "origins.prot is not a setting. Did you mean origins.port?"),
        (
            PUBLIC | {"bind": "127.0.0.1", "port": 8000},
            "origins.port is port 8000, which SWAP listens on for something else too.",
        ),
        (
            PUBLIC,
            (
                "origins.bind is 0.0.0.0, but people.authenticator 'file' and launch.isolation 'none' keep nobody apart"
                " on a network. Use people.authenticator 'ldap' and launch.isolation 'user', or 127.0.0.1 here."
            ),
        ),
    ],
)
def test_each_mistake_is_told_in_the_settings_own_name(tmp_path: Path, origins: dict[str, Any], message: str) -> None:
    assert message in problems(tmp_path, origins)


def test_the_two_addresses_may_not_hold_one_another(tmp_path: Path) -> None:
    told = problems(tmp_path, PUBLIC | {"bind": "127.0.0.1"}, "site.host = 'example.org'")

    assert told == ["origins.url is in site.host, example.org, or holds it. Leave site.host out: it is for tunnels."]


def settings(**origins: object) -> Settings:
    return Settings.model_validate({"state": "/s", "people": {"file": "/p"}, "origins": origins})


def test_the_public_address_comes_first_and_the_tunnels_stays() -> None:
    made = settings(**PUBLIC)

    assert [address.url for address in made.addresses] == ["https://swap.example.org", "http://localhost:8000"]
    assert settings().addresses == (TUNNEL,)


@pytest.mark.parametrize(
    ("host", "tls"),
    [
        ("swap.example.org", True),
        ("swap.example.org:443", True),
        ("pabcdefghi.SWAP.example.org", True),
        ("localhost:8000", False),
        ("pabcdefghi.localhost:18000", False),
        ("evilswap.example.org", False),
        ("swap.example.org.evil.com", False),
        ("", False),
        ("[::1]:8000", False),
    ],
)
def test_a_request_came_by_the_address_that_its_host_is_of(host: str, tls: bool) -> None:
    assert settings(**PUBLIC).address_of(host).tls is tls


def test_a_port_stands_in_an_address_only_where_browsers_write_it() -> None:
    assert Address("https", "swap.example.org", 443).person_url("p") == "https://p.swap.example.org"
    assert Address("https", "swap.example.org", 8443).url == "https://swap.example.org:8443"
    assert Address("http", "localhost", 80).url == "http://localhost"


def test_notebooks_are_shown_below_the_portals_name_or_on_a_host_of_another_domain() -> None:
    assert [each.content_url for each in settings(**PUBLIC).addresses] == [
        "https://content.swap.example.org",
        "http://content.localhost:8000",
    ]
    apart = settings(**PUBLIC, content_host="swap-content.example")
    assert apart.addresses[0].content_url == "https://swap-content.example"
    assert apart.address_of("swap-content.example").tls
    assert not apart.address_of("x.swap-content.example").tls


@pytest.mark.parametrize("host", ["swap.example.org", "example.org", "content.example.org", "a.b.example.org"])
def test_a_host_of_the_same_domain_is_none_of_another(tmp_path: Path, host: str) -> None:
    assert "another domain" in str(problems(tmp_path, PUBLIC | {"bind": "127.0.0.1", "content_host": host}))
    assert settings(**PUBLIC | {"url": "https://swap.example.co.uk"}, content_host="swap-content.co.uk")


@pytest.mark.parametrize(
    "host", ["Swap.example", "https://swap.example", "swap", "swap.localhost", "swap.example/x", "-a.example"]
)
def test_a_content_host_is_a_name(tmp_path: Path, host: str) -> None:
    assert "must be a name" in str(problems(tmp_path, PUBLIC | {"bind": "127.0.0.1", "content_host": host}))


def test_swap_listens_where_told_and_else_where_the_address_says() -> None:
    assert settings(**PUBLIC).origins.listens == 443
    assert settings(**PUBLIC, port=8443).origins.listens == 8443


def test_behind_proxies_swap_has_no_certificate_and_listens_where_they_reach_it() -> None:
    made = settings(**BEHIND).origins

    assert (made.pair, made.listens, made.proxies) == (None, 8443, ("192.0.2.7/32",))
    assert made.address is not None
    assert made.address.url == "https://swap.example.org"
