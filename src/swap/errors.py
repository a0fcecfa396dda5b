"""Every error SWAP tells a person about: what happened, why, and what to do next.

Six categories; each maps to one HTTP status and to one look in a cell.  Code below HTTP raises
them, the HTTP layers translate them, and the client raises the same classes in the notebook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One name or action that would mend the error, as a cell or page offers it.

    `replace`/`by` name the text in the statement and what to put there; a suggestion without them is
    information only.  `detail` and `type` explain a suggested column or table.
    """

    label: str
    replace: str | None = None
    by: str | None = None
    type: str | None = None
    detail: str | None = None
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What a person is told: the first sentence, why, and what to do next."""

    title: str
    why: str = ""
    todo: str = ""
    suggestions: tuple[Suggestion, ...] = ()
    line: int | None = None
    column: int | None = None
    rule: str | None = None
    ask: str | None = None
    source: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class SwapError(Exception):
    """SWAP could not do this."""

    status: ClassVar[int] = 500
    category: ClassVar[str] = "internal"

    details: str = ""
    """What whoever runs SWAP is told beside it, in the terminal and the log, such as an address; never sent."""

    def __init__(self, problem: Problem | str | None = None) -> None:
        if problem is None:
            problem = (type(self).__doc__ or "").strip().split("\n", 1)[0]
        self.problem = problem if isinstance(problem, Problem) else Problem(title=problem)
        super().__init__(self.problem.title)

    def __str__(self) -> str:
        """Return title, reason and remedy on one line, as a terminal or a log shows them."""
        parts = (self.problem.title, self.problem.why, self.problem.todo)
        return " ".join(part for part in parts if part)

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep all that it says where it is copied, or goes to another process."""
        return type(self), (self.problem,), {"details": self.details} if self.details else None

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback: the way through our code helps nobody."""
        return [part for part in (self.problem.title, self.problem.why, self.problem.todo) if part]


class Invalid(SwapError):
    """The request cannot be understood."""

    status = 400
    category = "invalid"


class Forbidden(SwapError):
    """You may not do this."""

    status = 403
    category = "forbidden"


class NotFound(SwapError):
    """There is no such thing, or you may not know of it."""

    status = 404
    category = "not-found"


class Conflict(SwapError):
    """The thing changed meanwhile."""

    status = 409
    category = "conflict"


class Unavailable(SwapError):
    """Something SWAP needs does not answer."""

    status = 503
    category = "unavailable"


class TimedOut(SwapError):
    """The time limit was reached."""

    status = 504
    category = "timed-out"


class NotSignedIn(Forbidden):
    """You are not signed in, or your sign-in has ended. Sign in again."""

    status = 401
    category = "not-signed-in"


class QueryRefused(Invalid):
    """The statement is not one SELECT that SWAP can run."""

    category = "refused"


class UnknownName(QueryRefused):
    """The statement names a table or a column that does not exist for you."""

    category = "unknown-name"


class LimitExceeded(Invalid):
    """The query went over a limit."""

    status = 413
    category = "limit"


class SourceUnavailable(Unavailable):
    """The source does not answer."""

    category = "source-down"


class SourceFailed(SwapError):
    """The source answered with an error."""

    status = 502
    category = "source-failed"


class QueryTimedOut(TimedOut):
    """The query ran longer than the time limit."""


class QueryCancelled(Conflict):
    """The query was cancelled."""

    category = "cancelled"


class SettingsError(Invalid):
    """The settings cannot be used."""


CATEGORIES: dict[str, type[SwapError]] = {
    cls.category: cls
    for cls in (
        SwapError,
        Invalid,
        Forbidden,
        NotFound,
        Conflict,
        Unavailable,
        TimedOut,
        NotSignedIn,
        QueryRefused,
        UnknownName,
        LimitExceeded,
        SourceUnavailable,
        SourceFailed,
        QueryCancelled,
    )
}
"""Category → class, so that the client raises what the gateway raised."""


# ── As JSON, between SWAP's processes and in a notebook's error ─────────────────────────────────────
_PROBLEM = {each.name for each in fields(Problem)} - {"suggestions", "title"}
_SUGGESTION = {each.name for each in fields(Suggestion)}


def to_json(error: SwapError) -> dict[str, Any]:
    """Return an error as docs/reference/api.md shows it."""
    return {"category": error.category, **asdict(error.problem)}


def from_json(error: Any, status: int = 500) -> SwapError:
    """Return the error that `to_json` was given; fields this version does not know are left out."""
    if not isinstance(error, Mapping) or not isinstance(error.get("title"), str):
        return SwapError(
            Problem(
                "SWAP gave an answer that is not its own.",
                why=f"Its status is {status}.",
                todo="Try again in a minute.",
            )
        )
    suggestions = tuple(
        Suggestion(**{key: value for key, value in each.items() if key in _SUGGESTION})
        for each in error.get("suggestions") or ()
        if isinstance(each, Mapping) and "label" in each
    )
    known = {key: value for key, value in error.items() if key in _PROBLEM and value is not None}
    problem = Problem(title=error["title"], suggestions=suggestions, **known)
    return CATEGORIES.get(str(error.get("category")), SwapError)(problem)
