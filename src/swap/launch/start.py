"""What the hub tells the portal about one start: each step as it begins, and why the start failed.

Data only: the portal has the words.  Travels as keys of ours in JupyterHub's own progress events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

MOST_TURN_SECONDS: Final = 600.0
"""How long a start may wait for its turn."""
SPARE_SECONDS: Final = 15
"""What a start may take beside the time in which its server must answer: a home is opened, a route made."""


class Step(StrEnum):
    """The steps of a start, in their order; each begins when the one before it is done.

    The first is one only where others start too, and as many at a time as may.
    """

    TURN = "turn"
    HOME = "home"
    PROCESS = "process"
    ANSWER = "answer"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class Begun:
    """A step that began `seconds` before it was told.

    `pid` is the server's process, once there is one; `ahead`, how many others wait before.
    """

    step: Step
    seconds: float
    pid: int | None = None
    ahead: int | None = None

    @property
    def progress(self) -> int:
        """How much of the start is done, out of 100."""
        return 100 * list(Step).index(self.step) // len(Step)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a start failed, in sentences for its person, and the end of what the server said."""

    why: str
    log: str = ""


def step_event(begun: Begun) -> dict[str, Any]:
    """Return a step as an event of the hub; `progress` is JupyterHub's own key."""
    return {"progress": begun.progress, "step": asdict(begun)}


def begun(event: Mapping[str, Any]) -> Begun | None:
    """Return the step an event of the hub tells; None when it tells none that is known here.

    >>> begun(step_event(Begun(Step.ANSWER, 0.5, 4711)))
    Begun(step=<Step.ANSWER: 'answer'>, seconds=0.5, pid=4711, ahead=None)
    >>> begun({"progress": 0, "message": "Server requested"})
    """
    try:
        told = event["step"]
        return Begun(Step(told["step"]), float(told["seconds"]), _number(told["pid"]), _number(told["ahead"]))
    except (KeyError, TypeError, ValueError):
        return None


def _number(told: Any) -> int | None:
    return None if told is None else int(told)


def failure_data(failure: Failure) -> dict[str, str]:
    """Return a failure as it stands under `html_message` in the hub's event of a failed start.

    That is the one field of an exception which JupyterHub also sends, as it is, to who asks after the failure.
    """
    return asdict(failure)


def failure(event: Mapping[str, Any]) -> Failure | None:
    """Return why a start failed; None when JupyterHub itself gave up and nothing of ours is in its event."""
    try:
        told = event["html_message"]
        return Failure(str(told["why"]), str(told["log"]))
    except (KeyError, TypeError):
        return None
