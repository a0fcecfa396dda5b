"""Browsers keep nothing of what a person's server answers, but for its programs, which are everybody's.

Without it a notebook comes out of the browser's cache after its person has signed out.
"""

from __future__ import annotations

import re
from typing import Any

from jupyter_server.utils import url_path_join
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import Application, OutputTransform

PROGRAMS = ("static", "lab/extensions", "lab/api/themes", "swap/plotly")
"""Scripts, styles and fonts of the installation, the same for everybody."""


def keep_nothing(app: Application, base_url: str) -> None:
    """Let each answer of the application say so, whichever handler gives it, but those below `PROGRAMS`."""
    paths = "|".join(re.escape(url_path_join(base_url, each)) for each in PROGRAMS)
    programs = re.compile(rf"(?:{paths})/")

    class NotKept(OutputTransform):
        def __init__(self, request: HTTPServerRequest) -> None:
            super().__init__(request)
            self._is_program = programs.match(request.path) is not None

        def transform_first_chunk(
            self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
        ) -> tuple[int, HTTPHeaders, bytes]:
            del finishing
            if not self._is_program or status_code >= 400:
                headers["Cache-Control"] = "no-store"
            return status_code, headers, chunk

    transform: Any = NotKept
    app.add_transform(transform)
