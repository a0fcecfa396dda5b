"""Make person ids: short, safe in every place a name is not, and never one that means something else."""

from __future__ import annotations

import base64
from collections.abc import Callable


def new_person_id(random_bytes: Callable[[int], bytes]) -> str:
    """Return `p` and nine base-32 characters (45 bits), as `swap.identity.PERSON_ID` demands.

    All ids have ten characters with `p` first and no dash, so that no person's host can be called
    `content`, or collide with another's in any escaping.

    >>> new_person_id(lambda count: bytes(count))
    'paaaaaaaaa'
    """
    return "p" + base64.b32encode(random_bytes(6)).decode("ascii").lower()[:9]
