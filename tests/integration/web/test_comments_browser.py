"""Two people talk about a cell, each in a browser; with the keyboard alone, without script, in the dark and on a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from integration.web.test_comments import cells, rows, say
from integration.web.test_sharing import MARK, Shared, it
from integration.web.test_sharing_browser import chromium, gone, visit

__all__ = ["chromium", "it", "visit"]


@pytest.fixture
def talk(it: Shared) -> Shared:
    """Return a notebook of three cells on which bertrand may comment."""
    it.shelf.save(cells("x = 1", "\n" * 80 + "y = 2"), path=it.path, base=1)
    it.share("comment")
    return it


def said(page: Page, text: str) -> Locator:
    """Return a comment on a page: its text, and not the box in which its author may change it."""
    return page.locator(".talk__said", has_text=text)


def test_people_talk_about_a_cell(talk: Shared, visit: Callable[..., Page]) -> None:
    """The story: one comments and mentions, the other is told, finds the cell, answers and resolves."""
    bob = visit(talk.bob, talk.at())
    bob.get_by_label("Comment on").select_option("b")
    bob.get_by_label("Your comment").fill("Why two, @ann? See https://example.org/why.")
    bob.get_by_role("button", name="Comment", exact=True).click()
    expect(said(bob, "Why two, @ann?")).to_be_visible()
    link = bob.get_by_role("link", name="https://example.org/why")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")

    ann = visit(talk.ann, "/")
    ann.get_by_role("link", name="new notices").click()
    ann.get_by_role("button", name="bertrand mentions you in").first.click()
    expect(said(ann, "Why two, @ann?")).to_be_visible()
    ann.locator("summary", has_text="Reply").click()
    ann.get_by_label("Your reply").fill("Because.")
    ann.get_by_role("button", name="Send").click()
    expect(said(ann, "Because.")).to_be_visible()
    ann.goto(f"{talk.ann.origin}{talk.at()}")
    ann.get_by_role("link", name="Cell 3").click()
    expect(ann.frame_locator("iframe.reader").locator("#cell-3")).to_be_in_viewport()

    ann.get_by_role("button", name="Resolve the thread on cell 3").click()
    expect(ann.get_by_text("resolved by ann")).to_be_visible()
    bob.reload()
    expect(bob.get_by_text("All threads are resolved.")).to_be_visible()


def test_all_of_it_is_done_with_the_keyboard(talk: Shared, visit: Callable[..., Page]) -> None:
    page = visit(talk.bob, talk.at())
    page.get_by_label("Comment on").focus()
    page.keyboard.press("Tab")
    page.keyboard.type("By keyboard")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(said(page, "By keyboard")).to_be_visible()
    page.locator("summary", has_text="Reply").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("And again")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(said(page, "And again")).to_be_visible()


def test_all_of_it_works_without_script(talk: Shared, visit: Callable[..., Page]) -> None:
    say(talk, "One @bertrand", talk.ann)
    page = visit(talk.bob, "/notices", java_script_enabled=False)
    page.get_by_role("button", name="ann mentions you in").first.click()
    page.locator("summary", has_text="Reply").click()
    page.get_by_label("Your reply").fill("Two")
    page.get_by_role("button", name="Send").click()
    page.locator("summary", has_text="Change").click()
    page.get_by_label("Your comment").fill("Three")
    page.get_by_role("button", name="Save").click()
    expect(said(page, "Three")).to_be_visible()
    assert [row.text for row in rows(talk)] == ["One @bertrand", "Three"]


def test_a_comment_is_text_in_a_browser_too(talk: Shared, visit: Callable[..., Page]) -> None:
    page = visit(talk.ann, talk.at())
    heard: list[str] = []
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    say(talk, MARK)
    for path in (talk.at(), talk.at("/comments"), "/notices", f"/notebooks/read/{talk.path}"):
        page.goto(f"{talk.ann.origin}{path}")
        expect(page.get_by_text("alert('canary')").first).to_be_attached()
    assert heard == []


def test_a_page_of_comments_that_is_open_goes_with_the_share(talk: Shared, visit: Callable[..., Page]) -> None:
    say(talk, "By ann", talk.ann)
    page = visit(talk.bob, talk.at("/comments"))
    expect(said(page, "By ann")).to_be_visible()
    talk.end()
    gone(page)
    expect(said(page, "By ann")).to_have_count(0)


@pytest.mark.parametrize(
    ("mode", "width"),
    [
        ("light", 1280),
        pytest.param("dark", 390, marks=pytest.mark.long),
        pytest.param("light", 900, marks=pytest.mark.long),
    ],
)
def test_the_pages_are_accessible_and_fit(talk: Shared, visit: Callable[..., Page], mode: str, width: int) -> None:
    say(talk, f"{'long' * 50} @ann https://example.org/{'x' * 200}")
    say(talk, "on a cell", cell="a", version="2")
    say(talk, "By ann, @bertrand", talk.ann)
    first, second, _ = rows(talk)
    talk.send("/comments/reply", talk.ann, thread=first.id, text="Because.")
    talk.send("/comments/resolve", talk.ann, thread=second.id)
    found = []
    for who, path in (
        (talk.bob, talk.at()),
        (talk.ann, talk.at()),
        (talk.ann, talk.at("/comments")),
        (talk.bob, talk.at(f"/comments?thread={first.id}")),
        (talk.ann, f"/notebooks/read/{talk.path}"),
        (talk.bob, "/notices"),
    ):
        page = visit(who, path, width=width, mode=mode)
        page.wait_for_load_state("load")
        for summary in page.locator("details.talk__more > summary").all():
            summary.click()
        violations = Axe().run(page).response["violations"]
        found += [(path, each["id"], [node["target"] for node in each["nodes"]]) for each in violations]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append((path, "wide", []))
    assert found == []
