"""What is told beside an open notebook, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from swap.notebooks.beside import Beside, Reader
from swap.notebooks.comment_store import Thread
from swap.notebooks.forks import Origin
from swap.notebooks.shares import Role
from swap.notebooks.versions import Page


def told(found: Beside, now: datetime) -> dict[str, Any]:
    """Return it as the extension reads it."""
    kept, around = found.seen.opened.kept, found.around
    return {
        "notebook": kept.notebook_id,
        "name": kept.name,
        "owner": kept.owner,
        "role": found.seen.opened.role.value,
        "comments_allowed": found.seen.opened.role.includes(Role.COMMENT),
        "version": kept.number,
        "at": kept.at.isoformat(),
        "hidden": found.seen.hidden_outputs,
        "outputs": found.seen.outputs,
        "history": None if found.versions is None else _history(found.versions),
        "comments": {"threads": [_thread(each) for each in found.threads], "total": found.all_threads},
        "readers": None if found.readers is None else [_reader(each, now) for each in found.readers],
        "more_readers": found.more_readers,
        "tables": [list(each.parts) for each in found.tables],
        "other_tables": found.other_tables,
        "origin": None if around.origin is None else _origin(around.origin),
        "changed": around.changed,
        "waiting": around.waiting,
        "forks": around.forks,
        "more_forks": around.more,
    }


def _history(page: Page) -> dict[str, Any]:
    versions = [
        {
            "number": each.number,
            "at": each.at.isoformat(),
            "author": each.author,
            "kind": each.kind.value,
            "name": each.name,
            "restored": each.restored,
            "folded": each.folded,
        }
        for each in page.versions
    ]
    return {"versions": versions, "more": page.more}


def _thread(thread: Thread) -> dict[str, Any]:
    said = [{"author": each.author, "text": each.text, "at": each.at.isoformat()} for each in thread.comments]
    return {"thread": thread.id, "cell": thread.cell_id, "left_out": thread.left_out, "comments": said}


def _reader(reader: Reader, now: datetime) -> dict[str, Any]:
    share = reader.given.share
    return {
        "kind": share.kind.value,
        "name": reader.given.name,
        "role": share.role.value,
        "until": None if share.expires_at is None else share.expires_at.isoformat(),
        "over": share.expires_at is not None and share.expires_at <= now,
        "sees": reader.sees,
    }


def _origin(origin: Origin) -> dict[str, Any]:
    kept = None if origin.opened is None else origin.opened.kept
    return {
        "version": origin.version,
        "notebook": None if kept is None else kept.notebook_id,
        "name": None if kept is None else kept.name,
        "owner": None if kept is None else kept.owner,
    }
