"""What searches logs for secrets finds them in every form: a search that finds nothing must be one that could."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from canaries import found

SECRET = "x9f3a1c77b2e04d5a8c6"

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in an address": lambda text: quote(text, safe=""),
    "in an address, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "in JSON": json.dumps,
    "in HTML": html.escape,
    "as Python": repr,
    "as bytes": lambda text: repr(text.encode()),
    "in capitals": str.upper,
    "in hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "backwards": lambda text: text[::-1],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "p@ss'\"/+<&é "])
@pytest.mark.parametrize("after", ["", "z", "%&"])
def test_each_form_is_found(form: str, before: str, after: str) -> None:
    line = f"12:00 WARNING {FORMS[form](before + SECRET + after)} failed"

    assert found({"password": SECRET}, {"hub.log": line, "web.log": "12:00 INFO nothing"}).keys() == {"hub.log"}


def test_a_secret_is_found_by_its_middle() -> None:
    assert found({"token": "head" * 10 + SECRET + "tail" * 10}, {"log": f"… {SECRET} …"})
    assert not found({"token": "head" * 10 + SECRET + "tail" * 10}, {"log": "headhead tailtail"})
