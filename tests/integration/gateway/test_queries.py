"""A statement's whole way: over HTTP, through the spine, and back as Arrow."""

from __future__ import annotations

from integration.gateway.gateways import Gateway, Person


def test_one_statement_joins_two_sources(ann: Person, swap: Gateway) -> None:
    rows = ann.rows("""
        SELECT v.page_title, v.view_count, p.page_len
        FROM lake.wmf.pageview_hourly v JOIN mediawiki.enwiki.page p USING (page_id)
        WHERE v.year = 2026 ORDER BY 1""")

    assert rows == [("B", 20, 200), ("C", 30, 300)]
    assert [event.event for event in swap.audit() if event.event.startswith("query")] == ["query-accepted", "query-ended"]
