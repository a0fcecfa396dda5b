"""What only a browser decides: cookies across *.localhost, and the sign-in page as people use it."""

from __future__ import annotations

import pytest

import browsers


@pytest.fixture(scope="module")
def chromium():
    with browsers.running() as browser:
        yield browser


@pytest.fixture
def page(chromium, house):
    context = chromium.new_context(base_url=f"http://localhost:{house.port}")
    outside = []
    context.on(
        "request",
        lambda request: (
            None
            if ".localhost:" in request.url or "//localhost:" in request.url or request.url.startswith("data:")
            else outside.append(request.url)
        ),
    )
    yield context.new_page()
    context.close()
    assert outside == []


def test_a_click_fills_the_form_in_and_the_button_signs_in(house, page):
    page.goto("/sign-in")
    page.get_by_role("button", name="o'brien").click()
    assert page.get_by_label("Password").input_value() == "demo-o'brien"
    page.get_by_role("button", name="Sign in").click()

    page.wait_for_url(f"http://localhost:{house.port}/")
    assert "o'brien" in page.content()


def test_the_form_works_without_script(chromium, house):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"http://localhost:{house.port}/sign-in")
    page.get_by_label("User name").fill("ann")
    page.get_by_label("Password").fill("demo-ann")
    page.get_by_role("button", name="Sign in", exact=True).click()

    assert page.url == f"http://localhost:{house.port}/"
    context.close()


def test_the_page_breaks_no_rule_of_its_own_content_policy(house, page):
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.goto("/sign-in")
    page.get_by_label("User name").fill("nobody-here")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("alert").wait_for()

    assert [text for text in said if "403" not in text] == []
    assert page.get_by_label("User name").input_value() == "nobody-here"


def test_h03_a_persons_page_cannot_set_a_cookie_for_the_portal(house, page):
    """Cookie tossing: the reason why people's hosts are *.localhost, where a browser allows no cookie for all of it."""
    host = f"http://pabcdefghi.localhost:{house.port}"
    page.route(
        f"{host}/**", lambda route: route.fulfill(body="<p>a page of a person's own</p>", content_type="text/html")
    )
    page.goto(f"{host}/user/pabcdefghi/files/evil.html")
    page.evaluate("""() => {
        document.cookie = 'control=1; path=/';
        for (const domain of ['localhost', '.localhost'])
            for (const name of ['_xsrf', 'jupyterhub-hub-login', 'swap_session', 'jupyterhub-session-id'])
                for (const path of ['/', '/hub/']) document.cookie = `${name}=evil; domain=${domain}; path=${path}`;
    }""")

    kept = page.context.cookies()
    assert [cookie["name"] for cookie in kept if cookie["domain"] == "pabcdefghi.localhost"] == ["control"], (
        "the page can set cookies of its own"
    )
    assert [cookie for cookie in kept if cookie["value"] == "evil"] == []
    page.goto("/sign-in")
    assert "evil" not in str(page.context.cookies(f"http://localhost:{house.port}/hub/"))
