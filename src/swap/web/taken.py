"""A notebook as one file to take along, `.html`: with its sheet and pictures, without a script, and it asks nobody."""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup

from swap import look
from swap.reading import answers
from swap.web.portal import Portal


def whole(portal: Portal, title: str, body: bytes) -> bytes:
    """Return the file, around what the reading process made of the notebook (`exports.html`)."""
    sheet = (look.STATIC.parent / look.asset("reader.css").removeprefix("/")).read_text(encoding="utf-8")
    page = portal.templates.get_template("content_file.html").render(
        title=title,
        policy=policy(sheet),
        sheet=Markup(sheet),  # noqa: S704 — ours
        html=Markup(answers.without_charts(body.decode("utf-8", "replace"))),  # noqa: S704
    )
    return page.encode("utf-8", "replace")


def policy(sheet: str) -> str:
    """Return the content security policy that the file carries: pictures that are in it, one sheet, and no more."""
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; form-action 'none'; base-uri 'none'"
