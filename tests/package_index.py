"""A package index of a test's own: wheels that it builds, behind HTTP as a mirror serves them."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def wheel(
    folder: Path, name: str, needs: str = "", version: str = "1.0", files: Mapping[str, str] | None = None
) -> Path:
    """Write a package of one module that says where it is, or of these files."""
    about = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for place, content in (files or {f"{name}.py": "PLACE = __file__\n"}).items():
            file.writestr(place, content)
        file.writestr(
            f"{about}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            + (f"Requires-Dist: {needs}\n" if needs else ""),
        )
        file.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{about}/entry_points.txt", f"[console_scripts]\n{name}-says = {name}:main\n")
        file.writestr(f"{about}/RECORD", "")
    return path


@dataclass
class Index:
    """A running package index; `asked` is what it was asked for."""

    folder: Path
    port: int
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/simple"

    def add(self, name: str, needs: str = "", version: str = "1.0", files: Mapping[str, str] | None = None) -> str:
        """Offer a package, and return the SHA-256 of its file."""
        place = self.folder / "simple" / name
        place.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(wheel(place, name, needs, version, files).read_bytes()).hexdigest()
        links = [
            f'<a href="{each.name}#sha256={hashlib.sha256(each.read_bytes()).hexdigest()}">{each.name}</a>'
            for each in sorted(place.glob("*.whl"))
        ]
        (place / "index.html").write_text(f"<!DOCTYPE html><body>{''.join(links)}</body>", encoding="utf-8")
        return digest


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, index: Index, *args: object, **kwargs: object) -> None:
        self.index = index
        super().__init__(*args, directory=str(index.folder), **kwargs)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.index.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[Index]:
    """Run an index for the block."""
    folder.mkdir(exist_ok=True)
    index = Index(folder, 0)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, index)) as server:
        index.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()
