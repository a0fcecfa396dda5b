"""A proxy of the site's own before SWAP: another Traefik, which speaks TLS in its place."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import services
from integration.hub.attackers import served
from integration.hub.conftest import PUBLIC, Browser, build, certificate_of, demolish
from integration.hub.tabs import Tab, hang_up
from swap import ports, visit

PROXY = "127.0.0.1"
"""Where the front connects from; the tests' browsers have other addresses of this machine."""
FORGED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "1",
    "X-Forwarded-Prefix": "/evil",
    "X-Real-Ip": "203.0.113.7",
    "X-Scheme": "http",
    "Forwarded": "for=203.0.113.7;host=evil.example;proto=http",
}


class Front:
    """The site's proxy.  It says for whom it speaks; at `careless` it also passes on what it is told, at `plain` it
    takes what comes without TLS."""

    def __init__(self, house):
        self.house = house
        self.plain, self.careless = ports.free(2)
        self.folder = services.temporary_directory()
        origins = house.settings.origins
        certificate = certificate_of(house.settings)
        tls = {"http": {"tls": {}}}
        entries = {
            "tls": tls | {"address": f"{PROXY}:{origins.address.port}"},
            "careless": tls | {"address": f"{PROXY}:{self.careless}", "forwardedHeaders": {"insecure": True}},
            "plain": {"address": f"{PROXY}:{self.plain}"},
        }
        provider = {"file": {"filename": str(self.folder / "routes.yml")}}
        server = {"loadBalancer": {"servers": [{"url": f"http://{PROXY}:{origins.listens}"}]}}
        self._write("static", {"entryPoints": entries, "providers": provider, "log": {"level": "WARN"}})
        self._write(
            "routes",
            {
                "http": {
                    "routers": {"all": {"rule": "PathPrefix(`/`)", "service": "swap"}},
                    "services": {"swap": server},
                },
                "tls": {
                    "certificates": [{"certFile": str(certificate), "keyFile": str(certificate.with_suffix(".key"))}]
                },
            },
        )
        program = shutil.which("traefik", path=str(Path(sys.executable).parent))
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [program, f"--configfile={self.folder / 'static.yml'}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _write(self, name, content):
        (self.folder / f"{name}.yml").write_text(json.dumps(content), encoding="utf-8")

    def ready(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()
        return all(map(ports.answers, (self.house.address.port, self.plain, self.careless)))

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def behind(postgres, *proxies):
    made = build(postgres, names=("ann", "bertrand", "chidi"), proxies=proxies)
    try:
        house = made.at("tls")
        house.front = Front(house)
        try:
            house.start("traefik")
            house.start("gateway", "web", "hub")
            house.wait_until(house.front.ready)
            yield house
        finally:
            house.front.close()
    finally:
        demolish(made)


@pytest.fixture(scope="module")
def house(embedded_postgres):
    with behind(embedded_postgres, PROXY) as made:
        yield made


@pytest.fixture(scope="module")
def trusting_house(embedded_postgres):
    """One that takes everybody on this machine for its proxy."""
    with behind(embedded_postgres, "127.0.0.0/8") as made:
        yield made


def client_of(house, name):
    """Return the address that the last sign-in of somebody is recorded with."""
    with house.database.engine().connect() as conn:
        return conn.exec_driver_sql(
            "select detail->>'client' from swap.audit_event where event = 'signed-in' and person_id = %s"
            " order by id desc limit 1",
            (house.person_id(name),),
        ).scalar_one()


def past_the_front(house, path, host=PUBLIC, **said):
    """Ask SWAP's own port, from an address that is not the proxy's."""
    with httpx.Client(
        transport=httpx.HTTPTransport(local_address="127.1.200.1", verify=services.NO_TLS), timeout=60
    ) as client:
        headers = {"Host": host, "Accept": "text/html"} | {
            name.replace("_", "-"): value for name, value in said.items()
        }
        return client.get(f"http://{PROXY}:{house.settings.origins.listens}{path}", headers=headers)


# ── what people meet ────────────────────────────────────────────────────────────────────────────────
def test_people_sign_in_and_work_through_the_proxy(house):
    browser = served(house, "ann")
    tab = Tab(house, browser)
    kernel = tab.api("/api/kernels", "POST", json={"name": "python3"}).json()["id"]

    async def reply():
        line = await tab.socket(kernel)
        asked = {"msg_id": "m", "msg_type": "kernel_info_request", "session": "s", "username": "", "version": "5.3"}
        message = {
            "header": asked,
            "parent_header": {},
            "metadata": {},
            "content": {},
            "channel": "shell",
            "buffers": [],
        }
        await line.write_message(json.dumps(message))
        while json.loads(await asyncio.wait_for(line.read_message(), 60))["msg_type"] != "kernel_info_reply":
            pass
        await hang_up(line)
        return True

    assert asyncio.run(reply())
    host = house.host(browser.person_id)
    # The browser here refuses cookies that are not Secure, or that another host may set.
    assert {
        browser.get(path, on, follow=False).headers.get("strict-transport-security")
        for path, on in (("/", ""), ("/nowhere", host))
    } == {"max-age=31536000; includeSubDomains"}
    assert tab.statuses()["/api/status"] == 200


def test_the_address_recorded_is_the_browsers_own(house):
    browser = house.sign_in("bertrand")

    assert client_of(house, "bertrand") == browser.address


@pytest.mark.parametrize("at", ["tls", "careless"])
def test_what_a_browser_says_of_how_it_came_changes_nothing(house, at):
    """Also where the proxy passes on all that it is told, but for how it was reached itself, which is its word."""
    said = (
        FORGED if at == "tls" else FORGED | {"X-Forwarded-Proto": "https", "X-Forwarded-For": f"203.0.113.7, {PROXY}"}
    )
    browser = house.browser()
    if at == "careless":
        browser.client.base_url = f"https://{PROXY}:{house.front.careless}"
    page = browser.get("/sign-in", headers=said)
    answer = browser.sign_in("chidi", headers=said)

    assert page.status_code == 200
    assert "evil" not in page.text
    assert browser.session, answer.text
    assert client_of(house, "chidi") == browser.address


def test_who_is_named_a_proxy_is_believed(trusting_house):
    """The control: what is forged above reaches SWAP, and counts where its sender is one of the proxies."""
    browser = trusting_house.browser()
    browser.client.base_url = f"https://{PROXY}:{trusting_house.front.careless}"
    browser.sign_in("chidi", headers=FORGED | {"X-Forwarded-Proto": "https"})

    assert browser.session
    assert client_of(trusting_house, "chidi") == "203.0.113.7"


def test_tries_of_one_address_hold_up_nobody_elsewhere_behind_the_same_proxy(house):
    allowed = house.settings.people.tries.per_address
    guesser = house.browser()
    statuses = [guesser.sign_in(f"nobody-{number}", "wrong").status_code for number in range(allowed + 1)]

    assert statuses[-1] == 429
    assert house.browser().sign_in("nobody", "wrong").status_code == 403


# ── who comes past it, and what came to it without TLS ──────────────────────────────────────────────
WAYS = [
    ("/", {}),
    ("/", {"X_Forwarded_Proto": "https"}),
    ("/hub/login", {"X_Forwarded_Proto": "https", "X_Forwarded_For": PROXY, "X_Real_Ip": PROXY}),
    ("/ping", {"X_Forwarded_Proto": "https", "Forwarded": f"for={PROXY};proto=https"}),
]


@pytest.mark.parametrize(("path", "said"), WAYS)
def test_whoever_comes_past_the_proxy_is_refused(house, path, said):
    for host in (PUBLIC, f"pabcdefghi.{PUBLIC}", "localhost", "evil.example"):
        answer = past_the_front(house, path, host, **said)

        assert (answer.status_code, answer.text) == (403, "Forbidden")


def test_nor_is_the_server_of_somebody_found_past_it(house):
    browser = served(house, "ann")
    path = f"/user/{browser.person_id}/api"

    assert browser.get(path, house.host(browser.person_id), follow=False).status_code == 200
    assert past_the_front(house, path, house.host(browser.person_id), X_Forwarded_Proto="https").status_code == 403


def test_where_everybody_is_a_proxy_they_are_answered(trusting_house):
    assert past_the_front(trusting_house, "/ping", X_Forwarded_Proto="https").headers[visit.MARK]
    assert past_the_front(trusting_house, "/hub/login", X_Forwarded_Proto="https").status_code < 400


@pytest.mark.parametrize(
    "said", [{}, {"X-Forwarded-Proto": "https"}, {"Forwarded": "proto=https", "X-Scheme": "https"}]
)
def test_what_came_to_the_proxy_without_tls_is_told_where_to_go(house, said):
    for path, host in (("/", PUBLIC), ("/hub/login", PUBLIC), ("/user/pabcdefghi/lab", f"pabcdefghi.{PUBLIC}")):
        with httpx.Client(verify=services.NO_TLS) as client:
            answer = client.get(f"http://{PROXY}:{house.front.plain}{path}", headers={"Host": host} | said)

        assert answer.status_code == 403
        assert "This did not come over TLS" in answer.text
        assert f"Go to {house.address.url}/" in answer.text
        assert "set-cookie" not in answer.headers


def test_the_tunnel_goes_on_beside_it_and_its_door_believes_nobody(house):
    door = house.at("tunnel")
    browser = Browser(door.settings, door.address)
    try:
        browser.sign_in("bertrand", headers={"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"})

        assert browser.session
        assert client_of(house, "bertrand") == browser.address
    finally:
        browser.client.close()


# ── as the doctor meets it ──────────────────────────────────────────────────────────────────────────
LOOKS = """
import json, sys
from swap import doctor, runtime
from swap.settings import Origins, Settings
origins, here, state = map(json.loads, sys.argv[1:])
found = doctor._public(Settings(state=state, origins=Origins(**origins)), runtime.Runtime(**here))
print(json.dumps([[each.works, each.saw] for each in found]))
"""
WITH_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'


def looked(house, folder, *, names=(PUBLIC, f"probe--x.{PUBLIC}"), trusted=None, port=None):
    """Look from a machine that finds these names here, and trusts that certificate."""
    hosts = folder / "hosts"
    hosts.write_text("".join(f"{PROXY} {name}\n" for name in (*names, "localhost")))
    origins = house.settings.origins.model_dump(mode="json", exclude_none=True)
    url = f"https://{PUBLIC}:{port or house.address.port}"
    told = [origins | {"url": url}, house.runtime.model_dump(mode="json"), str(house.state)]
    run = subprocess.run(
        ["unshare", "--mount", "sh", "-c", WITH_HOSTS, hosts, sys.executable, "-c", LOOKS, *map(json.dumps, told)],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SSL_CERT_FILE": str(trusted or certificate_of(house.settings))},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


def test_the_doctor_goes_to_the_public_address_as_a_browser_does(house, tmp_path):
    found = looked(house, tmp_path)

    assert [works for works, _ in found] == [False, False], "its certificate ends tomorrow"
    assert all("leads to the portal, with a certificate that ends" in saw for _, saw in found)


def test_the_doctor_says_what_a_browser_would_stumble_over(house, trusting_house, tmp_path):
    other = certificate_of(trusting_house.settings)
    elsewhere = looked(house, tmp_path, trusted=other, port=trusting_house.address.port)
    nowhere = looked(house, tmp_path, names=(PUBLIC,))
    distrusted = looked(house, tmp_path, trusted=other)
    silent = looked(house, tmp_path, port=ports.free(1)[0])

    assert elsewhere == [
        [False, f"{name} leads to something that is not this SWAP (status 204)"]
        for name in (PUBLIC, f"probe--x.{PUBLIC}")
    ]
    assert nowhere[1] == [False, f"this machine does not find probe--x.{PUBLIC}"]
    assert all("the certificate there is refused: self-signed certificate" in saw for _, saw in distrusted)
    assert [saw.partition(PUBLIC)[0] for _, saw in silent] == [
        "nobody speaks TLS at ",
        "nobody speaks TLS at probe--x.",
    ]
