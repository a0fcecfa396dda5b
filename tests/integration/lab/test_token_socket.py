"""The token socket against another user: the file's mode, and behind it who asks."""

from __future__ import annotations

import asyncio
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from integration.lab.conftest import as_user
from swap.lab.token_socket import TokenSocket
from swap.lab.tokens import Token

ASK = (
    "import socket, sys\ns = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])\n"
    "s.sendall(b'{}\\n'); print(s.makefile().readline().strip())"
)


async def give(pid: int, claimed: str) -> Token:
    del pid, claimed
    now = datetime.now(UTC)
    return Token("t0ken", expires_at=now + timedelta(minutes=5), minted_at=now, renew_at=now + timedelta(minutes=4))


def ask(path: Path, user: str | None, *, open_to_all: bool) -> str:
    def connect() -> str:
        assert path.stat().st_mode & 0o777 == 0o600
        if open_to_all:
            path.chmod(0o666)
        command = [*(as_user(user) if user else []), "/usr/bin/python3", "-c", ASK, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    async def serve() -> str:
        served = TokenSocket(path, give)
        await served.start()
        try:
            return await asyncio.to_thread(connect)
        finally:
            await served.stop()

    return asyncio.run(serve())


def test_our_own_user_is_answered(short_folder: Path) -> None:
    assert "t0ken" in ask(short_folder / "t", None, open_to_all=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as a second user")
def test_another_user_cannot_connect(short_folder: Path) -> None:
    short_folder.chmod(0o755)
    answer = ask(short_folder / "t", "nobody", open_to_all=False)
    assert "PermissionError" in answer
    assert "t0ken" not in answer


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as a second user")
def test_another_user_who_can_connect_is_not_answered(short_folder: Path) -> None:
    short_folder.chmod(0o755)
    answer = ask(short_folder / "t", "nobody", open_to_all=True)
    assert "PermissionError" not in answer
    assert "t0ken" not in answer


def test_a_file_left_by_a_dead_server_is_replaced(short_folder: Path) -> None:
    (short_folder / "t").write_text("left over")
    assert "t0ken" in ask(short_folder / "t", None, open_to_all=False)
