from __future__ import annotations

import typing
from pathlib import Path

from swap.connectors.files.connector import FilesConnector
from swap.connectors.postgres.connector import PostgresConnector
from swap.connectors.registry import KINDS, create
from swap.settings import FilesSource, PostgresSource, Source


def test_every_kind_that_settings_know_has_a_connector() -> None:
    union = typing.get_args(Source)[0]

    assert {typing.get_args(kind.model_fields["kind"].annotation)[0] for kind in typing.get_args(union)} == set(KINDS)


def test_making_a_connector_opens_nothing() -> None:
    lake = create("lake", FilesSource(kind="files", root=Path("/nowhere")))
    wiki = create("wiki", PostgresSource(kind="postgres", host="nowhere.invalid", database="d", user="u"))

    assert isinstance(lake, FilesConnector)
    assert isinstance(wiki, PostgresConnector)
    assert (lake.name, wiki.name) == ("lake", "wiki")
