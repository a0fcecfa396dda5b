"""The program that readers in a cell are forked from, for whoever starts it and loads nothing of it."""

from __future__ import annotations

from swap.forking import server_of

ALONE = server_of("swap.connectors.files.reader", needs=("numpy",))
"""Readers of other kinds are not forked from it: they have to reach their servers."""
