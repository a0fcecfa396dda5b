"""Addresses a page may send a browser to: our own, and the person's own server.  Pure, and closed by default."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from swap.errors import NotFound
from swap.notebooks.workspace import parts
from swap.settings import Address

HOME = "/"


def local(value: str | None) -> str:
    r"""Return `value` if it is a path on this very origin, else Home.

    Browsers take `//evil`, `/\evil` and addresses with control characters in them for other hosts; all of
    them lead Home, as does everything that does not start with exactly one slash.

    >>> local("/data/lake?q=page"), local("//evil.example"), local("/\\evil.example"), local("https:evil.example")
    ('/data/lake?q=page', '/', '/', '/')
    """
    if not value or len(value) > 2000 or not value.startswith("/") or value.startswith(("//", "/\\")):
        return HOME
    if "\\" in value or not value.isprintable() or any(char.isspace() for char in value):
        return HOME
    try:
        split = urlsplit(value)
    except ValueError:
        return HOME
    if split.scheme or split.netloc or split.path.startswith("//"):
        return HOME
    return value


LAB_TREE = "lab/tree/"


def notebook(value: str | None) -> str:
    """Return `value` if it is a notebook's path below a home directory, else nothing.

    Also takes what JupyterLab's address has behind the person's own part: the proxy hands that over when no
    server runs.

    >>> notebook("ideas/first.ipynb"), notebook("lab/tree/first.ipynb"), notebook("../../etc/passwd"), notebook("lab")
    ('ideas/first.ipynb', 'first.ipynb', '', '')
    """
    if not value:
        return ""
    try:
        return "/".join(parts(value.removeprefix(LAB_TREE)))
    except NotFound:
        return ""


def lab(address: Address, person_id: str, path: str = "") -> str:
    """Return where JupyterLab shows a notebook and no other, or opens as it was, on the person's own origin."""
    base = f"{address.person_url(person_id)}/user/{person_id}/lab"
    return f"{base}/tree/{quote(path, safe='/')}?reset" if path else base
