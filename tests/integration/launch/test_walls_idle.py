"""What keeps a server that nobody uses is found behind walls too: a person's own programs, and nobody else's."""

from __future__ import annotations

import os

import pytest

from town import ANN, BOB, Town

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give people walls")

FIND = """
    import json, os, subprocess, time
    from pathlib import Path
    from swap.lab import jobs

    def found():
        return jobs.running(Path(os.environ["SWAP_TOKEN_SOCKET"]), (), ())

    before = found()
    subprocess.run(["/bin/sh", "-c", "setsid sleep 600 > /dev/null 2>&1 &"], check=True)
    until = time.monotonic() + 60
    while found() != ["sleep"] and time.monotonic() < until:
        pass
    print(json.dumps([before, found()]))
"""
WORK = "import signal; print('works', flush=True); signal.pause()"


def test_a_program_that_outlives_its_terminal_is_found_and_somebody_elses_is_not(town: Town) -> None:
    place = str(town.launcher.places(ANN.person_id).token_socket)
    assert place == str(town.launcher.places(BOB.person_id).token_socket), "each is called the same in its view"
    town.start(BOB, WORK, SWAP_TOKEN_SOCKET=place).wait_for("works")

    assert town.start(ANN, FIND, SWAP_TOKEN_SOCKET=place).told() == [[], ["sleep"]]
