"""Homes that the portal touches itself: where nobody is kept apart, all are SWAP's own user's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from swap.launch import running
from swap.notebooks.workspace import Workspace
from swap.usage import Use


@dataclass(frozen=True, slots=True)
class Near:
    """The homes below a directory, and what was written down in the state directory."""

    homes: Path
    state: Path

    def home(self, person_id: str) -> Workspace:
        """Return a person's home."""
        return Workspace(self.homes, person_id)

    def use(self, person_id: str) -> Use:  # noqa: ARG002 — nobody counts a person's programs together
        """Return nothing."""
        return Use()

    def ended(self, person_id: str) -> str:
        """Return why a person's last server ended."""
        return running.ended(self.state, person_id)
