"""What a comment on a column says beside its words, in every store that has comments."""

from __future__ import annotations

import re

_SENSITIVITY = re.compile(r"\[sensitivity:([^\]]*)\]\s*$")


def sensitivity(comment: str) -> tuple[str, str]:
    """Split what a column comment says at its end about sensitivity from the rest.

    >>> sensitivity("The editor's address. [sensitivity: personal]")
    ("The editor's address.", 'personal')
    """
    found = _SENSITIVITY.search(comment)
    return (comment[: found.start()].rstrip(), found[1].strip()) if found else (comment, "")
