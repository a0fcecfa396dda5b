"""Windows of one browser, a new one for each test: what JupyterLab consists of stays in its cache, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, expect


def in_each_theme(page: Page) -> Iterator[str]:
    """Yield the light theme and then the dark one, once the page, which follows the system, is in it."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # one of its words
        light = str(scheme == "light").lower()
        expect(page.locator("body")).to_have_attribute("data-jp-theme-light", light, timeout=60_000)
        yield scheme


@contextmanager
def forgotten(context: BrowserContext, url: str) -> Iterator[None]:
    """Close the windows that the block opens, and have the browser forget what pages at the URL's origin stored."""
    yield
    context.unroute_all()
    # One that stays until the rest is done: a page that is closed may store something as its last.
    last = context.new_page()
    for page in context.pages[:-1]:
        page.close()
    origin = urlsplit(url)
    context.new_cdp_session(last).send(
        "Storage.clearDataForOrigin",
        {
            "origin": f"{origin.scheme}://{origin.netloc}",
            "storageTypes": "cookies,local_storage,indexeddb,service_workers",
        },
    )
    context.clear_cookies()
    last.close()
