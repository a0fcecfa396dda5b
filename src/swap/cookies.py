"""Names of cookies under TLS: with the prefix `__Host-`, which no page of another host can set.

Real sub-domains are one site to browsers: a page of one person's host can set cookies for all hosts of SWAP.  What
begins with this prefix browsers take from the host itself alone, over TLS, for all its paths.  On *.localhost no page
can set a cookie for another host, and browsers do not take the prefix without TLS.
"""

from __future__ import annotations

from collections.abc import Collection

PREFIX = "__Host-"


def named(name: str, *, tls: bool) -> str:
    """Return the name of a cookie as browsers are told it."""
    return PREFIX + name if tls else name


def received(header: str, keep: Collection[str] = ()) -> str:
    """Return a Cookie header's cookies without the prefix, and none that has none, but those to keep.

    >>> received("session=evil; __Host-session=good; _xsrf=x", keep={"_xsrf"})
    'session=good; _xsrf=x'
    """
    # What else Python takes for space, browsers do not: they would let any host set "\xa0__Host-session".
    pairs = [pair.strip(" \t") for pair in header.split(";")]
    return "; ".join(
        pair.removeprefix(PREFIX) for pair in pairs if pair.startswith(PREFIX) or pair.partition("=")[0] in keep
    )
