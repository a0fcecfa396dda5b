"""What happened to notebooks, by whom: the audit's events of them, and of what people say about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from swap.audit import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookSaved(Event):
    """A notebook has one more version: saved, found changed in the home, restored, forked, or with another's cell."""

    event: ClassVar[str] = "notebook-saved"
    notebook_id: str
    path: str
    version: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookTakenIn(Event):
    """A notebook of before SWAP was taken in from somebody's former home, with its history, by who runs SWAP."""

    event: ClassVar[str] = "notebook-taken-in"
    notebook_id: str
    path: str
    versions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookMoved(Event):
    """A notebook has another name or folder, and the history it had."""

    event: ClassVar[str] = "notebook-moved"
    notebook_id: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookDeleted(Event):
    """A notebook was deleted; its history is kept."""

    event: ClassVar[str] = "notebook-deleted"
    notebook_id: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookBroughtBack(Event):
    """A deleted notebook is in the home again, with the history it had."""

    event: ClassVar[str] = "notebook-brought-back"
    notebook_id: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionNamed(Event):
    """Somebody gave a version a name, or took it away."""

    event: ClassVar[str] = "version-named"
    notebook_id: str
    version: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookShared(Event):
    """A notebook was shared with a person, a group or everyone, or what they may do with it is something else now."""

    event: ClassVar[str] = "notebook-shared"
    notebook_id: str
    kind: str
    whom: str
    role: str
    expires_at: str
    was: str
    """The role before, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookShareEnded(Event):
    """A notebook is no longer shared with a person, a group or everyone."""

    event: ClassVar[str] = "notebook-share-ended"
    notebook_id: str
    kind: str
    whom: str
    was: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderShared(Event):
    """A folder of the person's was shared with a person, a group or everyone, or is in another role now."""

    event: ClassVar[str] = "folder-shared"
    folder: str
    kind: str
    whom: str
    role: str
    expires_at: str
    was: str
    """The role before, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderShareEnded(Event):
    """A folder of the person's is no longer shared with a person, a group or everyone."""

    event: ClassVar[str] = "folder-share-ended"
    folder: str
    kind: str
    whom: str
    was: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookTaken(Event):
    """A notebook is somebody else's now: the person took it, to whom its owner had offered it."""

    event: ClassVar[str] = "notebook-taken"
    notebook_id: str
    before: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookRead(Event):
    """Somebody opened a notebook that another has shared, or took it along as a file."""

    event: ClassVar[str] = "notebook-read"
    notebook_id: str
    version: int
    how: str
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookUsed(Event):
    """Somebody's code took the functions of another's notebook, or what one of its cells shows."""

    event: ClassVar[str] = "notebook-used"
    notebook_id: str
    version: int
    cell: str
    """Which, counted from 0; nothing for the functions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentWritten(Event):
    """Somebody wrote a comment on a cell of a notebook, or one of theirs anew; a thread has its first one's id."""

    event: ClassVar[str] = "comment-written"
    notebook_id: str
    comment_id: str
    thread: str
    cell_id: str
    version: int
    text: str
    changes: int
    """How often it was changed by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentDeleted(Event):
    """Somebody deleted a comment: their own, or one on a notebook that they may manage."""

    event: ClassVar[str] = "comment-deleted"
    notebook_id: str
    comment_id: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadResolved(Event):
    """Somebody resolved a thread of comments, or opened it again."""

    event: ClassVar[str] = "thread-resolved"
    notebook_id: str
    thread: str
    resolved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MailChosen(Event):
    """Somebody chose how they are told of what is new by mail."""

    event: ClassVar[str] = "mail-chosen"
    mail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookForked(Event):
    """Somebody made a notebook of their own of what they saw of another."""

    event: ClassVar[str] = "notebook-forked"
    notebook_id: str
    path: str
    original: str
    version: int
    """The original's."""
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTaken(Event):
    """A fork has a cell as its original has it now, or no more where that has it no more."""

    event: ClassVar[str] = "cell-taken"
    notebook_id: str
    version: int
    original: str
    original_version: int
    cell: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellLeft(Event):
    """Somebody keeps a cell of their fork as it is, whatever the original has now."""

    event: ClassVar[str] = "cell-left"
    notebook_id: str
    original: str
    original_version: int
    cell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSuggested(Event):
    """Somebody suggests a cell of their fork to the notebook it was forked from."""

    event: ClassVar[str] = "cell-suggested"
    notebook_id: str
    fork: str
    version: int
    """The fork's."""
    cell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionAccepted(Event):
    """A notebook has a cell that somebody suggested."""

    event: ClassVar[str] = "suggestion-accepted"
    notebook_id: str
    version: int
    fork: str
    suggested_by: str
    cell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionDeclined(Event):
    """Somebody declined a cell that another suggested."""

    event: ClassVar[str] = "suggestion-declined"
    notebook_id: str
    fork: str
    suggested_by: str
    cell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookStarred(Event):
    """Somebody gave a notebook a star, or took it back."""

    event: ClassVar[str] = "notebook-starred"
    notebook_id: str
    starred: bool


EVENTS: tuple[type[Event], ...] = (
    NotebookSaved,
    NotebookTakenIn,
    NotebookMoved,
    NotebookDeleted,
    NotebookBroughtBack,
    VersionNamed,
    NotebookShared,
    FolderShared,
    FolderShareEnded,
    NotebookShareEnded,
    NotebookTaken,
    NotebookRead,
    NotebookUsed,
    CommentWritten,
    CommentDeleted,
    ThreadResolved,
    MailChosen,
    NotebookForked,
    CellTaken,
    CellLeft,
    CellSuggested,
    SuggestionAccepted,
    SuggestionDeclined,
    NotebookStarred,
)
"""Every event of notebooks, in the order of docs/reference/audit.md, where they follow all others."""
