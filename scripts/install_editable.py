"""Install this checkout into another environment, editable, with the build backend of this one.

`python scripts/install_editable.py <the other environment's python>`: builds the editable wheel
in-process (PEP 660) and lets uv install it, so that nothing is fetched for the build.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import hatchling.build

ROOT = Path(__file__).resolve().parent.parent


def main(python: str) -> None:
    """Build the editable wheel and install it without dependencies."""
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        wheel = hatchling.build.build_editable(folder)
        subprocess.run(  # noqa: S603 - our own tool, our own arguments
            [
                str(Path(sys.executable).parent / "uv"),
                "pip",
                "install",
                "-q",
                "--python",
                python,
                "--no-deps",
                "--reinstall",
                str(Path(folder) / wheel),
            ],
            check=True,
        )


if __name__ == "__main__":
    main(sys.argv[1])
