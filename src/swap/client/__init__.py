"""The notebook's side of the gateway."""

from swap.client.catalog import Listing, columns, tables
from swap.client.query import sql
from swap.client.result import Result

__all__ = ["Listing", "Result", "columns", "sql", "tables"]
