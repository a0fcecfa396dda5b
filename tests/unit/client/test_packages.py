"""What %pip does not do, in SWAP's words and before pip is asked."""

from __future__ import annotations

import pytest

from swap.client import packages
from swap.errors import Invalid


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("uninstall -y numpy", "numpy is no package of your own."),
        ("-q uninstall list", "list is no package of your own."),
        ("--proxy install uninstall numpy", "pip cannot tell its command after --proxy."),
        ("--proxy http://192.0.2.1 install x", "pip cannot tell its command after --proxy."),
        ("uninstall --requirement=all.txt", "pip uninstall takes no --requirement=all.txt here."),
        ("wheel x", "pip wheel cannot change the packages of this site."),
        ("install 'x", "What stands after pip cannot be read."),
        ("install x\\", "What stands after pip cannot be read."),
        ("install --force-reinstall x", "pip install takes no --force-reinstall here."),
        ("install x --forc", "pip install takes no --forc here."),
        ("install -I x", "pip install takes no -I here."),
        ("install -qUI x", "pip install takes no -qUI here."),
        ("install --target=/tmp x", "pip install takes no --target here."),
        ("install -t /tmp x", "pip install takes no -t here."),
        ("install --prefix /tmp x", "pip install takes no --prefix here."),
        ("install --root /tmp x", "pip install takes no --root here."),
        ("install --user x", "pip install takes no --user here."),
        ("--python=/usr/bin/python3 install x", "pip install takes no --python here."),
    ],
)
def test_what_would_pass_by_the_layer_is_refused_before_pip_runs(line: str, title: str) -> None:
    with pytest.raises(Invalid) as refused:
        packages.pip(line)

    assert refused.value.problem.title == title
    assert refused.value.problem.todo
