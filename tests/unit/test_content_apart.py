"""A notebook that is taken apart and put together again is the same; what is hostile is refused, unbuilt."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from swap import content
from swap.errors import Invalid, LimitExceeded

IMAGE = base64.b64encode(bytes(range(256)) * 8).decode()

VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
METADATA = some.dictionaries(some.sampled_from(["tags", "trusted", "name", "execution"]), VALUES, max_size=3)
DATA = some.dictionaries(
    some.sampled_from(["text/plain", "text/html", "application/json", "image/png", "image/svg+xml"]),
    some.sampled_from([IMAGE, IMAGE + "\n", IMAGE + "\n\n", "<svg/>" * 300, "short"]) | VALUES,
    max_size=3,
)
OUTPUTS = some.one_of(
    some.fixed_dictionaries({"output_type": some.just("stream"), "name": some.just("stdout"), "text": some.text()}),
    some.fixed_dictionaries({"output_type": some.just("display_data"), "data": DATA, "metadata": METADATA}),
)
PROSE = some.fixed_dictionaries(
    {"cell_type": some.sampled_from(["markdown", "raw"]), "metadata": METADATA, "source": some.text()},
    optional={"id": some.text(max_size=8), "attachments": VALUES},
)
CODE = some.fixed_dictionaries(
    {
        "cell_type": some.just("code"),
        "metadata": METADATA,
        "source": some.text(),
        "outputs": some.lists(OUTPUTS, max_size=3),
        "execution_count": some.none() | some.integers(),
    },
    optional={"id": some.text(max_size=8)},
)
NOTEBOOKS = some.fixed_dictionaries(
    {
        "nbformat": some.just(4),
        "nbformat_minor": some.integers(0, 5),
        "metadata": METADATA,
        "cells": some.lists(CODE | PROSE, max_size=5),
    }
)


def without_volatile(document: dict[str, Any]) -> dict[str, Any]:
    def lasting(metadata: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in metadata.items() if name not in {"trusted", "execution"}}

    def joined(value: Any) -> Any:
        return "".join(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value

    def shown(output: dict[str, Any]) -> dict[str, Any]:
        if "data" not in output:
            return output
        data = {mime: value if mime.endswith("json") else joined(value) for mime, value in output["data"].items()}
        return output | {"data": data}

    cells = [
        cell
        | {"metadata": lasting(cell["metadata"])}
        | ({"outputs": [shown(output) for output in cell["outputs"]]} if "outputs" in cell else {})
        for cell in document["cells"]
    ]
    return document | {"cells": cells, "metadata": lasting(document["metadata"])}


@given(NOTEBOOKS)
def test_what_was_taken_apart_is_put_together_as_it_was(document: dict[str, Any]) -> None:
    taken = content.take_apart(document)
    again = content.put_together(taken.manifest, taken.parts.__getitem__)
    assert again == without_volatile(document)
    taken_again = content.take_apart(again)
    assert (taken_again.manifest, taken_again.parts) == (taken.manifest, taken.parts)
    manifest = content.read(taken.manifest)
    assert manifest.digests() == taken.parts.keys()
    assert content.write(manifest) == taken.manifest
    assert manifest.without(manifest.outputs()).digests() == {cell.source for cell in manifest.cells}
    assert manifest.without(()) == manifest


@given(NOTEBOOKS, some.lists(CODE | PROSE, max_size=2), some.randoms())
def test_what_was_taken_apart_before_gives_the_same_names(
    document: dict[str, Any], more: list[dict[str, Any]], chance: Any
) -> None:
    """Also where cells have the same id, or none."""
    before = content.take_apart(document)
    cells = document["cells"] + more
    chance.shuffle(cells)
    changed = document | {"cells": cells}
    quick, whole = content.take_apart(changed, before), content.take_apart(changed)
    assert quick.manifest == whole.manifest
    assert quick.parts.items() <= whole.parts.items()
    assert whole.parts.keys() <= quick.parts.keys() | before.parts.keys()


def test_a_cell_that_is_nested_deeply_is_taken_apart_again() -> None:
    nested: Any = "x"
    for _ in range(600):
        nested = [nested]
    cell = {"cell_type": "raw", "id": "a", "metadata": {"x": nested}, "source": ""}
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    before = content.take_apart(document)
    assert content.take_apart(json.loads(json.dumps(document)), before).digest == before.digest


def test_an_image_is_a_part_of_its_own_and_its_bytes_are_there_once() -> None:
    output = {"output_type": "display_data", "data": {"image/png": IMAGE}, "metadata": {}}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "x", "outputs": [output, output]}
    taken = content.take_apart({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]})
    assert base64.b64decode(IMAGE) in taken.parts.values()
    assert len(taken.parts) == 3, "source, outputs, image"


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"nbformat": 3, "worksheets": []},
        {"nbformat": 4, "cells": {}},
        {"nbformat": 4, "cells": ["x"]},
        {"nbformat": 4, "cells": [{"cell_type": "heading"}]},
        {"nbformat": 4, "cells": [{"cell_type": "code", "outputs": ["x"]}]},
    ],
)
def test_what_is_no_notebook_of_format_4_is_refused(document: Any) -> None:
    with pytest.raises(Invalid):
        content.take_apart(document)


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"minor": 5, "metadata": {}, "cells": [[]]}',
        b'{"minor": 5, "metadata": {}, "cells": [["../../etc/passwd"]]}',
        b'{"minor": true, "metadata": {}, "cells": []}',
        b'{"minor": 5, "metadata": [], "cells": []}',
        b'{"minor": 5, "metadata": {}, "cells": [], "more": 1}',
    ],
)
def test_what_is_no_manifest_is_refused(manifest: bytes) -> None:
    with pytest.raises(Invalid):
        content.read(manifest)


def test_a_manifest_of_too_many_lists_is_refused_before_it_is_built() -> None:
    with pytest.raises(LimitExceeded):
        content.read(b'{"minor": 5, "metadata": {}, "cells": [' + b",".join([b"[]"] * 200_001) + b"]}")


@pytest.mark.parametrize(
    ("sent", "size"),
    [
        (zlib.compress(b"x" * 1_000_000), 10),
        (zlib.compress(b"x" * 10), 11),
        (zlib.compress(b"x" * 10) + b"more", 10),
        (zlib.compress(b"x" * 10)[:-1], 10),
        (b"no zlib", 7),
    ],
)
def test_a_part_is_unpacked_to_the_size_it_was_said_to_have_and_no_further(sent: bytes, size: int) -> None:
    assert content.unpacked(content.packed(b"x" * 10), 10) == b"x" * 10
    with pytest.raises(Invalid):
        content.unpacked(sent, size)


@pytest.mark.parametrize("images", [[[0, "image/png", "0" * 64, 0]], [[9, "a", "b", 0]], [1], "x", [[0, "a", {}, 0]]])
def test_outputs_name_no_image_that_the_manifest_does_not(images: Any) -> None:
    part = json.dumps({"execution_count": 1, "images": images, "outputs": [{"data": {}}]}).encode()
    cell = content.Cell("a" * 64, "b" * 64, ())
    with pytest.raises(Invalid):
        content.outputs(cell, {"b" * 64: part}.__getitem__)
