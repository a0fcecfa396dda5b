"""What the hub, which has no power where people have walls, asks its warden for: nine things, each by a person's id.

A start has a port, the id of the server and a name beside that, and an open socket on which the server is told what it
alone is to know.  Nothing else that is asked for has more than the id.
"""

from __future__ import annotations

from typing import Final

OPEN: Final = "open"
"""Open that person's home, and say how many bytes are free there."""
START: Final = "start"
"""Start their server, and end the one of before; say which process it is."""
FIND: Final = "find"
"""Say which process their server is, if it runs."""
POLL: Final = "poll"
"""Say how their server ended, or nothing while it runs."""
END: Final = "end"
"""End their server: ask, wait, kill."""
FINISH: Final = "finish"
"""Take away what their server, which has ended, left outside the home."""
MET: Final = "met"
"""Say which limits their programs met."""
REFUSED: Final = "refused"
"""Say how often their programs asked for what they cannot reach."""
SAID: Final = "said"
"""Say what their server said last."""
