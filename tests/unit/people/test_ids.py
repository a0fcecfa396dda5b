from __future__ import annotations

import secrets

from swap.identity import PERSON_ID
from swap.people.ids import new_person_id


def test_an_id_has_ten_safe_characters():
    for _ in range(1000):
        assert PERSON_ID.fullmatch(new_person_id(secrets.token_bytes))


def test_an_id_is_made_of_all_the_randomness_it_is_given():
    assert new_person_id(lambda count: b"\xff" * count) == "p777777777"
    assert new_person_id(lambda count: b"\x08" + bytes(count - 1)) == "pbaaaaaaaa"


def test_nobody_can_be_given_the_id_content():
    # Hosts of SWAP's own: none has the shape of an id, whatever the randomness.
    for host in ("content", "localhost", "hub", "portal", "www", "pcontent"):
        assert not PERSON_ID.fullmatch(host)
