"""What the program advises can be done by somebody who has only the program."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src" / "swap"
A_FILE_OF_THE_CHECKOUT = re.compile(r"\bdocs/[\w-]+(/|\.md)")


def said(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of a module that are not its own documentation."""
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def test_no_message_names_a_file_that_only_a_checkout_has() -> None:
    named = [
        f"{path.relative_to(SOURCE)}: {text}"
        for path in sorted(SOURCE.rglob("*.py"))
        for text in said(ast.parse(path.read_text(encoding="utf-8")))
        if A_FILE_OF_THE_CHECKOUT.search(text)
    ]

    assert named == []
