from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from swap.hub import known
from swap.people import signed

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SECRET = "hub-cookie-secret-of-some-length-0"


def test_a_browser_is_known_again_for_the_name_it_signed_in_under():
    value = known.seal(SECRET, "ann", "b1", NOW)

    assert known.unseal(SECRET, "ann", value, NOW + timedelta(days=89)) == "b1"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        known.seal(SECRET, "bertrand", "b1", NOW),
        known.seal("another-secret-of-the-same-length-0", "ann", "b1", NOW),
        known.seal(SECRET, "ann", "b1", NOW - timedelta(days=91)),
        signed.sign(SECRET, known.AUDIENCE, {"name": "ann", "browser": "b1"}, now=NOW, seconds=60),
    ],
    ids=["nothing", "nonsense", "for somebody else", "of another site", "ended", "signed with the secret itself"],
)
def test_no_other_cookie_makes_a_browser_known(value):
    assert known.unseal(SECRET, "ann", value, NOW) == ""


def test_a_browser_may_be_known_to_two_people_and_says_neither_name():
    assert known.cookie_name("ann") != known.cookie_name("bertrand")
    assert "ann" not in known.cookie_name("ann") + known.seal(SECRET, "ann", "b1", NOW)
