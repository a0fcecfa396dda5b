"""What is left of HTML in a notebook that is saved as HTML, and how much work a hostile one makes."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from swap.lab.exporting import seen

MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a<script>b</script>c", "ac"),
        ("a<SCRIPT/x>b</script\n>c<style>d</STYLE>e", "ace"),
        ("a<style>b<script>c</style>d</script>e", "ad</script>e"),
        ("<title>a<title>b</title>c</title>d", "c</title>d"),
        ("a<template>b</templates>c", "a<template>b</templates>c"),
        ("<scripts>a</scripts><\u017fcript>b</script>", "<scripts>a</scripts><\u017fcript>b</script>"),
        ("<script>a<style>b</style>c", "<script>ac"),
    ],
)
def test_what_is_no_text_for_people_is_left_out_with_what_is_inside(text: str, left: str) -> None:
    assert seen(text) == left


@pytest.mark.parametrize(
    "part", ["<script ", "<script>", "<style><title><script><template>", "</script ", "<title></title "]
)
def test_an_end_that_is_not_there_is_looked_for_once(part: str) -> None:
    """With a search from each beginning a megabyte would take minutes."""
    hostile = part * (MEGABYTE // len(part))
    searches = 0

    def count(_frame: FrameType, event: str, called: Any) -> None:
        nonlocal searches
        searches += event == "c_call" and called.__name__ == "search"

    sys.setprofile(count)
    try:
        left = seen(hostile)
    finally:
        sys.setprofile(None)

    assert left == hostile
    assert searches <= 4
