"""What a person's server does not load: thirty people have one each."""

from __future__ import annotations

import subprocess
import sys


def test_it_loads_no_grammar_of_addresses() -> None:
    script = (
        "import sys, swap.lab.__main__\n"
        "print(*[name for name in ('jsonschema', 'rfc3987_syntax', 'lark', 'arrow') if sys.modules.get(name)])"
    )
    said = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True).stdout

    assert said.split() == ["jsonschema"]
