"""Sharing at a portal that touches homes itself, and at one that has no power and is handed its settings."""

from __future__ import annotations

import secrets
from http import HTTPStatus

import notebooks
from integration.web.running import Portal
from integration.web.test_history import Shelf
from integration.web.test_reading import ask, framed
from integration.web.test_sharing import Shared, document, id_of


def test_a_notebook_is_shared_read_and_taken(either: Portal) -> None:
    ann, bob = either.signed_in(), either.signed_in("bertrand")
    for browser in (ann, bob):
        browser.get("/notebooks")  # the home is made
    shelf, name = Shelf(either), f"{secrets.token_hex(4)}.ipynb"
    picture = notebooks.shown({"image/png": notebooks.png(5, 4), "text/plain": "<Figure>"})
    made = document() | {"cells": [notebooks.markdown("# Mobile readers"), notebooks.code("plot()", picture)]}
    shelf.save(made, path=name)
    it = Shared(either, shelf, bob, id_of(either, name))

    assert not it.opens()
    it.share("own")
    frame = ask(either, framed(bob.get(it.at()).text))
    assert "Mobile readers" in frame.text
    assert it.send("/take", bob).status_code == HTTPStatus.SEE_OTHER
    taken = either.home("bertrand") / name
    assert "Mobile readers" in taken.read_text()
    assert taken.stat().st_uid == either.home("bertrand").stat().st_uid
    assert it.opens(it.ann)
