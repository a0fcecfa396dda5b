from __future__ import annotations

import pytest

from swap.connectors.hive.kerberos import protection
from swap.connectors.hive.transport import UnprotectedError


@pytest.mark.parametrize(
    ("offered", "demanded", "chosen"),
    [
        (1, "", "auth"),
        (1 | 2, "", "auth-int"),
        (1 | 2 | 4, "", "auth-conf"),
        (1 | 4, "", "auth-conf"),
        (1 | 2 | 4, "auth", "auth"),
        (1 | 2 | 4, "auth-int", "auth-int"),
    ],
)
def test_the_strongest_protection_is_chosen_unless_one_is_demanded(offered: int, demanded: str, chosen: str) -> None:
    assert protection(offered, demanded) == chosen


@pytest.mark.parametrize(
    ("offered", "demanded"), [(1, "auth-int"), (1 | 2, "auth-conf"), (4, "auth"), (0, ""), (8, "")]
)
def test_no_other_than_the_demanded_protection_is_taken(offered: int, demanded: str) -> None:
    with pytest.raises(UnprotectedError):
        protection(offered, demanded)
