from __future__ import annotations

import doctest
from typing import Any

import pyarrow as pa
import pytest

from swap.connectors import partitioned
from swap.connectors.base import Capabilities, Column, Comparison
from swap.connectors.postgres import types


def test_capabilities_accept_a_pair_they_list_and_a_value_that_fits() -> None:
    capabilities = Capabilities(
        frozenset({("integer", Comparison.EQ), ("integer", Comparison.IN), ("integer", Comparison.IS_NULL)})
    )
    count = Column("n", pa.int32())

    assert capabilities.accepts(count, Comparison.EQ)
    assert capabilities.accepts(count, Comparison.EQ, 7)
    assert capabilities.accepts(count, Comparison.IN, (7, 8))
    assert capabilities.accepts(count, Comparison.IS_NULL)
    assert not capabilities.accepts(count, Comparison.EQ, 7.5)
    assert not capabilities.accepts(count, Comparison.IN, (7, 7.5))
    assert not capabilities.accepts(count, Comparison.IN, (7, None))
    assert not capabilities.accepts(count, Comparison.LT, 7)
    assert not capabilities.accepts(Column("n", pa.string()), Comparison.EQ, "7")


def test_capabilities_do_not_accept_what_a_column_computes_otherwise() -> None:
    capabilities = Capabilities(frozenset(("text", comparison) for comparison in Comparison))
    folded = Column("title", pa.string(), inexact=frozenset({Comparison.EQ, Comparison.NE}))

    assert not capabilities.accepts(folded, Comparison.EQ, "a")
    assert not capabilities.accepts(folded, Comparison.NE)
    assert capabilities.accepts(folded, Comparison.LT, "a")
    assert capabilities.accepts(Column("title", pa.string()), Comparison.EQ, "a")


@pytest.mark.parametrize("module", [partitioned, types])
def test_examples_in_docstrings_hold(module: Any) -> None:
    failed, tried = doctest.testmod(module)

    assert tried
    assert not failed
