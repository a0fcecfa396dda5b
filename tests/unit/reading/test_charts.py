"""What is left of a chart's specification: the list, and nothing that leads away."""

from __future__ import annotations

import json
from typing import Any

import pytest

import notebooks
from swap.reading import charts, render
from swap.reading.answers import leading, without_charts
from swap.reading.document import Data

AWAY = "http://beacon.example/"
VEGA, PLOTLY = "application/vnd.vegalite.v6+json", "application/vnd.plotly.v1+json"
ROWS = [{"a": 1, "url": AWAY, "href": None}, {"a": 2, "url": "<b>", "href": {"deep": [1]}}]


def vega(**more: Any) -> dict[str, Any]:
    return {"data": {"values": ROWS}, "mark": "bar", "encoding": {"x": {"field": "url"}}, **more}


def trace(**more: Any) -> dict[str, Any]:
    return {"data": [{"type": "scattergl", "x": ["b", "c"], "y": {"dtype": "i1", "bdata": "AQI="}, **more}]}


def left(kind: str, raw: Any) -> Any:
    made = charts.chart(Data(values={kind: raw}))
    assert made is not None
    return json.loads(made.specification)


def test_a_column_may_have_any_name() -> None:
    assert left(VEGA, vega()) == vega()
    named = {**vega(data={"name": "d"}), "datasets": {"d": ROWS}}
    assert left(VEGA, named) == named


@pytest.mark.parametrize(
    "more",
    [
        {"usermeta": {"embedOptions": {"actions": True}}},
        {"$schema": AWAY},
        {"signals": [{"name": "a", "update": AWAY}]},
        {"encoding": {"x": {"field": "url"}, "href": {"value": AWAY}, "url": {"value": AWAY}}},
        {"mark": {"type": "bar", "href": AWAY, "url": AWAY}},
        {"config": {"mark": {"href": AWAY}}},
        {"params": [{"name": "a", "bind": {"input": "range", "element": "body"}}]},
        {"layer": [{"hconcat": [{"mark": {"type": "bar", "href": AWAY}}]}]},
    ],
)
def test_r01_what_leads_away_is_left_out_of_vega_lite_wherever_it_stands(more: dict[str, Any]) -> None:
    made = left(VEGA, vega(**more))
    del made["data"]
    text = json.dumps(made)
    assert AWAY not in text
    assert "usermeta" not in text
    assert "element" not in text


@pytest.mark.parametrize(
    "more",
    [
        {"data": {"url": AWAY}},
        {"data": {"url": AWAY, "format": {"type": "csv"}}},
        {"data": {"sequence": {"start": 0, "stop": 10**12}}},
        {"data": {"values": AWAY}},
        {"datasets": {"d": AWAY}},
        {"mark": "image"},
        {"mark": {"type": "image", "url": AWAY}},
        {"mark": ["bar"]},
        {"layer": [{"data": {"url": AWAY}, "mark": "bar"}]},
        {"layer": 1},
        {"encoding": []},
        {"transform": [{"lookup": "a", "from": {"data": {"url": AWAY}, "key": "a"}}]},
        {"transform": [{"calculate": "1+" * 10_000 + "1", "as": "b"}]},
        {"data": {"values": [1] * 2_600_000}},
        {"data": {"values": [float("nan")]}},
    ],
)
def test_what_is_not_drawn_says_why(more: dict[str, Any]) -> None:
    with pytest.raises(charts.Unfit, match=r"\.$"):
        charts.chart(Data(values={VEGA: vega(**more)}))


def test_what_is_nested_without_end_is_not_drawn() -> None:
    deep: Any = {"mark": "bar"}
    for _ in range(5_000):
        deep = {"layer": [deep]}
    for raw in (deep, vega(config=deep)):
        with pytest.raises(charts.Unfit):
            charts.chart(Data(values={VEGA: raw}))
        assert charts.table(Data(values={VEGA: deep})) is None


def test_a_figure_keeps_its_traces_and_its_layout() -> None:
    assert left(PLOTLY, trace(name="a <b>c</b>")) == {
        "data": [{"x": ["b", "c"], "y": {"dtype": "i1", "bdata": "AQI="}, "name": "a <b>c</b>", "type": "scatter"}],
        "layout": {},
    }


@pytest.mark.parametrize(
    "layout",
    [
        {"images": [{"source": AWAY}]},
        {"template": {"layout": {"images": [{"source": AWAY}], "mapbox": {"style": AWAY}}}},
        {"updatemenus": [{"buttons": [{"method": "relayout", "args": [{"images": [{"source": AWAY}]}]}]}]},
        {"sliders": [{"steps": [AWAY]}]},
        {"xaxis": {"ticktextsrc": AWAY}},
    ],
)
def test_r01_what_leads_away_is_left_out_of_a_figure(layout: dict[str, Any]) -> None:
    assert AWAY not in json.dumps(left(PLOTLY, {**trace(), "layout": layout, "frames": [AWAY], "config": {"a": AWAY}}))


@pytest.mark.parametrize("text", [f'<a href="{AWAY}">x</a>', f"<A\nHREF={AWAY}>x", "<img src=x>", "< a>", "<b onclick=x>", "<"])  # fmt: skip
def test_r09_of_tags_in_a_figures_texts_those_that_only_dress_are_left(text: str) -> None:
    made = left(PLOTLY, trace(text=[text], hovertemplate=f"{text}<br><extra></extra>"))["data"][0]
    assert "<" not in made["text"][0]
    assert made["hovertemplate"].endswith("<br><extra></extra>")


@pytest.mark.parametrize("kind", ["scattermapbox", "choropleth", "scattergeo", "image", "surface", 1, None])
def test_figures_that_need_other_hosts_or_libraries_are_not_drawn(kind: Any) -> None:
    with pytest.raises(charts.Unfit):
        charts.chart(Data(values={PLOTLY: trace(type=kind)}))


def test_the_data_of_a_chart_is_a_table() -> None:
    shown = str(charts.table(Data(values={VEGA: {"layer": [vega()]}})))
    assert "<td><bdi>&lt;b&gt;</bdi></td>" in shown
    assert '<td class="num"><bdi>2</bdi></td>' in shown
    assert '<td class="num"><bdi>2</bdi></td>' in str(charts.table(Data(values={PLOTLY: trace()})))
    for raw in (None, [], {"data": 1}, {"data": [1]}, {"data": {"values": "a"}}, {"layer": [1]}):
        assert charts.table(Data(values={VEGA: raw})) is None
        assert charts.table(Data(values={PLOTLY: raw})) is None


def test_a_charts_name_is_the_same_whenever_it_is_read_and_gives_it() -> None:
    file = notebooks.content(notebooks.code("a", notebooks.shown({VEGA: vega()})))
    html = render.render(file, render.cache()).html
    made = charts.chart(Data(values={VEGA: vega()}))
    assert made is not None
    assert made.name == "cf2753013d11d9b3eea7f73f2ba89a48.chart"
    assert f'<a href="http://a/?b=c&amp;chart={made.name}"' in leading(html, "http://a/?b=c&chart=")
    assert "chart:" not in without_charts(html)
    assert render.chart(file, made.name) == (made.specification, "vegalite")


def test_no_text_of_a_notebook_is_taken_for_a_link_to_a_chart() -> None:
    forged = '<a href="chart:x">y</a> [z](chart:x)'
    cells = (notebooks.markdown(forged), notebooks.code(forged, notebooks.shown({"text/html": forged})))
    html = render.render(notebooks.content(*cells), render.cache()).html
    assert leading(html, "http://a/") == html
