"""Rights by group, as swap.toml states them; what no grant names is closed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from swap.settings.base import Model


class Grant(Model):
    """A rule that opens something to groups."""

    name: str = Field(description="The rule's name, as errors and the audit show it.")
    groups: tuple[str, ...] = Field(description='Groups it is for; "*" is everyone who may sign in.')
    actions: tuple[Literal["discover", "read"], ...] = Field(
        default=("discover", "read"), description="What it allows."
    )
    on: tuple[str, ...] = Field(
        description="source.schema.table.column patterns; * stands for any name, trailing parts may be left out."
    )


class Denial(Model):
    """A rule that locks something; it outweighs every grant."""

    name: str = Field(description="The rule's name, as errors and the audit show it.")
    on: tuple[str, ...] = Field(description="source.schema.table.column patterns, as in a grant.")
    unless_groups: tuple[str, ...] = Field(default=(), description="Groups the lock does not bind.")
    actions: tuple[Literal["discover", "read"], ...] = Field(default=("read",), description="What it forbids.")
    because: str = Field(description="Why, as the end of the sentence 'The rule <name> …'.")
    ask: str = Field(description="Whom to ask for access.")
    instead: dict[str, str] = Field(
        default_factory=dict, description="Locked column → a column that may serve instead."
    )


class Policy(Model):
    """Rights on source, schema, table and column by group.  What no grant names is closed."""

    grants: tuple[Grant, ...] = Field(default=(), description="What is open, to whom.")
    denials: tuple[Denial, ...] = Field(default=(), description="What is locked, except for whom.")
    ask: str = Field(default="the data owners", description="Whom to ask when no rule names anybody.")
