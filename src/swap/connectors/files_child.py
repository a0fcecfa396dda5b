"""What the files connector starts: the reader, without pandas.

pyarrow imports pandas when it finds it, which doubles the time to start; nothing in the reader wants it.
"""

from __future__ import annotations

import sys


class _WithoutPandas:
    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


if __name__ == "__main__":
    sys.meta_path.insert(0, _WithoutPandas)
    from swap.connectors import files_reader

    files_reader.main()
