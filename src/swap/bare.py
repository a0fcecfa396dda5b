"""Run one module of ours as a program, with nothing that it does not need: `python bare.py pandas,numpy swap.module …`.

`import swap` brings the notebook's side with its HTTP client, and libraries import others when they find them, for
what nobody here asks of them.  Some take longer to load, or more memory, than such a program itself.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import ModuleType

ENVIRONMENT: Mapping[str, str] = {
    "LANG": "C.UTF-8",
    "PATH": os.defpath,
    # Arrow's allocator keeps a thread otherwise, and a process that forks may have one only.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    # NumPy's linear algebra starts threads otherwise, which no program of ours has work for.
    "OPENBLAS_NUM_THREADS": "1",
}
"""All that such a program is told of where it runs."""
_LEFT_OUT = frozenset(
    {
        # PyJWT's, for signatures that two sides cannot both make; ours are with one key.
        "cryptography",
        # pyarrow's; NumPy brings threads of its own.
        "numpy",
        "pandas",
        # mako's and httpx's, to colour what is printed.
        "pygments",
        "rich",
        # jsonschema's, to check addresses and durations: a grammar that takes 15 MB.
        "isoduration",
        "rfc3987_syntax",
    }
)
"""What libraries do without when it is not there."""


class _Without:
    def __init__(self, left_out: Collection[str]) -> None:
        self._left_out = left_out

    def find_spec(self, name: str, *_: object) -> None:
        if name in self._left_out:
            raise ModuleNotFoundError(name)


def command(module: str, *arguments: str, needs: Collection[str] = ()) -> Sequence[str]:
    """Return how a module of ours is started as a program, with those of the packages left out that it needs.

    It is told nothing by Python's own variables of the environment.
    """
    return _command(("-E", "-s", "-P"), module, *arguments, needs=needs)


def service(module: str, *arguments: str, needs: Collection[str] = ()) -> Sequence[str]:
    """Return the same for a program that whoever starts SWAP may tell more, as of any Python."""
    return _command(("-P",), module, *arguments, needs=needs)


def _command(flags: Sequence[str], module: str, *arguments: str, needs: Collection[str]) -> Sequence[str]:
    left_out = ",".join(sorted(_LEFT_OUT.difference(needs)))
    return (sys.executable, *flags, __file__, left_out, module, *arguments)


if __name__ == "__main__":
    del sys.argv[0]
    sys.meta_path.insert(0, _Without(sys.argv[0].split(",")))
    package = ModuleType("swap")
    package.__path__ = [str(Path(__file__).resolve().parent)]
    sys.modules["swap"] = package
    del sys.argv[0]
    importlib.import_module(sys.argv[0]).main()
