"""How a report reaches people: whom its editions are mailed to, what is told of its runs, and a feed."""

from __future__ import annotations

from datetime import datetime
from xml.etree import ElementTree as ET

from starlette.responses import Response

from swap.errors import Invalid, Problem
from swap.notebooks import sharing
from swap.notebooks.mails import line
from swap.notebooks.shares import Kind
from swap.reports import delivering, service
from swap.reports.model import Run
from swap.reports.service import Looked
from swap.web.pages import go, respond
from swap.web.portal import Portal, Visit
from swap.web.report_parts import id_of
from swap.web.sharing import as_word

ATOM = "http://www.w3.org/2005/Atom"


def page(portal: Portal, visit: Visit) -> Response:
    """To whom editions of a report of mine are mailed; people and groups whose name begins with what is looked for."""
    text = visit.query("find").strip()
    with portal.engine.begin() as conn:
        report = service.mine(conn, visit.person, id_of(visit), visit.now)
        looked = service.look(conn, visit.person, report.id, visit.now)
        mailed = delivering.recipients(conn, report)
        hook = delivering.webhook(conn, report)
        found = sharing.search(conn, text)
    there = {(each.kind, each.whom) for each in mailed}
    return respond(
        portal,
        visit,
        "report_delivery.html",
        here="reports",
        looked=looked,
        at=f"/reports/{report.id}",
        mailed=mailed,
        found=[each for each in found if (each.kind, each.whom) not in there],
        text=text,
        mail=portal.settings.mail is not None,
        hosts=portal.settings.reports.webhooks,
        hook=hook,
        feed=f"{portal.address(visit.request).url}/reports/{report.id}/feed",
    )


def add(portal: Portal, visit: Visit) -> Response:
    """Let editions be mailed to a person or a group."""
    kind, whom = _named(visit)
    with portal.engine.begin() as conn:
        delivering.add(conn, visit.person, id_of(visit), kind, whom, visit.now)
    return go(f"/reports/{id_of(visit)}/delivery")


def remove(portal: Portal, visit: Visit) -> Response:
    """Let them not be mailed to somebody any more."""
    kind, whom = _named(visit)
    with portal.engine.begin() as conn:
        delivering.remove(conn, visit.person, id_of(visit), kind, whom, visit.now)
    return go(f"/reports/{id_of(visit)}/delivery")


def decline(portal: Portal, visit: Visit) -> Response:
    """Let a report not be mailed to me, whoever names me or a group of mine."""
    with portal.engine.begin() as conn:
        delivering.decline(conn, visit.person, id_of(visit), visit.now)
    return go(f"/reports/{id_of(visit)}")


def want(portal: Portal, visit: Visit) -> Response:
    """Let it be mailed to me again."""
    with portal.engine.begin() as conn:
        delivering.want(conn, visit.person, id_of(visit), visit.now)
    return go(f"/reports/{id_of(visit)}")


def webhook(portal: Portal, visit: Visit) -> Response:
    """Let an address be told of the runs of a report of mine, or none."""
    url, hosts = visit.form.get("url", "").strip(), portal.settings.reports.webhooks
    with portal.engine.begin() as conn:
        delivering.put_webhook(conn, visit.person, id_of(visit), url, hosts, visit.now)
    return go(f"/reports/{id_of(visit)}/delivery")


def feed(portal: Portal, visit: Visit) -> Response:
    """The newest editions of a report as Atom: what they are about and where they stand, and no more."""
    with portal.engine.begin() as conn:
        looked = service.look(conn, visit.person, id_of(visit), visit.now)
        editions, _ = service.editions(conn, looked, 0)
    home = f"{portal.address(visit.request).url}/reports/{looked.report.id}"
    return Response(
        _feed(looked, editions, home, visit.now),
        media_type="application/atom+xml",
        headers={"Cache-Control": "no-store"},
    )


def _feed(looked: Looked, editions: list[Run], home: str, now: datetime) -> bytes:
    ET.register_namespace("", ATOM)
    top = ET.Element(f"{{{ATOM}}}feed")
    moments = [each.ended_at for each in editions if each.ended_at is not None]
    updated = max(moments, default=now)
    _text(top, "title", line(looked.opened.name))
    _text(top, "id", home)
    _text(top, "updated", updated.isoformat())
    ET.SubElement(top, f"{{{ATOM}}}link", href=home)
    author = ET.SubElement(top, f"{{{ATOM}}}author")
    _text(author, "name", line(looked.opened.kept.owner))
    for each in editions:
        entry = ET.SubElement(top, f"{{{ATOM}}}entry")
        again = f", edition {each.edition}" if each.edition is not None and each.edition > 1 else ""
        _text(entry, "title", f"{each.about(looked.report.schedule)}{again}")
        _text(entry, "id", f"{home}/runs/{each.id}")
        _text(entry, "updated", (each.ended_at or updated).isoformat())
        ET.SubElement(entry, f"{{{ATOM}}}link", href=f"{home}/runs/{each.id}")
    made: bytes = ET.tostring(top, encoding="utf-8", xml_declaration=True)
    return made


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, f"{{{ATOM}}}{name}").text = text


def _named(visit: Visit) -> tuple[Kind, str]:
    """Return the person or group of a form.  Raises Invalid."""
    kind, whom = as_word(Kind, visit.form.get("kind", "")), visit.form.get("whom", "")
    if kind is Kind.EVERYONE or not 0 < len(whom) <= 200 or not whom.isprintable():
        raise Invalid(Problem("A report is mailed to people and groups.", todo="Choose one of them."))
    return kind, whom
