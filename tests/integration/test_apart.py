"""Work in a process of its own: it is done, its error is told, and it ends with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from swap import apart
from swap.errors import Invalid, Problem, SwapError, Unavailable


def test_what_was_done_is_there_and_what_was_loaded_is_not(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from swap import apart
from swap.demo import __main__
assert "pyarrow" not in sys.modules
def work():
    import pyarrow
    Path({str(tmp_path / "made")!r}).write_text(pyarrow.__version__)
apart.run(work)
print("pyarrow" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert said == "False\n"
    assert (tmp_path / "made").read_text()


def test_what_it_returned_is_told() -> None:
    assert apart.run(lambda: {"port": 8000, "names": ["traefik"]}) == {"port": 8000, "names": ["traefik"]}


def test_its_error_is_ours() -> None:
    def work() -> None:
        raise Invalid(Problem("It cannot be.", todo="Do otherwise."))

    with pytest.raises(Invalid, match=r"It cannot be\. Do otherwise\."):
        apart.run(work)


def test_its_error_says_the_details_too() -> None:
    def work() -> None:
        error = Unavailable("SWAP's database does not answer.")
        error.details = "The database at 10.0.0.1:5432: refused"
        raise error

    with pytest.raises(Unavailable) as caught:
        apart.run(work)
    assert caught.value.details == "The database at 10.0.0.1:5432: refused"


def test_an_end_without_a_word_is_an_error() -> None:
    with pytest.raises(SwapError, match="ended with status -9"):
        apart.run(lambda: os.kill(os.getpid(), signal.SIGKILL))


def test_it_ends_with_us(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from swap import apart
def work():
    Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
    signal.pause()
apart.run(work)
"""
    ours = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 20
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ours.kill()
    ours.wait()

    while _lives(int((tmp_path / "pid").read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
