"""Who may do what in SWAP's database: one account for each process, with the least rights that suffice.

`migrate.upgrade` puts exactly this in force each time it runs, so this file is the truth.  A process
that is taken over can then do what its own work needs, and no more: the portal reads no result, the
gateway opens no session, nobody rewrites the audit.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

OWNER: Final = "swap_owner"

ACCOUNTS: Final[dict[str, str]] = {
    "owner": OWNER,
    "hub": "swap_hub",
    "web": "swap_web",
    "gateway": "swap_gateway",
    "worker": "swap_worker",
}
"""A process's name, as in `Runtime.database_urls` → its account."""

_READ = "SELECT"
_MEND = "SELECT, UPDATE"
_ADD = "SELECT, INSERT, UPDATE"
_KEEP = "SELECT, INSERT, UPDATE, DELETE"
_GIVE = "SELECT, INSERT"
_PUT = "INSERT"
_LIST = "SELECT (id, person_id, state, sources, created_at, ended_at)"  # whose and since when, not what was asked
_WHOSE = "SELECT (person_id, state, standing)"
_GROW = "SELECT, UPDATE (size_bytes)"  # with the parts of what was executed
_ASKED = (
    "SELECT (run_id, kernel_id, state, sources, row_count, taken_from, ended_at)"  # what runs cost, not what they ask
)
_ANSWERS = "SELECT (source, up, since)"
_DUE = "SELECT, UPDATE (next_due_at)"  # neither whom it runs as nor what
_STARTS = "SELECT (started_at, ended_at)"  # that somebody's server starts, not whose
_COUNT = "SELECT (notebook_id, state)"  # how many wait, not what they say
_HOW_FAR = "SELECT (source, schema, name, path, newest)"  # up to when a table goes, for runs that wait for it
_DIVIDED = "SELECT (source, schema, name, definition)"  # by which partitions
_APPEND = "INSERT, SELECT (id)"  # the id is what INSERT … RETURNING gives back

RIGHTS: Final[dict[str, dict[str, str]]] = {
    "swap_hub": {
        "person": _ADD,
        "person_group": _GIVE,
        "sign_in": _ADD,
        "portal_session": _MEND,
        "system_user": _GIVE,
        "jupyter_server": _ADD,
        "report": _WHOSE,
        "audit_event": _APPEND,
    },
    "swap_web": {
        "person": _MEND,
        "person_group": _READ,
        "sign_in": _MEND,
        "portal_session": _ADD,
        "jupyter_server": _MEND,
        "query_run": _LIST,
        "notebook": _ADD,
        "notebook_version": _ADD,
        "notebook_part": _GIVE,
        "notebook_lineage": _GIVE,
        "lineage": _READ,
        "notebook_share": _KEEP,
        "folder_share": _KEEP,
        "notebook_comment": _ADD,
        "notice": _ADD,
        "notebook_settled": _ADD,
        "notebook_suggestion": _ADD,
        "notebook_card": _KEEP,
        "notebook_due": _KEEP,
        "notebook_star": _KEEP,
        "notebook_reader": _GIVE,
        "report": _ADD,
        "report_run": _ADD,
        "report_table": _READ,
        "report_output": _READ,
        "report_recipient": _KEEP,
        "report_declined": _KEEP,
        "report_letter": _ADD,
        "report_webhook": _KEEP,
        "report_call": _ADD,
        "audit_event": _APPEND,
    },
    "swap_gateway": {
        "person": _READ,
        "sign_in": _READ,
        "jupyter_server": _READ,
        "source_state": _KEEP,
        "dataset": _KEEP,
        "dataset_definition": _KEEP,
        "dataset_change": _KEEP,
        "query_run": _ADD,
        "admission": _KEEP,
        "notebook": _ADD,
        "notebook_version": _GIVE,
        "notebook_part": _GIVE,
        "notebook_lineage": _GIVE,
        "notebook_due": _PUT,
        "notebook_share": _READ,
        "folder_share": _READ,
        "notebook_comment": _READ,
        "notebook_settled": _READ,
        "notebook_suggestion": _COUNT,
        "lineage": _GIVE,
        "kernel_read": _ADD,
        "report": _READ,
        "report_run": _READ,
        "report_table": _ADD,
        "report_output": _ADD,
        "audit_event": _APPEND,
    },
    "swap_worker": {
        "person": _READ,
        "dataset": _HOW_FAR,
        "dataset_definition": _DIVIDED,
        "notebook": _GROW,
        "notebook_version": _READ,
        "notebook_part": _GIVE,
        "notebook_lineage": _GIVE,
        "lineage": _GIVE,
        "kernel_read": _READ,
        "notebook_share": _READ,
        "folder_share": _READ,
        "notice": _GIVE,
        "jupyter_server": _STARTS,
        "query_run": _ASKED,
        "source_state": _ANSWERS,
        "report": _DUE,
        "report_run": _ADD,
        "report_recipient": _READ,
        "report_declined": _READ,
        "report_letter": _GIVE,
        "report_webhook": _READ,
        "report_call": _GIVE,
        "audit_event": _APPEND,
    },
}
"""Account → table → what it may do there.  A table that is not named is closed."""

HUB_SCHEMA: Final = "jupyterhub"
"""JupyterHub's own tables, made and owned by its account."""


def enforce(conn: Connection) -> None:
    """Take every right on SWAP's schema away, then give exactly RIGHTS.  Run by the owner.

    An account that does not exist is passed over: a site may run everything under one account of its own.
    """
    present = set(
        conn.scalars(text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:names)"), {"names": list(RIGHTS)})
    )
    conn.execute(text(f"CREATE SCHEMA IF NOT EXISTS {HUB_SCHEMA}"))
    for account in sorted(present):
        conn.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA swap FROM {account}"))
        conn.execute(text(f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA swap FROM {account}"))
        conn.execute(text(f"GRANT USAGE ON SCHEMA swap TO {account}"))
        conn.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA swap TO {account}"))
        for table, rights in RIGHTS[account].items():
            conn.execute(text(f"GRANT {rights} ON swap.{table} TO {account}"))
    if "swap_hub" in present:
        conn.execute(text(f"GRANT USAGE, CREATE ON SCHEMA {HUB_SCHEMA} TO swap_hub"))
