"""What %pip does not do, in SWAP's words and before pip is asked."""

from __future__ import annotations

import pytest

from swap.client import packages
from swap.errors import Invalid


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("uninstall -y numpy", "%pip uninstall cannot change the packages of this site."),
        ("-q uninstall list", "%pip uninstall cannot change the packages of this site."),
        ("--proxy install uninstall numpy", "%pip cannot tell its command after --proxy."),
        ("--proxy http://192.0.2.1 install x", "%pip cannot tell its command after --proxy."),
        ("install 'x", "What stands after %pip cannot be read."),
        ("install x\\", "What stands after %pip cannot be read."),
        ("install --force-reinstall x", "%pip install takes no --force-reinstall."),
        ("install x --forc", "%pip install takes no --forc."),
        ("install -I x", "%pip install takes no -I."),
        ("install -qUI x", "%pip install takes no -qUI."),
        ("install --target=/tmp x", "%pip install takes no --target."),
        ("install -t /tmp x", "%pip install takes no -t."),
        ("install --prefix /tmp x", "%pip install takes no --prefix."),
        ("install --root /tmp x", "%pip install takes no --root."),
        ("install --user x", "%pip install takes no --user."),
        ("--python=/usr/bin/python3 install x", "%pip install takes no --python."),
    ],
)
def test_what_would_pass_by_the_layer_is_refused_before_pip_runs(line: str, title: str) -> None:
    with pytest.raises(Invalid) as refused:
        packages.pip(line)

    assert refused.value.problem.title == title
    assert refused.value.problem.todo
