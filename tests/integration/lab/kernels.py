"""A person's side of the Jupyter server: start a kernel, run code in it, watch its connection."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import httpx
import websocket

from services import NO_TLS


class Kernel:
    """One kernel over the server's own HTTP and websocket."""

    def __init__(self, url: str, token: str, kernel_id: str = "", name: str = "swap") -> None:
        self.headers = {"Authorization": f"token {token}"}
        self.url = url
        self.id = kernel_id or self.start(name)
        self.socket = self.connect()

    def start(self, name: str = "swap") -> str:
        """Start a kernel and return its id."""
        reply = httpx.post(
            f"{self.url}/api/kernels", headers=self.headers, json={"name": name}, timeout=60, verify=NO_TLS
        )
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    def connect(self) -> websocket.WebSocket:
        address = (
            self.url.replace("http://", "ws://") + f"/api/kernels/{self.id}/channels?session_id={uuid.uuid4().hex}"
        )
        return websocket.create_connection(
            address, timeout=60, header=[f"Authorization: {self.headers['Authorization']}"]
        )

    def send(self, code: str) -> str:
        """Ask for code to be run, and return the message's id."""
        message_id = uuid.uuid4().hex
        self.socket.send(
            json.dumps(
                {
                    "channel": "shell",
                    "header": {
                        "msg_id": message_id,
                        "msg_type": "execute_request",
                        "session": "s",
                        "username": "",
                        "version": "5.3",
                        "date": "",
                    },
                    "parent_header": {},
                    "metadata": {},
                    "buffers": [],
                    "content": {
                        "code": code,
                        "silent": False,
                        "store_history": False,
                        "user_expressions": {},
                        "allow_stdin": False,
                        # Otherwise what is sent right after an error may be skipped without a word.
                        "stop_on_error": False,
                    },
                }
            )
        )
        return message_id

    def run(self, code: str, seconds: float = 40, *, prints: bool = False) -> str:
        """Run code and return what it printed; an error in it is an error here.

        What is printed goes its own way and may come after the end: what `prints` is waited for.
        """
        message_id = self.send(code)
        printed: list[str] = []
        idle = replied = False
        ends = time.monotonic() + seconds
        while not (idle and replied and (printed or not prints)):
            assert time.monotonic() < ends, f"the kernel did not finish within {seconds:g} s; printed {printed}"
            message = self.receive()
            if message is None or message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "stream":
                printed.append(content["text"])
            elif kind == "error":
                raise AssertionError(f"{content['ename']}: {content['evalue']}")
            elif kind == "execute_reply":
                replied = True
            elif kind == "status" and content["execution_state"] == "idle":
                idle = True
        return "".join(printed)

    def receive(self) -> dict[str, Any] | None:
        text = self.socket.recv()
        return json.loads(text) if isinstance(text, str) and text else None

    def value(self, code: str) -> Any:
        """Run code that prints JSON, and return it."""
        return json.loads(self.run(code, prints=True))
