from __future__ import annotations

from swap.connectors.comments import sensitivity


def test_sensitivity_is_read_from_the_end_of_a_comment_only() -> None:
    assert sensitivity("An address [sensitivity: personal]") == ("An address", "personal")
    assert sensitivity("[sensitivity: personal] is written so") == ("[sensitivity: personal] is written so", "")
    assert sensitivity("") == ("", "")
