"""SWAP in a notebook: ask all stores one question in one SQL statement.

What is public is in docs/reference/client.md; everything here comes from swap.client and swap.errors.
"""

from __future__ import annotations

from swap import errors
from swap.client.catalog import columns, describe, sources, tables
from swap.client.data_file import data_file
from swap.client.environment import environment
from swap.client.expect import expect
from swap.client.extension import load as load_ipython_extension
from swap.client.notebook import notebook
from swap.client.output import output
from swap.client.period import period
from swap.client.query import sql
from swap.client.result import Result

__all__ = [
    "Result",
    "columns",
    "data_file",
    "describe",
    "environment",
    "errors",
    "expect",
    "load_ipython_extension",
    "notebook",
    "output",
    "period",
    "sources",
    "sql",
    "tables",
]
