from __future__ import annotations

import subprocess
import sys

LIBRARIES = ("PIL", "nh3", "latex2mathml")
"""What reads notebooks that somebody else wrote."""


def loaded(module: str) -> set[str]:
    code = f"import {module}, sys; print(*(name for name in {LIBRARIES} if name in sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_the_portal_loads_nothing_that_reads_a_notebook() -> None:
    assert loaded("swap.web.app") == set()
    assert loaded("swap.reading.child") == set(LIBRARIES)
