"""The page in the place of SWAP's pages while portal and hub are both away.

Traefik asks for it where the one that should answer for the other does not (hub/routes.py).  It is whole in itself,
looks at nothing of the request, and says nothing that is not the same for everybody.
"""

from __future__ import annotations

from fastapi.responses import HTMLResponse

from swap import plain

_PAGE = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="5">
<title>SWAP’s pages do not answer · SWAP</title>
<link rel="icon" href="data:,">
<style>{plain.SHEET}</style>
</head>
<body>
<main>
<h1>SWAP’s pages and its sign-in do not answer</h1>
<p>They are usually back within a minute. This page looks again every 5 seconds.</p>
<p>Your notebooks, running cells and queries are not touched: they live in other processes. A JupyterLab that is open
goes on.</p>
<p><a href="">Look again</a></p>
</main>
</body>
</html>
"""
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {plain.SOURCE}; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}


def page() -> HTMLResponse:
    """Say in words that nobody else can."""
    return HTMLResponse(_PAGE, headers=_HEADERS)
