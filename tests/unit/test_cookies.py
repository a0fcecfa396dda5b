"""Cookies under TLS."""

from __future__ import annotations

import pytest

from swap import cookies


def test_a_name_that_any_host_could_have_set_is_not_received() -> None:
    assert cookies.received("a=evil; __Host-a=good; __host-a=evil; __Secure-a=evil;b=evil") == "a=good"


@pytest.mark.parametrize("space", ["\xa0", "\x85", "\x1f", "\u2000", "\xe2\x80\x80"])
def test_what_only_python_takes_for_space_does_not_hide_that_a_prefix_is_not_the_first(space: str) -> None:
    assert cookies.received(f"{space}__Host-a=evil; b=c;{space}__Host-a=evil") == ""


def test_what_is_kept_is_kept_by_its_whole_name() -> None:
    assert cookies.received("_xsrf=x; _xsrf2=y; __Host-_xsrf=z", keep={"_xsrf"}) == "_xsrf=x; _xsrf=z"


def test_there_is_no_prefix_without_tls() -> None:
    assert cookies.named("a", tls=False) == "a"
    assert cookies.named("a", tls=True) == "__Host-a"
