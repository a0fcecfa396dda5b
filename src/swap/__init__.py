"""SWAP in a notebook: ask all stores one question in one SQL statement.

    import swap
    swap.sql("SELECT …")

The names below are loaded when they are first used, so that server code, which is of the same
distribution, imports nothing of the notebook's side, and a notebook starts fast.
"""

from importlib import import_module
from typing import Any

__all__ = ["Listing", "Result", "columns", "load_ipython_extension", "sql", "tables"]


def load_ipython_extension(shell: Any) -> None:
    """Make `%%swap` and its completion part of an IPython shell (`--ext=swap`)."""
    import_module("swap.client.magic").load(shell)


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("swap.client"), name)
    msg = f"module 'swap' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
