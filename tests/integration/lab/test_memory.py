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


def test_it_loads_the_hubs_database_only_when_something_of_it_is_used() -> None:
    script = (
        "import sys, swap.lab.__main__\n"
        "print('alembic' in sys.modules)\n"
        "from jupyterhub import orm, scopes\n"
        "print(scopes.orm.User.__tablename__, orm.User is scopes.orm.User, 'alembic' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True).stdout

    assert said.split() == ["False", "users", "True", "True"]
