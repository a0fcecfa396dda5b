"""What a mail says, to whom, and when: names are anybody's, and headers hold one line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from zoneinfo import ZoneInfo

import pytest

from swap.notebooks import mails
from swap.notebooks.mails import Due
from swap.notebooks.notice_store import Notice

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def notice(**more: object) -> Notice:
    values: dict[str, object] = {
        "id": 7,
        "kind": "mention",
        "notebook_id": "n1",
        "path": "ideas/first.ipynb",
        "owner_id": "pbbbbbbbbb",
        "author": "bertrand",
        "at": NOW,
        "read": False,
        "thread": "t1",
        "cell_id": "c1",
        "text": "the secret figure is 42",
    }
    return Notice(**(values | more))  # type: ignore[arg-type]


def written(*told: Notice, local: str = "ann") -> bytes:
    due = Due("paaaaaaaaa", local, told)
    return mails.letter(due, "swap@example.org", "example.org", "https://swap.example.org", NOW).as_bytes(
        policy=policy.SMTP
    )


def read(*told: Notice) -> tuple[dict[str, str], str]:
    found = message_from_bytes(written(*told), policy=policy.default)
    return {name.lower(): str(value) for name, value in found.items()}, found.get_content()


def test_a_mail_says_who_and_where_and_nothing_of_what_was_said() -> None:
    headers, body = read(notice())
    assert headers["subject"] == "bertrand mentions you in first"
    assert headers["to"] == "ann@example.org"
    assert headers["from"] == "SWAP <swap@example.org>"
    assert "https://swap.example.org/n/n1/comments?thread=t1" in body
    assert "42" not in body
    assert "ideas" not in body


def test_one_mail_tells_all_that_is_due_up_to_a_number() -> None:
    headers, body = read(*(notice(id=n) for n in range(mails.LISTED + 2)))
    assert headers["subject"] == "32 new on SWAP"
    assert body.count("/comments?thread=") == mails.LISTED
    assert "And 2 more." in body


def test_a_suggestion_leads_to_where_it_is_decided_on() -> None:
    headers, body = read(notice(kind="suggestion", thread=""))
    assert headers["subject"] == "bertrand suggests a change to first"
    assert "https://swap.example.org/n/n1/suggestions" in body.splitlines()


def test_a_run_of_a_report_is_told_with_its_cell_and_leads_to_its_page() -> None:
    run = {"kind": "report-failed", "report_id": "a", "run_id": "b", "said": "Cell 2 of 5 failed: KeyError."}
    headers, body = read(notice(**run))
    assert headers["subject"] == "The report first failed: Cell 2 of 5 failed: KeyError"
    assert "https://swap.example.org/reports/a/runs/b" in body.splitlines()
    assert (
        read(notice(**run | {"kind": "report-recovered", "said": ""}))[0]["subject"]
        == "The report first runs well again"
    )


def test_reports_that_failed_for_one_reason_are_one_mail_that_says_so() -> None:
    failed = {"kind": "report-failed", "said": "Cell 1 of 2 failed: Unavailable.", "reason": "away"}
    headers, body = read(*(notice(id=n, path=f"r{n}.ipynb", run_id=str(n), **failed) for n in range(3)))
    assert headers["subject"] == "3 reports failed, for something they need was away"
    assert [f"The report r{n} failed" in body for n in range(3)] == [True] * 3
    assert read(notice(**failed), notice())[0]["subject"] == "2 new on SWAP"


@pytest.mark.parametrize("field", ["path", "author"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\x00", "\x0b"])
def test_no_name_begins_a_header_of_its_own(field: str, end: str) -> None:
    hostile = f"a{end}Bcc: eve@evil.example{end}{end}<b>x"
    content = written(notice(**{field: hostile}))
    headers = message_from_bytes(content, policy=policy.default)
    assert headers["bcc"] is None
    assert "Bcc" in str(headers["subject"])  # it is there, as text
    assert headers["to"] == "ann@example.org"


def test_no_reason_of_a_run_begins_a_header_of_its_own() -> None:
    said = "Cell 1 of 1 failed: a\r\nBcc: eve@evil.example"
    headers = message_from_bytes(written(notice(kind="report-failed", said=said)), policy=policy.default)
    assert headers["bcc"] is None
    assert "Bcc" in str(headers["subject"])  # it is there, as text


def test_a_name_is_cut_and_may_be_in_any_script() -> None:
    headers, _ = read(notice(author="ж" * 200))
    assert headers["subject"] == "ж" * mails.NAME_LENGTH + "… mentions you in first"


@pytest.mark.parametrize(
    "name",
    ["", "ann b", "ann@evil.example", "ann\n", "ann,eve", "<ann>", '"ann"', ".ann", "ann.", "a..b", "é", "x" * 65],
)
def test_a_name_that_is_no_part_of_an_address_gets_no_mail(name: str) -> None:
    assert not mails.is_local(name)
    assert mails.is_local("ann.b-c+d_e")  # the control


@pytest.mark.parametrize(
    ("now", "last"),
    [
        (datetime(2026, 5, 4, 4, 59, tzinfo=UTC), datetime(2026, 5, 3, 5, tzinfo=UTC)),
        (datetime(2026, 5, 4, 5, 0, tzinfo=UTC), datetime(2026, 5, 4, 5, tzinfo=UTC)),
        # The night in which the clocks go forward has 23 hours.
        (datetime(2026, 3, 29, 4, 59, tzinfo=UTC), datetime(2026, 3, 28, 6, tzinfo=UTC)),
        (datetime(2026, 3, 29, 5, 0, tzinfo=UTC), datetime(2026, 3, 29, 5, tzinfo=UTC)),
    ],
)
def test_the_morning_is_seven_in_the_zone_of_the_site(now: datetime, last: datetime) -> None:
    assert mails.last_morning(BERLIN, now) == last
    assert mails.next_morning(BERLIN, now) - last in {timedelta(hours=hours) for hours in (23, 24, 25)}
    assert mails.next_morning(BERLIN, now) > now
