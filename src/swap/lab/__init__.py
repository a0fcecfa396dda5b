"""The Jupyter server of one person: `python -m swap.lab`, and the extension inside it.

It knows the gateway by HTTP only, and of SWAP's code only `client`, `cookies`, `errors`, `logs`, `r` and `usage`.  It
runs in the person's own process: what it refuses is a convenience, and the gateway and the proxy refuse by themselves.
"""

from __future__ import annotations

import sys
from typing import Any

# Libraries that jsonschema imports when it finds them, to check addresses and durations that nobody here writes.  The
# first alone would take 15 MB of each person's server.
for _name in ("rfc3987_syntax", "isoduration"):
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from swap.lab.app import SwapServer  # noqa: PLC0415 — what it is to do without is said before (`unloaded`)

    return [{"module": "swap.lab.app", "app": SwapServer}]
