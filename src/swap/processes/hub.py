"""The hub's process: JupyterHub, with one file of ours as its configuration."""

from __future__ import annotations

import sys

from jupyterhub.app import JupyterHub

from swap import logs


def main() -> None:
    """Serve until told to stop."""
    logs.install()
    JupyterHub.launch_instance(["-f", sys.argv[1]])


if __name__ == "__main__":
    main()
