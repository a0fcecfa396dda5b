"""The portal's pages, with a real database: what each shows, and in what order things happen."""

from __future__ import annotations

from integration.web.running import Portal


def test_home_greets_and_says_what_one_can_do(portal: Portal) -> None:
    page = portal.signed_in().get("/")
    assert page.status_code == 200
    assert "Welcome, ann" in page.text
    assert "You have no notebooks yet" in page.text
    assert "Top pages and their size" in page.text
    assert "/data/mediawiki" in page.text
