"""The page in the place of a server that does not answer."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from swap import look
from swap.settings import Site
from swap.web import gone, guard
from swap.web.app import TEMPLATES


@pytest.fixture(scope="module")
def page() -> gone.Gone:
    return gone.Gone(look.environment(TEMPLATES), (Site().address,))


def test_its_policy_allows_the_sheet_in_it_and_nothing_else(page: gone.Gone) -> None:
    answer = page.answer("pabcdefghi.localhost", gone.PATH)
    assert answer is not None
    text = bytes(answer.body).decode()
    sheet = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert sheet
    digest = base64.b64encode(hashlib.sha256(sheet[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert "script" not in answer.headers["content-security-policy"]
    assert not re.search(r"<script|<form|<link rel=.stylesheet|\sstyle=", text)
    assert 'href="http://localhost:8000/"' in text


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("localhost", gone.PATH),
        ("content.localhost", gone.PATH),
        ("pabcdefghi.evil.com", gone.PATH),
        ("pabcdefghi.localhost.evil.com", gone.PATH),
        ("pabcdefghi.localhost", "/"),
        ("pabcdefghi.localhost", "/data"),
        ("pabcdefghi.localhost", f"{gone.PATH}/x"),
        ("x.pabcdefghi.localhost", gone.PATH),
    ],
)
def test_it_is_shown_at_one_path_of_a_persons_host_only(page: gone.Gone, host: str, path: str) -> None:
    assert page.answer(host, path) is None


def test_the_portals_own_policy_allows_no_inline_style() -> None:
    assert "style-src 'self';" in guard.policy(Site().address)
