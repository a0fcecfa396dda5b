"""What of an output is shown, and how.  One type of each output; what no reader of ours knows is named, not shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup, escape

from swap.reading import ansi, charts, clean, formula, markdown, pictures, tables
from swap.reading.answers import CHART
from swap.reading.document import ERROR, HIDDEN, PROGRESS, RESULT, Data, Failure, Output, Stream

JSON_LENGTH = 100_000
NAMES = 20
"""Of data that hidden outputs come from."""
_INDENTED = re.compile(r"\n\s*(?=</?(?:table|thead|tbody|tr|th|td)\b)")
"""What stands between the parts of a table, and is half of what pandas writes."""
LINES = 60
"""Lines of a text that are shown at once; a longer one can be scrolled."""
_CHART = re.compile(r"application/vnd\.(?:vega|vegalite|plotly|bokehjs\w*|holoviews\w*)\b")
_ACTS = re.compile(r"application/(?:javascript|vnd\.jupyter\.widget-view\+json)|text/javascript")
_ALT = re.compile(r"(?:<[^>]{0,200}>|Figure\([^)]{0,80}\)|alt\.\w+\()")
"""What libraries print in a picture's place: no words for anybody."""


def shown(output: Output) -> Markup:
    """Return an output as HTML, or nothing."""
    if isinstance(output, Stream):
        return _text(ansi.shown(output.text.rstrip("\n")), "err" if output.is_error else "")
    if isinstance(output, Failure):
        return _failure(output)
    return _data(output)


def picture(data: Data, alternative: str) -> Markup | None:
    """Return the picture that an output or an attachment is, or None; it has an address of its own."""
    for kind in ("image/svg+xml", "image/png", "image/jpeg", "image/webp", "image/gif"):
        if kind in data.pictures:
            content = data.pictures[kind]
            width, height = data.width, data.height
            if width is None and height is None and (found := pictures.size(kind, content)) is not None:
                width, height = found
            sizes = Markup("").join(
                Markup(' {}="{}"').format(side, value)
                for side, value in (("width", width), ("height", height))
                if value is not None
            )
            return Markup('<img src="{}" alt="{}"{}>').format(pictures.name(kind, content), alternative, sizes)
    return None


def _data(data: Data) -> Markup:
    return next((made for reader in READERS if (made := reader(data)) is not None), Markup())


def _own(data: Data) -> Markup | None:
    """Return what SWAP's own types say."""
    for kind, show in _OWN.items():
        if (value := data.values.get(kind)) is not None and (made := show(value)) is not None:
            return made
    return None


def _hidden(data: Data) -> Markup | None:
    """Return why outputs are not shown: what they come from, and whom to ask."""
    if HIDDEN not in data.values:
        return None
    value = data.values[HIDDEN]
    told = value if isinstance(value, dict) else {}
    names = told.get("datasets")
    names = [_said(each) for each in names[:NAMES] if isinstance(each, str)] if isinstance(names, list) else []
    # What cannot be named is in words, which have no dot.
    tables, words = [each for each in names if "." in each], [each for each in names if "." not in each]
    come_from = [Markup("{}, which you may not read").format(_listed(tables))] if tables else []
    come_from += [escape(each) for each in words]
    what = (
        Markup("They come from {}.").format(Markup(", and from ").join(come_from))
        if come_from
        else Markup("What they come from was not recorded; only the person whose notebook it is sees them.")
    )
    ask = _said(told.get("ask")) if come_from else ""
    todo = Markup(" Ask {}.").format(ask) if ask else ""
    return Markup(
        '<div class="out hid" role="note"><p><b>These outputs are hidden from you.</b> {}{}</p></div>'
    ).format(what, todo)


def _listed(names: Sequence[str]) -> Markup:
    return Markup(", ").join(Markup("<code>{}</code>").format(each) for each in names)


def _picture(data: Data) -> Markup | None:
    made = picture(data, _words(data))
    return None if made is None else Markup('<figure class="out">{}{}</figure>').format(made, _interactive(data))


def _chart(data: Data) -> Markup | None:
    """Return a chart that was saved without a picture: its data, and the way to where it moves."""
    if any(_CHART.match(kind) for kind in data.others):
        return _not_shown("An interactive chart.", "SWAP does not draw charts of this kind. Open it in JupyterLab.")
    try:
        found = charts.chart(data)
    except charts.Unfit as unfit:
        return _not_shown("An interactive chart.", f"{unfit} Open it in JupyterLab.") + (charts.table(data) or Markup())
    if found is None:
        return None
    table = charts.table(data) or _not_shown("An interactive chart.", "It was saved without a picture.")
    return table + _interactive(data)


def _interactive(data: Data) -> Markup:
    """Return the way to where a chart moves, or nothing for what is none that does."""
    try:
        found = charts.chart(data)
    except charts.Unfit:
        return Markup()
    if found is None:
        return Markup()
    return Markup('<p class="moves">{}{}" target="_blank" rel="noopener noreferrer">Interactive</a></p>').format(
        Markup(CHART),  # noqa: S704 — ours
        found.name,
    )


def _html(data: Data) -> Markup | None:
    made = clean.html(_INDENTED.sub("", data.texts.get("text/html", "")))
    if not made.strip():
        return None
    return Markup('<div class="out doc-t" tabindex="0" role="group" aria-label="Output">{}</div>').format(made)


def _markdown(data: Data) -> Markup | None:
    text = data.texts.get("text/markdown")
    return None if text is None else Markup('<div class="out">{}</div>').format(markdown.render(text)[0])


def _latex(data: Data) -> Markup | None:
    text = data.texts.get("text/latex")
    return None if text is None else Markup('<div class="out">{}</div>').format(_formula(text))


def _json(data: Data) -> Markup | None:
    value = data.values.get("application/json")
    if value is None:
        return None
    return _text(escape(json.dumps(value, indent=1, ensure_ascii=False)[:JSON_LENGTH]))


def _plain(data: Data) -> Markup | None:
    text = data.texts.get("text/plain")
    return _text(ansi.shown(text)) if text else None


def _unknown(data: Data) -> Markup | None:
    if any(_ACTS.match(kind) for kind in data.others):
        return _not_shown("Something that acts.", "A program or a control: it works in JupyterLab only.")
    if data.others:
        return _not_shown(f"An output of the type {', '.join(data.others[:3])}.", "SWAP does not know how to show it.")
    return None


READERS: tuple[Callable[[Data], Markup | None], ...] = (
    _hidden,
    _own,
    _picture,
    _chart,
    _html,
    _markdown,
    _latex,
    _json,
    _plain,
    _unknown,
)
"""Who is asked for an output, in this order; the first who has an answer shows it."""


def _text(text: Markup, css: str = "") -> Markup:
    if not text:
        return Markup()
    classes = " ".join(each for each in ("out", "plain", css, "long" if text.count("\n") > LINES else "") if each)
    return Markup('<pre class="{}" tabindex="0">{}</pre>').format(classes, text)


def _failure(failure: Failure) -> Markup:
    traceback = ansi.shown(failure.traceback)
    last = ansi.plain(f"{failure.name}: {failure.value}" if failure.value else failure.name)
    title = Markup("<p><b>{}</b></p>").format(last.split("\n")[0][:500])
    folded = Markup('<details><summary>Where it happened</summary><pre class="plain" tabindex="0">{}</pre></details>')
    return Markup('<div class="out failed">{}{}</div>').format(title, folded.format(traceback) if traceback else "")


def _problem(value: Any) -> Markup | None:
    """Return SWAP's own error as its cell shows it: what happened, why, what to do."""
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict):
        return None
    title, why, todo = (_said(error.get(key)) for key in ("title", "why", "todo"))
    if not title:
        return None
    return Markup('<div class="out failed"><p><b>{}</b> {}</p>{}</div>').format(
        title, why, Markup("<p>{}</p>").format(todo) if todo else ""
    )


def _said(value: Any) -> str:
    return value[:2000] if isinstance(value, str) else ""


def _running(value: Any) -> Markup | None:
    del value
    return _not_shown("A query that was running when this was saved.", "Its result is not in the notebook.")


def _not_shown(what: str, why: str) -> Markup:
    return Markup('<p class="out none"><b>{}</b> {}</p>').format(what, why)


def _formula(latex: str) -> Markup:
    stripped = latex.strip()
    for mark in ("$$", "$"):
        if len(stripped) > 2 * len(mark) and stripped.startswith(mark) and stripped.endswith(mark):
            return formula.shown(stripped[len(mark) : -len(mark)], block=True)
    return formula.shown(stripped, block=True)


def _words(data: Data) -> str:
    """Return what a picture is to those who do not see it: what the cell says of it in words, if it does."""
    said = ansi.plain(data.texts.get("text/plain", "")).strip()[:200]
    return "Picture" if not said or _ALT.match(said) else said


_OWN: dict[str, Callable[[Any], Markup | None]] = {
    RESULT: tables.result,
    ERROR: _problem,
    PROGRESS: _running,
}
