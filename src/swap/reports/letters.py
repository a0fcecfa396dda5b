"""An edition as a mail: what the notebook says, as text and pictures; or its address alone.  Pure values.

Nothing of a notebook is HTML here, or part of a header but for one line of what can be printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from markupsafe import Markup, escape

from swap.notebooks.mails import line
from swap.reading.posted import Block, Picture, Text

_HIDDEN = "Sign in to see this edition on its page, as far as you may see the data behind it."


@dataclass(frozen=True, slots=True)
class About:
    """Which edition, and where it is."""

    name: str
    """The notebook's."""
    period: str
    edition: int
    run_id: str
    person_id: str
    local: str
    """What stands before the @ in its reader's address."""
    page: str
    """The address of the edition's page."""
    report: str
    """That of the report's, where one ends being mailed."""

    @property
    def title(self) -> str:
        """Return which edition it is, on one line."""
        again = f", edition {self.edition}" if self.edition > 1 else ""
        return f"{line(self.name)}, {self.period}{again}"


def letter(about: About, blocks: Sequence[Block] | None, sender: str, domain: str, now: datetime) -> EmailMessage:
    """Return the mail of an edition, with what it says for one who may see all of it, or without."""
    made = EmailMessage()
    local, _, host = sender.partition("@")
    made["Subject"] = about.title
    made["From"] = Address("SWAP", local, host)
    made["To"] = Address(username=about.local, domain=domain)
    made["Date"] = format_datetime(now)
    made["Message-ID"] = f"<{about.run_id}.{about.person_id}@{host}>"
    made["Auto-Submitted"] = "auto-generated"
    told = [Text(_HIDDEN)] if blocks is None else list(blocks)
    made.set_content("\n\n".join(_plain(about, told)) + "\n", cte="quoted-printable")
    if blocks is None:
        return made
    made.add_alternative(str(_html(about, told, host)), subtype="html", cte="quoted-printable")
    *_, page = made.iter_parts()
    assert isinstance(page, EmailMessage)
    for number, picture in enumerate(_pictures(told), 1):
        page.add_related(picture.content, "image", picture.kind, cid=f"<{_cid(about, number, host)}>")
    return made


def _pictures(blocks: Sequence[Block]) -> Iterator[Picture]:
    return (each for each in blocks if isinstance(each, Picture))


def _cid(about: About, number: int, host: str) -> str:
    return f"{number}.{about.run_id}@{host}"


def _plain(about: About, blocks: Sequence[Block]) -> Iterator[str]:
    yield f"{about.title}\n{about.page}"
    count = 0
    for each in blocks:
        if isinstance(each, Text):
            yield each.text
        else:
            count += 1
            yield f"(Picture {count}: in this mail as HTML, and on the page.)"
    yield f"-- \nWho is mailed this report, and how to end it: {about.report}"


def _html(about: About, blocks: Sequence[Block], host: str) -> Markup:
    parts = [
        Markup('<h1 style="font-size:1.3em">{}</h1><p><a href="{}">{}</a></p>').format(
            about.title, about.page, about.page
        )
    ]
    count = 0
    for each in blocks:
        if isinstance(each, Picture):
            count += 1
            shown = Markup('<p><img src="cid:{}" alt="Picture {}" style="max-width:100%"></p>')
            parts.append(shown.format(_cid(about, count, host), count))
        elif each.printed:
            parts.append(Markup('<pre style="overflow-x:auto">{}</pre>').format(each.text))
        else:
            parts += map(_paragraph, each.text.split("\n\n"))
    end = Markup('<hr><p><small>Who is mailed this report, and how to end it: <a href="{}">{}</a></small></p>')
    parts.append(end.format(about.report, about.report))
    whole = Markup('<!doctype html><html><head><meta charset="utf-8"></head><body>{}</body></html>')
    return whole.format(Markup("\n").join(parts))


def _paragraph(text: str) -> Markup:
    """Return a paragraph of Markdown as it was written; a heading is one."""
    if text.startswith("#") and "\n" not in text.strip():
        return Markup('<h2 style="font-size:1.1em">{}</h2>').format(text.lstrip("#").strip())
    return Markup('<p style="white-space:pre-wrap">{}</p>').format(escape(text))
