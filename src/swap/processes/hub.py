"""The hub's process: JupyterHub, with one file of ours as its configuration."""

from __future__ import annotations

import sys

from jupyterhub.app import JupyterHub


def main() -> None:
    """Serve until told to stop."""
    JupyterHub.launch_instance(["-f", sys.argv[1]])


if __name__ == "__main__":
    main()
