"""Notebooks that tests and benchmarks make: such as analysts write, from a seed."""

from __future__ import annotations

import base64
import io
import json
import random
from typing import Any

from PIL import Image

WORDS = "views readers mobile share country wiki edits spider desktop month grows fewer compare between page".split()  # noqa: SIM905
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" width="90"><path d="M0 0h9v9z" fill="#36c"/></svg>'


def png(width: int = 8, height: int = 8, seed: int = 0) -> str:
    """Return a picture of random dots, in base64."""
    dots = random.Random(seed).randbytes(width * height * 3)
    made = io.BytesIO()
    Image.frombytes("RGB", (width, height), dots).save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode()


def markdown(source: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": f"m{abs(hash(source)) % 10**6}", "metadata": {}, "source": source, **more}


def code(source: str, *outputs: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": f"c{abs(hash(source)) % 10**6}",
        "metadata": metadata,
        "execution_count": 1,
        "source": source,
        "outputs": list(outputs),
    }


def shown(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": metadata or {}}


def printed(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def notebook(*cells: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    python = {
        "kernelspec": {"name": "swap", "display_name": "Python (SWAP)", "language": "python"},
        "language_info": {"name": "python"},
    }
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": python | metadata, "cells": list(cells)}


def content(*cells: dict[str, Any], **metadata: Any) -> bytes:
    return json.dumps(notebook(*cells, **metadata)).encode()


def frame(rows: int, columns: int, chance: random.Random) -> dict[str, Any]:
    """Return what pandas shows of a frame."""
    names = [f"{chance.choice(WORDS)}_{number}" for number in range(columns)]
    values = [[str(chance.randrange(10**6)) for _ in names] for _ in range(rows)]
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(
        f"    <tr>\n      <th>{at}</th>\n" + "".join(f"      <td>{value}</td>\n" for value in row) + "    </tr>\n"
        for at, row in enumerate(values)
    )
    style = "<style scoped>\n    .dataframe tbody tr th { vertical-align: top; }\n</style>\n"
    html = (
        f'<div>\n{style}<table border="1" class="dataframe">\n  <thead>\n    <tr style="text-align: right;">\n'
        f"      <th></th>{head}</tr>\n  </thead>\n  <tbody>\n{body}  </tbody>\n</table>\n</div>"
    )
    plain = "\n".join(["  ".join(names), *("  ".join(row) for row in values)])
    return {"output_type": "execute_result", "execution_count": 1, "data": {"text/html": html, "text/plain": plain}, "metadata": {}}  # fmt: skip


def typical(cells: int = 50, size_bytes: int = 623_000, seed: int = 7) -> dict[str, Any]:
    """Return a notebook of text, code, printed lines, frames and pictures that takes about so many bytes as a file."""
    chance = random.Random(seed)

    def sentence() -> str:
        return " ".join(chance.choice(WORDS) for _ in range(12)).capitalize() + "."

    made: list[dict[str, Any]] = []
    for number in range(cells):
        kind = number % 5
        lines = [f"result_{number}_{line} = total(frame, {chance.randrange(1000)}, by='{chance.choice(WORDS)}')  # {chance.choice(WORDS)}" for line in range(8)]  # fmt: skip
        source = "\n".join([f"def share_{number}(frame, by):", f'    """{sentence()}"""', *(f"    {line}" for line in lines), "    return frame"])  # fmt: skip
        if kind == 0:
            made.append(markdown(f"## Part {number}\n\n{sentence()} Some **bold** words, `code` and a [link](https://example.org/{number}).\n\n- {sentence()}\n- {sentence()}\n\n{sentence()}"))  # fmt: skip
        elif kind == 1:
            made.append(code(source, printed("\n".join(sentence() for _ in range(20)) + "\n")))
        elif kind == 2:
            made.append(code(source, frame(10, 6, chance)))
        elif kind == 3:
            made.append(code(source, shown({"image/png": "", "text/plain": "<Figure size 640x480 with 1 Axes>"})))
        else:
            made.append(code(source, {"output_type": "execute_result", "execution_count": 1, "data": {"text/plain": str(number)}, "metadata": {}}))  # fmt: skip
    pictures = [cell for cell in made if cell["cell_type"] == "code" and "image/png" in (cell["outputs"][0].get("data") or {})]  # fmt: skip
    left = (size_bytes - len(json.dumps(notebook(*made)))) // max(1, len(pictures))
    for at, cell in enumerate(pictures):
        side = max(4, int((left * 0.74 / 3.05) ** 0.5))
        cell["outputs"][0]["data"]["image/png"] = png(side, side, seed + at)
    return notebook(*made)
