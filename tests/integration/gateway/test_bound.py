"""An output that is nothing but a query's result comes from what that query read, and from nothing else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

import saves
from integration.gateway.desks import CITIES, COUNTRIES, NOT_KNOWN, Desk
from integration.gateway.gateways import Gateway
from swap.client import params as parameters
from swap.client import show
from swap.notebooks import bound, lineages

Output = dict[str, Any]
NAMED = f"%%swap countries\n{COUNTRIES}"
"""A cell whose result is shown under its name."""


@pytest.fixture
def ann(shared: Gateway) -> Desk:
    """Somebody whose kernel has read what only few may read."""
    desk = Desk(shared, "ann", "analysts", "data-privacy")
    desk.asks(CITIES, "k1")
    return desk


@pytest.fixture
def bob(shared: Gateway) -> Desk:
    return Desk(shared, "bob", "readers")


def shown(desk: Desk, statement: str, kernel: str = "k1", name: str | None = None, **more: Any) -> Output:
    """Return what a cell shows of a query's result, as the kernel draws it."""
    if "params" in more:
        more["params"] = parameters.encode(more["params"])
    with desk.client(kernel) as client:
        answer = client.post("/v1/queries", json={"statement": statement, "wait": 10, "rows": 10, **more}).json()
    data = show.result(answer["state"], answer["page"], name, home(desk), name)
    return {"output_type": "display_data", "metadata": {}, "data": data}


def home(desk: Desk) -> str:
    return desk.swap.settings.addresses[0].url


def saved(desk: Desk, code: str, *outputs: Output, base: int | None = None, **more: Any) -> tuple[str, int]:
    """Save a notebook of one cell."""
    document = saves.notebook(code, outputs={0: list(outputs)})
    answer = desk.home.save(document, base=base, **({"kernel_id": "k1"} | more))
    assert answer.status_code == 200, answer.text
    return answer.json()["notebook"], answer.json()["version"]


def seen(desk: Desk, notebook: tuple[str, int]) -> list[Output]:
    """Return the outputs of its cell, as somebody else sees them."""
    (cell,) = desk.document(notebook)["cells"]
    return list(cell["outputs"])


def hidden(outputs: list[Output]) -> bool:
    return [list(each.get("data", ())) for each in outputs] == [["application/vnd.swap.hidden+json"]]


def test_a_result_is_seen_whatever_else_its_kernel_has_read(ann: Desk, bob: Desk) -> None:
    output = shown(ann, COUNTRIES, name="countries")
    assert seen(bob, saved(ann, NAMED, output)) == [output]
    # Saved again with other code, which is sent without the output.
    assert seen(bob, saved(ann, f"{NAMED} -- all", output, base=1)) == [output]


def test_without_the_look_at_results_it_is_not(ann: Desk, bob: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineages, "_bound", lambda *_: {})
    assert hidden(seen(bob, saved(ann, NAMED, shown(ann, COUNTRIES, name="countries"))))


def test_results_in_one_cell_come_from_what_all_of_them_read(ann: Desk, bob: Desk) -> None:
    first, second = shown(ann, COUNTRIES), shown(ann, f"{COUNTRIES} LIMIT 3")
    code = f"swap.sql('{COUNTRIES}').show(); swap.sql('{COUNTRIES} LIMIT 3')"
    assert seen(bob, saved(ann, code, first, second)) == [first, second]
    both = saved(ann, f"{code}; swap.sql('{CITIES}')", first, shown(ann, CITIES), base=1)
    assert hidden(seen(bob, both))


def test_values_that_stand_in_the_code_are_part_of_it(ann: Desk, bob: Desk) -> None:
    statement, given = f"{COUNTRIES} WHERE name <> :name LIMIT :most", {"name": "Berlin", "most": 3}
    output = shown(ann, statement, params=given)
    code = f'swap.sql("{statement}", {{"name": "Berlin", "most": 3}})'
    assert seen(bob, saved(ann, code, output)) == [output]
    elsewhere = f'most = 3; swap.sql("{statement}", {{"name": found, "most": most}})'
    assert hidden(seen(bob, saved(ann, elsewhere, shown(ann, statement, params=given), base=1)))


def forged(output: Output, change: str) -> Output:
    """Return an output in which one thing is not what the gateway told."""
    made = copy.deepcopy(output)
    said = made["data"][show.RESULT]
    match change:
        case "a value":
            said["page"]["rows"][0][0] = "Berlin"
        case "a name":
            said["name"] = "Berlin"
        case "the summary":
            said["summary"] = "Berlin"
        case "a duration":
            said["seconds"] += 52.5
        case "the address":
            said["home"] = "https://berlin.example"
        case "what is drawn":
            made["data"]["text/html"] = "<b>Berlin</b>"
        case "one type more":
            made["data"]["text/markdown"] = "Berlin"
        case "metadata":
            made["metadata"] = {"city": "Berlin"}
        case "a field more":
            said["city"] = "Berlin"
        case "1 as true":
            said["version"] = True
    return made


CHANGES = (
    "a value|a name|the summary|a duration|the address|what is drawn|one type more|metadata|a field more|1 as true"
)


@pytest.mark.parametrize("change", CHANGES.split("|"))
def test_what_is_not_word_for_word_the_result_comes_from_all_that_was_read(ann: Desk, bob: Desk, change: str) -> None:
    output = shown(ann, COUNTRIES, name="countries")
    assert hidden(seen(bob, saved(ann, NAMED, forged(output, change))))
    assert seen(bob, saved(ann, NAMED, output, base=1)) == [output]


def test_what_a_program_puts_into_a_statement_comes_from_all_that_was_read(ann: Desk, bob: Desk) -> None:
    code = "city = swap.sql('…').to_pandas().city[0]; swap.sql(f\"SELECT '{city}' AS city\")"
    assert hidden(seen(bob, saved(ann, code, shown(ann, "SELECT 'Berlin' AS city"))))


def test_so_do_a_kernels_own_rows(ann: Desk, bob: Desk) -> None:
    statement = "SELECT city FROM mine"
    output = shown(ann, statement, tables={"mine": ann.brings("k1")})
    assert hidden(seen(bob, saved(ann, f"swap.sql('{statement}', tables={{'mine': frame}})", output)))


def test_a_result_of_another_kernel_or_person_is_none_of_this_one(ann: Desk, bob: Desk) -> None:
    output = shown(ann, COUNTRIES, kernel="k2", name="countries")
    assert hidden(seen(bob, saved(ann, NAMED, output)))
    theirs = shown(bob, COUNTRIES, name="countries")
    assert hidden(seen(bob, saved(ann, f"{NAMED}\n", theirs, base=1)))


def test_what_something_else_wrote_is_bound_to_nothing(ann: Desk, bob: Desk) -> None:
    assert hidden(seen(bob, saved(ann, NAMED, shown(ann, COUNTRIES, name="countries"), kind="found")))


@pytest.mark.parametrize("said", ["[]", '{"id": [], "page": {"offset": -1, "rows": []}}', '{"id": "q", "page": 3}'])
def test_what_says_it_is_a_result_may_be_anything(ann: Desk, bob: Desk, said: str) -> None:
    output = {"output_type": "display_data", "metadata": {}, "data": {show.RESULT: json.loads(said)}}
    assert seen(bob, saved(ann, NAMED, output)) != [output]
    assert bob.sees(ann.saves("Berlin", kernel="k1", path="b.ipynb")) == [NOT_KNOWN]
    assert bound.may_be(json.dumps(output).encode())
