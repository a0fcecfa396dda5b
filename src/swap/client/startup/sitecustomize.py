"""Runs as each Python of a person's terminal starts, which PYTHONPATH leads here; so do those that a cell starts.

The Python of the notebooks then finds the layer, and its `pip` is SWAP's, as in a cell.  Every other Python, such as
that of an environment somebody made, is left alone.
"""

# ruff: noqa: INP001 — no package: it is on Python's own path

import os
import runpy
import sys


def _is_pip(words: list[str]) -> int:
    """Return how many words of a command line start pip; 0 for something else."""
    if words[1:3] == ["-m", "pip"]:
        return 3
    folder, name = os.path.split(words[1]) if len(words) > 1 else ("", "")
    is_its = name in ("pip", "pip3", f"pip3.{sys.version_info[1]}") and os.path.realpath(folder) == _real("bin")
    return 2 if is_its else 0


def _real(part: str) -> str:
    return os.path.realpath(os.path.join(sys.prefix, part))  # noqa: PTH118


if _real("") == os.path.realpath(os.environ.get("SWAP_KERNEL_ENV", "")):
    if count := _is_pip(sys.orig_argv):
        main = "import sys; from swap.client.packages import main; sys.exit(main())"
        os.execv(sys.executable, [sys.executable, "-I", "-c", main, *sys.orig_argv[count:]])  # noqa: S606 — the same Python
    layer = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "layer.py")  # noqa: PTH100, PTH118, PTH120
    runpy.run_path(layer)["use"]()
