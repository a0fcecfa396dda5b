"""Thrift's binary protocol, against bytes written by hand after its specification, and bytes that are none."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

from swap.connectors.hive import thrift
from swap.connectors.hive.thrift import Block, CallError, MalformedError, Value

TEXTS = ["", "a", "äöü", "x" * 300, "", "same", "same"]


def string(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


def field(kind: int, number: int, data: bytes) -> bytes:
    return struct.pack(">bh", kind, number) + data


def listed(kind: int, *values: bytes) -> bytes:
    return struct.pack(">bi", kind, len(values)) + b"".join(values)


def answer(result: bytes, *, kind: int = 2, name: bytes = b"Ask", number: int = 7, place: int = 0) -> bytes:
    head = struct.pack(">I", 0x80010000 | kind) + string(name) + struct.pack(">i", number)
    return head + field(thrift.STRUCT, place, result) + b"\0"


def test_a_call_is_written_as_the_specification_says() -> None:
    asked = thrift.fields({1: thrift.text("x"), 2: None, 3: Value(thrift.BOOL, True), 4: thrift.texts({"k": "v"})})

    assert thrift.call("Ask", asked, 7) == (
        b"\x80\x01\x00\x01" + string(b"Ask") + b"\0\0\0\x07"
        + field(12, 1, field(11, 1, string(b"x")) + field(2, 3, b"\1")
        + field(13, 4, b"\x0b\x0b\0\0\0\1" + string(b"k") + string(b"v")) + b"\0") + b"\0"
    )  # fmt: skip


def test_every_type_comes_back() -> None:
    told = thrift.answer(
        answer(
            field(thrift.BOOL, 1, b"\1") + field(thrift.BYTE, 2, b"\xff") + field(thrift.I16, 3, struct.pack(">h", -2))
            + field(thrift.I32, 4, struct.pack(">i", -3)) + field(thrift.I64, 5, struct.pack(">q", -4))
            + field(thrift.DOUBLE, 6, struct.pack(">d", 0.5)) + field(thrift.STRING, 7, string(b"\xff\0"))
            + field(thrift.MAP, 8, struct.pack(">bbi", 11, 8, 1) + string(b"k") + struct.pack(">i", 5))
            + field(thrift.LIST, 9, listed(12, field(8, 1, struct.pack(">i", 1)) + b"\0", b"\0")) + b"\0"
        ),
        "Ask", 7,
    )  # fmt: skip

    assert told == {1: True, 2: -1, 3: -2, 4: -3, 5: -4, 6: 0.5, 7: b"\xff\0", 8: {b"k": 5}, 9: [{1: 1}, {}]}


@pytest.mark.parametrize(
    ("kind", "dtype", "values"),
    [
        (thrift.BYTE, ">i1", [-128, 0, 127]),
        (thrift.I16, ">i2", [-(2**15), 1]),
        (thrift.I32, ">i4", [-(2**31), 2**31 - 1]),
        (thrift.I64, ">i8", [-(2**63), 2**63 - 1]),
        (thrift.DOUBLE, ">f8", [0.1, -0.0, float("inf")]),
        (thrift.BOOL, ">u1", [1, 0]),
    ],
)
def test_a_list_of_numbers_is_read_at_once(kind: int, dtype: str, values: list[float]) -> None:
    data = answer(
        field(thrift.LIST, 1, struct.pack(">bi", kind, len(values)) + np.array(values, dtype).tobytes()) + b"\0"
    )
    block = thrift.answer(data, "Ask", 7)[1]

    assert isinstance(block, Block)
    assert block.numbers(dtype).tolist() == values


@pytest.mark.parametrize("texts", [TEXTS, ["ab", "cd"], [""], [], ["same"] * 500, ["same"] * 500 + ["other"]])
def test_a_list_of_texts_is_read(texts: list[str]) -> None:
    data = answer(field(thrift.LIST, 1, listed(thrift.STRING, *(string(text.encode()) for text in texts))) + b"\0")

    assert thrift.answer(data, "Ask", 7)[1].texts() == texts


def test_an_exception_is_told_in_its_words() -> None:
    said = field(thrift.STRING, 1, string(b"Invalid method name")) + field(thrift.I32, 2, b"\0\0\0\1") + b"\0"
    head = struct.pack(">I", 0x80010003) + string(b"Ask") + struct.pack(">i", 7)

    with pytest.raises(CallError, match="Invalid method name"):
        thrift.answer(head + said, "Ask", 7)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x01\x00\x02",
        answer(b"\0", name=b"Other"),
        answer(b"\0", number=8),
        answer(b"\0", place=1),
        answer(field(5, 1, b"") + b"\0"),
        answer(field(thrift.STRING, 1, struct.pack(">i", -1)) + b"\0"),
        answer(field(thrift.STRING, 1, struct.pack(">i", 2**30)) + b"\0"),
        answer(field(thrift.LIST, 1, struct.pack(">bi", thrift.I64, 2**28)) + b"\0"),
        answer(field(thrift.LIST, 1, struct.pack(">bi", thrift.I64, -1)) + b"\0"),
        answer(
            field(thrift.LIST, 1, struct.pack(">bi", thrift.STRING, 2) + string(b"a") + struct.pack(">i", -9)) + b"\0"
        ),
        answer(field(thrift.MAP, 1, struct.pack(">bbi", 12, 8, 1) + b"\0\0\0\0\1") + b"\0"),
        answer(field(thrift.STRUCT, 1, b"") * 60 + b"\0" * 61),
    ],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        thrift.answer(data, "Ask", 7)


def test_an_answer_that_was_changed_on_its_way_never_does_more_than_be_refused() -> None:
    texts = listed(thrift.STRING, *(string(text.encode()) for text in TEXTS))
    whole = answer(field(thrift.LIST, 1, texts) + field(thrift.I64, 2, bytes(8)) + b"\0")
    noise = random.Random(15)
    for _ in range(4_000):
        data = bytearray(whole)
        for _ in range(noise.randint(1, 3)):
            data[noise.randrange(len(data))] = noise.randrange(256)
        try:
            told = thrift.answer(bytes(data[: noise.randint(1, len(data))]), "Ask", 7)
        except (MalformedError, CallError):
            continue
        for value in told.values():
            if isinstance(value, Block) and value.kind == thrift.STRING:
                value.texts()
