"""What is said of the room that somebody's notebooks have."""

from __future__ import annotations

from swap.notebooks.room import Room


def test_little_room_is_said_and_much_is_not() -> None:
    assert [Room(used, 1_000_000_000).warning for used in (0, 899_999_999)] == ["", ""]
    assert "take 900 MB; there is room for 100 MB more" in Room(900_000_000, 1_000_000_000).warning
    assert "there is room for no more" in Room(1_000_000_000, 1_000_000_000).warning
    assert "there is room for no more" in Room(2_000_000_000, 1_000_000_000).warning


def test_the_last_byte_may_be_used() -> None:
    assert [Room(used, 10).full for used in (9, 10, 11)] == [False, False, True]


def test_what_was_deleted_takes_as_much_again_and_no_more() -> None:
    assert [Room(used, 10, deleted).full for used, deleted in ((0, 20), (10, 10), (0, 21), (5, 16))] == [
        False,
        False,
        True,
        True,
    ]
