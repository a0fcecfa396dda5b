"""What a POST must prove before its handler runs: it comes from a page of ours, and carries the session's own mark.

Three independent checks, each enough against a foreign page: where the browser says the form was
(Origin, Sec-Fetch-Site), the session's csrf field, and the cookie's SameSite=Lax, which says nothing between real
sub-domains.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from swap.errors import Forbidden, Invalid, Problem

BODY_LIMIT = 65_536
FIELDS_LIMIT = 20
_UNREADABLE = Problem("SWAP cannot read this form.", todo="Load the page again.")
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


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a form; whoever takes it closes it."""

    name: str
    file: BinaryIO


async def read(request: Request, upload_bytes: int = 0) -> tuple[dict[str, str], Upload | None]:
    """Return the form's text fields, and its one file where the route takes one of so many bytes.

    Raises Invalid for a form that is too large or is none.
    """
    limit = BODY_LIMIT + upload_bytes
    length = request.headers.get("content-length", "")
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if (
        not length.isdigit()
        or int(length) > limit
        or kind not in {"application/x-www-form-urlencoded", "multipart/form-data"}
    ):
        raise Invalid(_too_large(upload_bytes) if length.isdigit() and upload_bytes else _UNREADABLE)
    content: FormData = await request.form(
        max_files=1 if upload_bytes else 0, max_fields=FIELDS_LIMIT, max_part_size=BODY_LIMIT
    )
    file = next((value for value in content.values() if isinstance(value, UploadFile)), None)
    upload = Upload(file.filename or "", file.file) if file else None
    return {key: value for key, value in content.items() if isinstance(value, str)}, upload


def _too_large(upload_bytes: int) -> Problem:
    return Problem(
        "This file is too large to upload here.",
        why=f"A notebook may have {upload_bytes // 1_000_000} MB; outputs with pictures make the most of one.",
        todo="Clear its outputs and try again, or upload it in JupyterLab.",
    )


def check_origin(request: Request, scheme: str) -> None:
    """Refuse a form that a page of another origin sent; ours are of `scheme` and of the host that is asked.

    Raises Forbidden.  A browser that says nothing is refused too.
    """
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        raise Forbidden(_FOREIGN)
    if origin is None:
        if site is None:
            raise Forbidden(_FOREIGN)
        return
    split = urlsplit(origin)
    if split.scheme != scheme or split.netloc != request.headers.get("host", ""):
        raise Forbidden(_FOREIGN)


def check_csrf(form: dict[str, str], csrf: str) -> None:
    """Refuse a form without the session's own mark.  Raises Forbidden."""
    if not hmac.compare_digest(form.get("csrf", "").encode(), csrf.encode()):
        raise Forbidden(_STALE)
