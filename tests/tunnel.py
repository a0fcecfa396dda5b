"""A way in of a test's own: a real sshd, and `ssh -N -L` in a network namespace where the tunnel's end is all there is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import services
from swap import ports

USER = "nobody"
"""Who comes through it: of this machine, without a shell and without any right."""
_SSHD = """\
ListenAddress 127.0.0.1:{port}
HostKey {state}/host
PidFile none
AuthorizedKeysFile {state}/person.pub
AuthenticationMethods publickey
AllowUsers {user}
UsePAM no
# The files lie where everybody may make some.
StrictModes no
# That, and nothing else.
PermitOpen localhost:{target}
"""
_CONNECT = """\
import socket, sys
server = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
socket.send_fds(socket.socket(fileno=1), [b"\\0"], [server.fileno()])
"""
"""Connects in the namespace it is run in, and hands the connection over to the ssh that asked (ProxyUseFdpass)."""


class Tunnel:
    """A tunnel to one port of this machine; its end is in a network namespace that has loopback and nothing else."""

    def __init__(self, here: int, there: int) -> None:
        """Open it: port `here` of the namespace leads to port `there` of this machine."""
        self.here = here
        self.state = services.temporary_directory()
        self.log = self.state / "log"
        self._sshd = self._serve(there)
        self._ssh = self._connect(there)
        self._until(self._ssh, lambda: here in self.listening)

    def _serve(self, target: int) -> subprocess.Popen[bytes]:
        (self._port,) = ports.free(1)
        for name in ("host", "person"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.state / name], check=True)
        config = self.state / "sshd_config"
        config.write_text(_SSHD.format(port=self._port, state=self.state, user=USER, target=target))
        # Where a process of sshd's that has no rights yet sees nothing.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        process = self._run(["/usr/sbin/sshd", "-D", "-e", "-f", config])
        self._until(process, lambda: ports.answers(self._port))
        return process

    def _connect(self, target: int) -> subprocess.Popen[bytes]:
        connect = self.state / "connect.py"
        connect.write_text(_CONNECT)
        outside = f"nsenter --net=/proc/{os.getpid()}/ns/net {sys.executable} -I -S {connect} {self._port}"
        options = {
            "BatchMode": "yes",
            "ExitOnForwardFailure": "yes",
            "IdentitiesOnly": "yes",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": str(self.state / "known"),
            "ProxyCommand": outside,
            "ProxyUseFdpass": "yes",
        }
        ssh = ["ssh", "-F", "none", "-i", self.state / "person"]
        ssh += [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        ssh += ["-N", "-L", f"{self.here}:localhost:{target}", f"{USER}@127.0.0.1"]
        return self._run(["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "inside", *ssh])

    def _run(self, command: list[str | Path]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _until(self, process: subprocess.Popen[bytes], true: Callable[[], object]) -> None:
        ends = time.monotonic() + 30
        while not true():
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < ends, self.log.read_text()
            time.sleep(0.05)

    @property
    def listening(self) -> set[int]:
        """The TCP ports on which anybody listens in the namespace."""
        rows = [
            line.split()
            for version in ("tcp", "tcp6")
            for line in Path(f"/proc/{self._ssh.pid}/net/{version}").read_text().splitlines()[1:]
        ]
        return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}

    @property
    def interfaces(self) -> set[str]:
        """The network's interfaces in the namespace."""
        lines = Path(f"/proc/{self._ssh.pid}/net/dev").read_text().splitlines()[2:]
        return {line.partition(":")[0].strip() for line in lines}

    def inside(self, program: Path) -> Path:
        """Return what runs a program in the namespace, with whatever arguments it is given."""
        path = self.state / program.name
        path.write_text(f'#!/bin/sh\nexec nsenter --net=/proc/{self._ssh.pid}/ns/net {program} "$@"\n')
        path.chmod(0o755)
        return path

    def cut(self) -> None:
        """End the ssh, and with it the way out; who is in the namespace stays there."""
        self._ssh.kill()
        self._ssh.wait()

    def close(self) -> None:
        """End everything, and forget its things."""
        self.cut()
        self._sshd.kill()
        self._sshd.wait()
        shutil.rmtree(self.state, ignore_errors=True)
