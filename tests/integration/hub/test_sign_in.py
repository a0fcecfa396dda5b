from __future__ import annotations


def test_signing_in_leads_to_the_portal(house):
    browser = house.browser()

    answer = browser.sign_in("ann")

    assert answer.status_code == 200
    assert browser.session
    assert "ann" in answer.text
