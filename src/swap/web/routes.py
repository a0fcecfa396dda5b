"""The one list of what the portal answers to.

A route that is not here does not exist; what guards it stands beside it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from swap.web import (
    admin,
    comments,
    data,
    deliveries,
    documents,
    files,
    folders,
    forks,
    gallery,
    history,
    home,
    notebooks,
    notices,
    packages,
    reading,
    report_differences,
    report_rows,
    report_runs,
    reports,
    server,
    session,
    shared,
    sharing,
)
from swap.web import help as help_pages
from swap.web.portal import Portal, Visit

Handler = Callable[[Portal, Visit], Response | Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One address.  A plain handler runs in a thread, an `async` one on the event loop, which it may not block.

    `public` routes also serve people who are not signed in; every POST is checked (forms.py), and one takes a file of
    up to `upload_bytes`.  An `admin` route exists for members of the admin group alone.
    """

    method: str
    path: str
    handler: Handler
    public: bool = False
    upload_bytes: int = 0
    admin: bool = False


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", home.home),
    Route("GET", "/sources", home.sources_part),
    Route("GET", "/data", data.index),
    Route("GET", "/data/{source}", data.source),
    Route("GET", "/data/{source}/{schema}/{table}", data.table),
    Route("GET", "/data/{source}/{schema}/{table}/preview", data.preview),
    Route("GET", "/data/{source}/{schema}/{table}/periods", report_rows.chart),
    Route("GET", "/data/{source}/{schema}/{table}/rows", report_rows.download),
    Route("GET", "/notebooks", notebooks.listing),
    Route("POST", "/notebooks", notebooks.create),
    Route("GET", "/notebooks/read/{path:path}", reading.page),
    Route("GET", "/notebooks/alone", reading.alone),
    Route("GET", "/notebooks/export", reading.export),
    Route("GET", "/notebooks/chart", reading.chart),
    Route("GET", "/notebooks/download", files.download),
    Route("GET", "/notebooks/history", history.page),
    Route("GET", "/notebooks/history/changes", history.changes),
    Route("GET", "/notebooks/history/restore", history.ask_restore),
    Route("POST", "/notebooks/history/restore", history.restore),
    Route("POST", "/notebooks/history/name", history.name),
    Route("GET", "/notebooks/deleted", history.deleted),
    Route("POST", "/notebooks/deleted/bring-back", history.bring_back),
    Route("GET", "/notebooks/share", sharing.of_mine),
    Route("GET", "/notebooks/folder", folders.page),
    Route("POST", "/notebooks/folder", folders.give),
    Route("POST", "/notebooks/folder/end", folders.end),
    Route("GET", "/n/{notebook_id}", shared.page),
    Route("GET", "/n/{notebook_id}/alone", shared.alone),
    Route("GET", "/n/{notebook_id}/export", shared.export),
    Route("GET", "/n/{notebook_id}/chart", shared.chart),
    Route("GET", "/n/{notebook_id}/still", shared.still),
    Route("POST", "/n/{notebook_id}/take", shared.take),
    Route("GET", "/n/{notebook_id}/share", sharing.page),
    Route("POST", "/n/{notebook_id}/share", sharing.give),
    Route("POST", "/n/{notebook_id}/share/end", sharing.end),
    Route("GET", "/notebooks/comments", comments.of_mine),
    Route("GET", "/n/{notebook_id}/comments", comments.page),
    Route("POST", "/n/{notebook_id}/comments", comments.add),
    Route("POST", "/n/{notebook_id}/comments/reply", comments.reply),
    Route("POST", "/n/{notebook_id}/comments/change", comments.change),
    Route("POST", "/n/{notebook_id}/comments/delete", comments.delete),
    Route("POST", "/n/{notebook_id}/comments/resolve", comments.resolve),
    Route("POST", "/n/{notebook_id}/comments/reopen", comments.reopen),
    Route("GET", "/notices", notices.page),
    Route("POST", "/notices/follow", notices.follow),
    Route("POST", "/notices/read", notices.read_all),
    Route("POST", "/notices/mail", notices.choose),
    Route("GET", "/gallery", gallery.page),
    Route("POST", "/n/{notebook_id}/star", gallery.star),
    Route("POST", "/n/{notebook_id}/unstar", gallery.unstar),
    Route("POST", "/n/{notebook_id}/fork", forks.fork),
    Route("GET", "/notebooks/forks", forks.of_mine),
    Route("GET", "/n/{notebook_id}/forks", forks.listing),
    Route("GET", "/n/{notebook_id}/origin", forks.origin),
    Route("POST", "/n/{notebook_id}/origin/take", forks.take),
    Route("POST", "/n/{notebook_id}/origin/leave", forks.leave),
    Route("GET", "/n/{notebook_id}/suggest", forks.ask_suggest),
    Route("POST", "/n/{notebook_id}/suggest", forks.suggest),
    Route("GET", "/n/{notebook_id}/suggestions", forks.suggested),
    Route("POST", "/n/{notebook_id}/suggestions/accept", forks.accept),
    Route("POST", "/n/{notebook_id}/suggestions/decline", forks.decline),
    Route("GET", "/reports", reports.listing),
    Route("GET", "/reports/ahead", reports.ahead),
    Route("GET", "/reports/{report_id}", reports.page),
    Route("POST", "/reports/{report_id}/run", reports.run_now),
    Route("POST", "/reports/{report_id}/pause", reports.pause),
    Route("POST", "/reports/{report_id}/resume", reports.resume),
    Route("POST", "/reports/{report_id}/end", reports.end),
    Route("POST", "/reports/{report_id}/accept", reports.accept),
    Route("GET", "/reports/{report_id}/backfill/ahead", report_runs.ahead),
    Route("POST", "/reports/{report_id}/backfill", report_runs.fill),
    Route("POST", "/reports/{report_id}/backfill/again", report_runs.fill_again),
    Route("POST", "/reports/{report_id}/backfill/cancel", report_runs.cancel),
    Route("GET", "/reports/{report_id}/data", report_runs.data),
    Route("POST", "/reports/{report_id}/data", report_runs.choose_data),
    Route("POST", "/reports/{report_id}/parameters", report_runs.choose_values),
    Route("POST", "/reports/{report_id}/runs/{run_id}/again", report_runs.again),
    Route("POST", "/reports/{report_id}/runs/{run_id}/go", report_runs.let_go),
    Route("POST", "/reports/{report_id}/take-over", reports.take_over),
    Route("GET", "/reports/{report_id}/feed", deliveries.feed),
    Route("GET", "/reports/{report_id}/delivery", deliveries.page),
    Route("POST", "/reports/{report_id}/delivery/add", deliveries.add),
    Route("POST", "/reports/{report_id}/delivery/remove", deliveries.remove),
    Route("POST", "/reports/{report_id}/delivery/decline", deliveries.decline),
    Route("POST", "/reports/{report_id}/delivery/want", deliveries.want),
    Route("POST", "/reports/{report_id}/delivery/webhook", deliveries.webhook),
    Route("POST", "/reports/{report_id}/limit", report_runs.limit),
    Route("POST", "/reports/{report_id}/runs/{run_id}/cancel", report_runs.cancel_run),
    Route("POST", "/reports/{report_id}/runs/{run_id}/resume", report_runs.go_on),
    Route("GET", "/reports/{report_id}/runs/{run_id}", reports.run),
    Route("POST", "/reports/{report_id}/runs/{run_id}/release", reports.release),
    Route("GET", "/reports/{report_id}/runs/{run_id}/difference", report_differences.page),
    Route("GET", "/reports/{report_id}/runs/{run_id}/still", reports.still),
    Route("GET", "/reports/{report_id}/runs/{run_id}/chart", reports.chart),
    Route("GET", "/notebooks/report", reports.of_mine),
    Route("GET", "/n/{notebook_id}/report", reports.ask),
    Route("POST", "/n/{notebook_id}/report", reports.create),
    Route("GET", "/notebooks/upload", files.ask_upload),
    Route("POST", "/notebooks/upload", files.upload, upload_bytes=files.UPLOAD_BYTES),
    Route("GET", "/notebooks/rename", files.ask_rename),
    Route("POST", "/notebooks/rename", files.rename),
    Route("GET", "/notebooks/delete", files.ask_delete),
    Route("POST", "/notebooks/delete", files.delete),
    Route("POST", "/packages/remove", packages.remove),
    Route("GET", "/server", server.page),
    Route("GET", "/server/events", server.events),
    Route("POST", "/server/start", server.begin),
    Route("POST", "/server/stop", server.stop),
    Route("POST", "/server/restart", server.restart),
    Route("GET", "/admin", admin.people, admin=True),
    Route("GET", "/admin/groups", admin.groups, admin=True),
    Route("GET", "/admin/servers", admin.servers, admin=True),
    Route("GET", "/admin/queries", admin.queries, admin=True),
    Route("GET", "/admin/reports", admin.reports, admin=True),
    Route("GET", "/admin/limits", admin.limits, admin=True),
    Route("GET", "/admin/person", admin.person, admin=True),
    Route("GET", "/admin/end", admin.ask_end, admin=True),
    Route("POST", "/admin/end", admin.end, admin=True),
    Route("GET", "/sign-out", session.ask_sign_out, public=True),
    Route("POST", "/sign-out", session.sign_out),
    Route("GET", "/signed-out", session.signed_out, public=True),
    Route("POST", "/mode", session.mode),
    Route("GET", "/help/keyboard", help_pages.keyboard, public=True),
    Route("GET", "/help/localhost-name", help_pages.localhost_name, public=True),
    Route("GET", "/help/tunnel-port", help_pages.tunnel_port, public=True),
    Route("GET", "/help", documents.page, public=True),
    Route("GET", "/help/{page:path}", documents.page, public=True),
)
"""Beside these, app.py serves /sign-in, /oauth_callback, /ping and /static."""
