"""What a server uses, in words for pages."""

from __future__ import annotations

from swap.usage import Part, Use
from swap.web import uses


def test_each_part_is_said_with_its_limit():
    use = Use(
        memory=Part(1.23e9, 8e9),
        processors=Part(None, 2),
        processes=Part(12, 1500),
        disk=Part(3e9, 20e9),
        files=Part(1),
    )

    assert uses.words(use) == ["1.2 of 8 GB of memory", "12 of 1,500 processes", "3.0 of 20 GB of disk"]


def test_what_has_no_limit_or_is_not_known_is_said_so_or_not_at_all():
    assert uses.words(Use(memory=Part(2e8), disk=Part(None, 20e9))) == ["0.2 GB of memory"]
    assert uses.words(Use()) == []
