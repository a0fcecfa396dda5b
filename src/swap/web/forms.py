"""What a POST must prove before its handler runs: it comes from a page of ours, and carries the session's own mark.

Three independent checks, each enough against a foreign page: where the browser says the form was
(Origin, Sec-Fetch-Site), the session's csrf field, and the cookie's SameSite=Lax.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request

from swap.errors import Forbidden, Invalid, Problem

BODY_LIMIT = 65_536
FIELDS_LIMIT = 20
_FOREIGN = Problem(
    "This form did not come from SWAP.",
    why="SWAP only takes forms that one of its own pages sent.",
    todo="Nothing was changed. Go to Home and do it from there.",
)
_STALE = Problem(
    "This page is too old to send.",
    why="It belongs to a sign-in that has ended, or was not made by SWAP.",
    todo="Nothing was changed. Load the page again, then press the button once more.",
)


async def read(request: Request) -> dict[str, str]:
    """Return the form's text fields.  Raises Invalid for one that is too large or is no form."""
    length = request.headers.get("content-length", "")
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if (
        not length.isdigit()
        or int(length) > BODY_LIMIT
        or kind not in {"application/x-www-form-urlencoded", "multipart/form-data"}
    ):
        raise Invalid(Problem("SWAP cannot read this form.", todo="Load the page again."))
    content: FormData = await request.form(max_files=0, max_fields=FIELDS_LIMIT, max_part_size=BODY_LIMIT)
    return {key: value for key, value in content.items() if isinstance(value, str)}


def check_origin(request: Request) -> None:
    """Refuse a form another origin's page sent.  Raises Forbidden.  A browser that says nothing is refused too."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        raise Forbidden(_FOREIGN)
    if origin is None:
        if site is None:
            raise Forbidden(_FOREIGN)
        return
    split = urlsplit(origin)
    if split.scheme not in {"http", "https"} or split.netloc != request.headers.get("host", ""):
        raise Forbidden(_FOREIGN)


def check_csrf(form: dict[str, str], csrf: str) -> None:
    """Refuse a form without the session's own mark.  Raises Forbidden."""
    if not hmac.compare_digest(form.get("csrf", "").encode(), csrf.encode()):
        raise Forbidden(_STALE)
