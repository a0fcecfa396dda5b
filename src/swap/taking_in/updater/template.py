"""A query of reportupdater's, which Python's str.format filled, as a statement with parameters.

What stood between quotes is a value, and becomes a parameter whose value is text; a number becomes one whose value is
a number.  What was part of a name stays in the statement as a word of its own, in whose place each of a closed list of
names is put.  Whatever is neither is refused, with why.  Pure values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import Final

from swap.taking_in.updater.config import Left

TEMPLATE_BYTES: Final = 65_536
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
"""A value that may be part of a name in a statement."""
_DIGITS_FIRST: Final = re.compile(r"(?<![\w$])[0-9]+_\w*[A-Za-z]\w*")
"""A name that MySQL reads without quotes, and SWAP with them: 2017_enabled."""
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_SPEC: Final = re.compile(r"0?[0-9]?d?")
_MOMENTS: Final = {
    "from_timestamp": 'f"{start:%Y%m%d%H%M%S}"',
    "to_timestamp": 'f"{end:%Y%m%d%H%M%S}"',
    "from_date": 'f"{start:%Y-%m-%d}"',
    "to_date": 'f"{end:%Y-%m-%d}"',
}
_NUMBERS: Final = {"year": "start.year", "month": "start.month", "day": "start.day"}
PERIOD: Final = frozenset({*_MOMENTS, *_NUMBERS})
"""What reportupdater knows of a period."""
_PIECES: Final = re.compile(
    r"(?P<comment>--[^\n]*|#[^\n]*|/\*.*?(?:\*/|\Z))"
    r"|(?P<text>'(?:[^'\\]|\\.|'')*+'|\"(?:[^\"\\]|\\.|\"\")*+\")"
    r"|(?P<name>`[^`]*`)"
    r"|(?P<plain>[^'\"`#/-]+|.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a template became."""

    text: str
    params: Mapping[str, str]
    """Parameter → the Python that makes its value, from `start`, `end` and the placeholders."""
    names: Mapping[str, str]
    """The word in the statement in whose place a name is put → the placeholder whose value that is."""


@dataclass(slots=True)
class _Made:
    """A statement that is being made."""

    explode: Mapping[str, Sequence[str]]
    taken: str
    """The template: what stands in it is the name of nothing of ours."""
    parts: list[str] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


_Fields = list[tuple[str, str | None, str]]
"""Pieces of a text: what stands before a placeholder, the placeholder if one follows, and how it is to be written."""


def translate(template: str, explode: Mapping[str, Sequence[str]]) -> Statement:
    """Return a template as a statement; `explode` has each placeholder's values.  Raises Left.

    >>> made = translate("SELECT '{from_timestamp}' AS d, COUNT(*) AS {wiki} FROM {wiki}.page", {"wiki": ["dewiki"]})
    >>> made.text
    'SELECT :from_timestamp AS d, COUNT(*) AS name_1_wiki FROM name_1_wiki.page'
    >>> made.params, made.names
    ({'from_timestamp': 'f"{start:%Y%m%d%H%M%S}"'}, {'name_1_wiki': 'wiki'})
    """
    if len(template.encode("utf-8", "replace")) > TEMPLATE_BYTES:
        raise Left(f"its query has more than {TEMPLATE_BYTES:,} bytes")
    made = _Made(explode, template)
    for piece in _joined(template):
        kind, text = piece
        fields = _fields(text, explode)
        if kind == "comment":
            made.parts.append("".join(before + (name or "") for before, name, _ in fields))
        elif kind == "text":
            made.parts.append(_value(made, text, fields))
        else:
            made.parts.append(_words(made, fields, quoted=kind == "name"))
    return Statement("".join(made.parts).strip().removesuffix(";").rstrip(), made.params, made.names)


def _joined(template: str) -> list[tuple[str, str]]:
    """Return the template in pieces: comments, texts, quoted names, and all between them in one piece."""
    pieces: list[tuple[str, str]] = []
    for found in _PIECES.finditer(template):
        kind, text = str(found.lastgroup), found[0]
        if kind == "plain" and pieces and pieces[-1][0] == "plain":
            pieces[-1] = kind, pieces[-1][1] + text
        else:
            pieces.append((kind, text))
    return pieces


def _fields(text: str, explode: Mapping[str, object]) -> _Fields:
    """Return a piece apart at its placeholders, with doubled braces as one.  Raises Left."""
    try:
        found = list(Formatter().parse(text))
    except ValueError:
        raise Left("a brace in its query has no partner, or a placeholder is cut by a quote or a comment") from None
    fields: _Fields = []
    for before, name, spec, conversion in found:
        if name is not None and name not in PERIOD and name not in explode:
            raise Left(f"its query has the placeholder {{{name[:60]}}}, which nothing gives a value")
        if conversion or (spec and (name not in _NUMBERS or not _SPEC.fullmatch(spec))):
            raise Left(f"{{{name}}} has a format that is not known here")
        fields.append((before, name, spec or ""))
    return fields


def _value(made: _Made, text: str, fields: _Fields) -> str:
    """Return a text between quotes, or the parameter that it is, if a placeholder stands in it."""
    if not any(name for _, name, _ in fields):
        return "".join(before for before, _, _ in fields)
    quote = text[0]
    inside = [(before, name, spec) for before, name, spec in fields]
    inside[0] = (inside[0][0].removeprefix(quote), *inside[0][1:])
    last, name, spec = inside[-1]
    inside[-1] = (last.removesuffix(quote), name, spec)
    if any("\\" in before or quote in before for before, _, _ in inside):
        raise Left("a text in its query has both a placeholder and a sign that is escaped")
    pieces = [piece for before, name, spec in inside for piece in (_literal(before), _python(name, spec)) if piece]
    python = " + ".join(pieces)
    whole = [name for before, name, _ in inside if name] if len(pieces) == 1 else []
    return ":" + _param(made, whole[0] if whole else "text", python)


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if text else ""


def _python(name: str | None, spec: str) -> str:
    """Return the Python for what a placeholder stands for, as text."""
    if name is None:
        return ""
    if name in _NUMBERS:
        return f'f"{{{_NUMBERS[name]}:{spec}}}"' if spec else f"str({_NUMBERS[name]})"
    return _MOMENTS.get(name, name)


def _words(made: _Made, fields: _Fields, *, quoted: bool) -> str:
    """Return what stands without quotes, or is a quoted name, with numbers and names in place of placeholders."""
    parts: list[str] = []
    for at, (before, name, _) in enumerate(fields):
        # What follows a placeholder at once is a part of its name.
        whole = quoted or (at > 0 and bool(re.match(r"\w", before)))
        parts.append(before if whole else _DIGITS_FIRST.sub(r"`\g<0>`", before))
        if name is None:
            continue
        after = fields[at + 1][0] if at + 1 < len(fields) else ""
        joined = (at > 0 and not before) or (at + 1 < len(fields) and not after)
        beside = joined or bool(re.search(r"[\w$.]\Z", before)) or bool(re.match(r"[\w$.]", after))
        parts.append(_name(made, name) if quoted or beside or not _is_number(made, name) else ":" + _number(made, name))
    return "".join(parts)


def _is_number(made: _Made, name: str) -> bool:
    if name in _MOMENTS and name.endswith("date"):
        raise Left(f"{{{name}}} stands without quotes in its query, where it is a subtraction")
    return name in PERIOD or all(_NUMBER.fullmatch(value) for value in made.explode[name])


def _number(made: _Made, name: str) -> str:
    """Return the parameter for a number."""
    if name in _NUMBERS:
        return _param(made, name, _NUMBERS[name])
    return _param(made, f"{name}_number", f"int({_MOMENTS.get(name, name)})")


def _name(made: _Made, name: str) -> str:
    """Return the word for a name, or a part of one.  Raises Left."""
    if name in PERIOD:
        raise Left(f"{{{name}}} is part of a name in its query: which table it reads changes with the period")
    # Within a name digits may stand first; alone they would be no name, and the check of the statement says so.
    if wrong := [value for value in made.explode[name] if not NAME.fullmatch(value) and not value.isdecimal()]:
        raise Left(f"{{{name}}} stands for a name in its query, and {wrong[0]} can be none without quotes")
    for word, whose in made.names.items():
        if whose == name:
            return word
    word = word_for(name, len(made.names) + 1, made.taken)
    made.names[word] = name
    return word


def word_for(name: str, number: int, text: str) -> str:
    """Return a word that stands for a name: none that is in a text, or in another such word."""
    word = f"name_{number}_{name}"
    while word in text:
        word += "_"
    return word


def _param(made: _Made, wanted: str, python: str) -> str:
    """Return the name of the parameter that has a value, and make it where there is none."""
    for name, known in made.params.items():
        if known == python:
            return name
    name, number = wanted, 2
    while name in made.params or f":{name}" in made.taken:
        name, number = f"{wanted}_{number}", number + 1
    made.params[name] = python
    return name
