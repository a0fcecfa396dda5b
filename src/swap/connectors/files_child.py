"""What the files connector starts, as a program: the reader with nothing that it does not need.

`import swap` brings the notebook's side with its HTTP client, and pyarrow imports pandas when it finds it.
Each would take longer to load than the reader itself, and a process that reads files needs neither.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType


class _WithoutPandas:
    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


if __name__ == "__main__":
    sys.meta_path.insert(0, _WithoutPandas)
    package = ModuleType("swap")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["swap"] = package

    from swap.connectors import files_reader

    files_reader.main()
