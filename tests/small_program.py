"""The programs of the small site.  It imports nothing of SWAP, so that it starts fast: small_program.py <name> [port]."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time


def serve(name: str, port: int) -> None:
    if name == "broken":
        sys.exit("the small gateway has no settings")
    if name == "hub":
        subprocess.Popen([sys.executable, __file__, "person"], start_new_session=True)
    with socket.create_server(("127.0.0.1", port)) as server:
        while True:
            server.accept()[0].close()


def person(name: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN if "SMALL_SITE_STUBBORN" in os.environ else signal.SIG_DFL)
    if name == "person":
        subprocess.Popen([sys.executable, __file__, "kernel"], start_new_session=True)
    time.sleep(600)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        person(sys.argv[1])
    else:
        serve(sys.argv[1], int(sys.argv[2]))
