"""What one of two notebooks is offered of the other: nothing that was edited is lost, and the order stays."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

import saves
from swap import content
from swap.content import Cell, Manifest
from swap.notebooks import merging
from swap.notebooks.merging import Offer

Cells = dict[str, Cell]


def cell(text: str) -> Cell:
    return Cell(content.digest(text.encode()), None, ())


def cells(*named: str) -> Cells:
    """Return cells whose keys are their first letters."""
    return {each[0]: cell(each) for each in named}


def began(side: Cells) -> dict[str, str]:
    return merging.base(side, {})


SIDES = some.lists(
    some.tuples(some.sampled_from("abcdefgh"), some.sampled_from("012")), unique_by=lambda each: each[0], max_size=7
).map(lambda found: cells(*(key + state for key, state in found)))
ORDERED = SIDES.map(lambda found: dict(sorted(found.items())))


def take_all(offers: list[Offer], theirs: Cells, mine: Cells) -> Cells:
    for each in offers:
        mine = merging.taken(each, theirs, mine)
    return mine


def in_order(keys: list[str], wanted: list[str]) -> bool:
    places = [wanted.index(key) for key in keys if key in wanted]
    return all(before < after for before, after in pairwise(places))


@given(base=SIDES, theirs=SIDES, mine=SIDES, data=some.data())
def test_nothing_that_was_edited_is_lost_and_the_order_stays(
    base: Cells, theirs: Cells, mine: Cells, data: some.DataObject
) -> None:
    clean = [each for each in merging.offers(began(base), theirs, mine) if not each.edited]
    chosen = data.draw(some.permutations(clean))
    made = take_all(chosen, theirs, mine)
    edited = {key: each for key, each in mine.items() if key not in base or base[key] != each}
    assert edited.items() <= made.items()
    assert in_order([key for key in made if key in mine], list(mine))


@given(base=SIDES, theirs=SIDES, mine=SIDES)
def test_taking_one_changes_no_other_cell(base: Cells, theirs: Cells, mine: Cells) -> None:
    for each in merging.offers(began(base), theirs, mine):
        made = merging.taken(each, theirs, mine)
        assert {key: found for key, found in made.items() if key != each.key} == {
            key: found for key, found in mine.items() if key != each.key
        }
        assert made.get(each.key) == each.theirs


@given(base=SIDES, theirs=SIDES, mine=SIDES)
def test_taking_twice_is_taking_once(base: Cells, theirs: Cells, mine: Cells) -> None:
    offers = merging.offers(began(base), theirs, mine)
    for each in offers:
        made = merging.taken(each, theirs, mine)
        assert list(merging.taken(each, theirs, made).items()) == list(made.items())
        assert each.key not in {left.key for left in merging.offers(began(base), theirs, made)}
    assert merging.offers(began(base), theirs, take_all(list(offers), theirs, mine)) == ()


@given(base=ORDERED, theirs=ORDERED, data=some.data())
def test_who_changed_nothing_and_takes_all_has_theirs_in_whichever_order(
    base: Cells, theirs: Cells, data: some.DataObject
) -> None:
    offers = data.draw(some.permutations(merging.offers(began(base), theirs, base)))
    assert not any(each.edited for each in offers)
    assert list(take_all(offers, theirs, base).items()) == list(theirs.items())


@given(base=SIDES, theirs=SIDES, mine=SIDES)
def test_what_was_left_is_not_offered_again_before_it_changes_again(base: Cells, theirs: Cells, mine: Cells) -> None:
    for each in merging.offers(began(base), theirs, mine):
        settled = {each.key: None if each.theirs is None else each.theirs.source}
        left = merging.offers(merging.base(base, settled), theirs, mine)
        assert each.key not in {other.key for other in left}
        again = theirs | {each.key: cell("again")}
        assert each.key in {other.key for other in merging.offers(merging.base(base, settled), again, mine)}


def test_what_each_offer_does_and_whether_both_changed_it() -> None:
    base, theirs = cells("a0", "b0", "c0", "d0", "e0"), cells("a1", "b1", "d1", "f1")
    mine = cells("a0", "b2", "c0", "e2")
    found = [(each.key, each.what, each.edited) for each in merging.offers(began(base), theirs, mine)]
    assert found == [
        ("a", "changed", False),
        ("b", "changed", True),
        ("d", "added", True),
        ("f", "added", False),
        ("c", "removed", False),
        ("e", "removed", True),
    ]


def test_an_offer_is_another_one_as_soon_as_one_of_the_three_is() -> None:
    shown = Offer("a", "base", cell("theirs"), cell("mine"))
    others = [
        Offer("a", None, cell("theirs"), cell("mine")),
        Offer("a", "base", None, cell("mine")),
        Offer("a", "base", cell("theirs"), None),
        Offer("a", "base", cell("mine"), cell("theirs")),
    ]
    assert len({each.mark for each in (shown, *others)}) == 5
    assert shown.mark == Offer("a", "base", Cell(cell("theirs").source, "outputs", ()), cell("mine")).mark


def keys_of(document: dict[str, object]) -> list[str]:
    taken = content.take_apart(document)
    return list(merging.keyed(content.read(taken.manifest).cells, taken.parts))


def test_a_cell_is_known_by_its_id_wherever_it_stands_and_whatever_it_says() -> None:
    first, second = keys_of(saves.notebook("aaa = 1", "bbb")), keys_of(saves.notebook("bbb", "aaa = 2"))
    assert first == second[::-1]


@pytest.mark.parametrize("id_", [None, 7, "", "\x00", "\ud800", "x" * 10_000])
def test_any_id_makes_a_key_and_the_same_one_twice_makes_two(id_: object) -> None:
    document = saves.notebook("aaa", "aab")
    for each in document["cells"]:
        each["id"] = id_
    found = keys_of(document)
    assert len(set(found)) == 2
    assert all(content.is_digest(key) for key in found)
    assert keys_of(document) == found


def test_a_part_that_is_no_cell_has_a_key_too() -> None:
    broken = Cell("0" * 64, None, ())
    assert len(merging.keyed([broken, broken], {"0" * 64: b"[1, "})) == 2


def test_a_notebook_of_before_ids_that_takes_a_cell_with_one_is_of_the_newer_format() -> None:
    offer = Offer("b", None, cell("b1"), None)
    made = merging.merged(Manifest({"a": 1}, 4, (cell("a0"),)), 5, offer, cells("a0", "b1"), cells("a0"))
    assert made == Manifest({"a": 1}, 5, (cell("a0"), cell("b1")))
