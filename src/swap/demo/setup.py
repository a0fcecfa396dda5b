"""Everything the demo needs before and while it starts: settings, people, data.

Idempotent: what is complete is kept, what is half made is made again; so an interrupted first start
goes on where it stopped.
"""

from __future__ import annotations

from pathlib import Path

from swap.db.embedded import EmbeddedPostgres
from swap.demo import configuration, lake, mediawiki, people
from swap.demo.configuration import StorePorts
from swap.demo.lake import Progress, silent

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
"""The checkout's examples."""


CHECKOUT = EXAMPLES.parent


def prepare(
    state: Path, *, port: int, kernel_env: Path, progress: Progress = silent, stores: StorePorts | None = None
) -> Path:
    """Make the demo's settings, people file and lake below `state`; return the path of swap.toml."""
    state.mkdir(parents=True, exist_ok=True)
    config = state / "swap.toml"
    examples = EXAMPLES if EXAMPLES.is_dir() else None
    configuration.write(config, port=port, kernel_env=kernel_env, examples=examples, stores=stores)
    people.write(state / "people.toml")
    lake.make(state / "lake", progress)
    return config


def load(server: EmbeddedPostgres, progress: Progress = silent) -> None:
    """Make the demo's database in the embedded server, which is up."""
    mediawiki.ensure(server, progress)
