from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import swap
from swap.client import period, query, transport
from swap.errors import Invalid

READERS = pd.DataFrame({"country": ["DE", "FR"], "views": [30, 70]})


class Gateway:
    """Takes what is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def call(self, *said: Any, **_more: Any) -> dict[str, Any]:
        self.sent.append(said)
        return {"table": "reports.ann.readers", "rows": 2}


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    made = Gateway()
    monkeypatch.setattr(transport, "default", lambda: made)
    monkeypatch.setattr(query, "upload", lambda _gateway, name, table: f"u-{name}-{table.num_rows}")
    return made


def test_by_hand_it_shows_what_would_be_written_and_asks_nobody(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    swap.output("readers", READERS, key="country")
    said = capsys.readouterr().out
    assert said.startswith(
        "readers would be written by a report: 2 rows × 2 columns about its period.\ncountry text, views int64"
    )
    assert gateway.sent == []


def test_in_a_run_rows_and_key_are_sent(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    for name in (period.START, period.END):
        monkeypatch.setenv(name, "2026-10-01T00:00:00+00:00")
    swap.output("readers", READERS, key=["country"])
    assert gateway.sent == [("POST", "/v1/outputs", {"name": "readers", "upload": "u-readers-2", "key": ["country"]})]
    assert capsys.readouterr().out.startswith("reports.ann.readers: 2 rows × 2 columns, there once this run is done.")


@pytest.mark.parametrize(
    ("name", "data", "key", "said"),
    [
        ("Readers", READERS, (), "no name of a result table"),
        ("../readers", READERS, (), "no name of a result table"),
        ("readers", [1, 2], (), "is a list, not a table"),
        ("readers", READERS, "city", "names city, which is no column"),
        ("readers", pd.concat([READERS, READERS]), ["country"], "2 rows too many have the same"),
        ("readers", pa.table({"country": ["DE", None]}), ["country"], "country is null in some rows"),
        ("readers", pd.DataFrame({"country": ["DE"], "city": [None]}), None, "city of readers has no value"),
        ("readers", READERS.rename(columns={"views": "Period_End"}), None, "SWAP itself writes the column Period_End"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_sent(
    gateway: Gateway, name: str, data: Any, key: Any, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        swap.output(name, data, key=key)
    assert gateway.sent == []
