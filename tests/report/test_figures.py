"""Drawings put every value where the axis says, and say in words what they show."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, strategies as st

from report import sample
from reticent.audit.record import Curve
from reticent.report.figures import precision, queries, roc, strip, svg

RECORD = sample.build()
WITH_ROC = [(c, i) for i, c in enumerate(RECORD.cells[:5])]
WITH_QUERIES = [(c, 0) for c in RECORD.cells if c.curves and c.family == "attribute"][:1]


def points(d):
    return [tuple(map(float, pair.split())) for pair in re.split("[ML]", d)[1:]]


def line(drawing, style):
    (path,) = [e for e in drawing.iter("path") if e.get("class") == f"line s{style}"]
    return points(path.get("d"))


@given(st.floats(1e-3, 1), st.floats(1e-3, 1))
def test_a_log_scale_keeps_order_and_ratios(a, b):
    scale = svg.Scale(1e-3, 1, 0, 300, log=True)
    assert (scale(a) <= scale(b)) == (a <= b) or abs(scale(a) - scale(b)) < 0.02
    if a * 10 <= 1:
        assert scale(10 * a) - scale(a) == pytest.approx(100, abs=0.02)


def test_a_curve_goes_through_its_points():
    cell = RECORD.cells[0].model_copy(
        update={"curves": [Curve(name="roc", x=[0.001, 0.01, 1], y=[0.01, 0.1, 1])]}
    )
    drawing = ET.fromstring(roc.draw([(cell, 3)], "r", "here"))
    left, middle, right = line(drawing, 3)
    width, height = right[0] - left[0], left[1] - right[1]
    assert middle[0] == pytest.approx(left[0] + width / 3, abs=0.02)
    assert middle[1] == pytest.approx(left[1] - height / 2, abs=0.02)
    chance = next(e for e in drawing.iter("path") if e.get("class") == "chance")
    low, high = points(chance.get("d"))
    assert high == right, "the diagonal ends where everybody is accused"
    assert low[0] == left[0]


def test_a_band_lies_around_its_curve():
    drawing = ET.fromstring(roc.draw(WITH_ROC[:1], "r", "here"))
    band = next(e for e in drawing.iter("path") if e.get("class") == "band s0")
    heights = [y for _, y in points(band.get("d").rstrip("Z"))]
    mine = [y for _, y in line(drawing, 0)]
    assert min(heights) <= min(mine)
    assert max(heights) >= max(mine)


def test_a_figure_is_named_described_and_told_apart_without_colour():
    drawing = ET.fromstring(roc.draw(WITH_ROC, "r", "policy <none>"))
    assert drawing.find("title").text == "ROC curves, policy <none>"
    assert all(cell.attack in drawing.find("desc").text for cell, _ in WITH_ROC)
    assert drawing.get("aria-labelledby") == "r-title"
    marks = {e.get("class"): e.tag for e in drawing.iter() if "mark" in (e.get("class") or "")}
    assert len(marks) == len(WITH_ROC)
    shapes = {re.sub(r" s\d", "", str(svg.marker(9, 9, i))) for i in range(svg.SERIES)}
    assert len(shapes) == svg.SERIES


def test_a_roc_is_read_to_the_left():
    curve = Curve(name="roc", x=[0.0, 0.005, 0.02, 1.0], y=[0.0, 0.1, 0.4, 1.0])
    assert roc.read(curve, 0.01) == (0.1, None, None), "0.4 costs more than 1 % false positives"
    assert roc.read(curve, 0.001) == (0.0, None, None)
    assert roc.read(Curve(name="roc", x=[0.5, 1.0], y=[0.5, 1.0]), 0.1) is None


def test_precision_is_read_at_no_smaller_recall():
    curve = Curve(name="precision_recall", x=[0.0, 0.2, 0.6], y=[1.0, 0.9, 0.5])
    cell = RECORD.cells[0].model_copy(update={"curves": [curve]})
    assert precision.readings(cell) == ["0.900", "0.900", "0.500"]
    ET.fromstring(precision.draw([(cell, 0)], "p", "here"))


def test_queries_show_what_is_known_without_the_model():
    drawing = ET.fromstring(queries.draw(WITH_QUERIES, "q", "here"))
    assert "without the model" in [e.text for e in drawing.iter("text")]
    first, middle, last = queries.readings(WITH_QUERIES[0][0])
    assert first.endswith("after 1.00")
    assert last.endswith("after 1,000")
    assert "after 50.0" in middle


def test_dots_stand_where_their_axis_says():
    figures = [c.gain for c in RECORD.cells if c.gain is not None][:10]
    scale = strip.shared_scale(figures)
    drawing = ET.fromstring(strip.draw([(figures[0], 0, "members")], scale, 0.0))
    null = next(e for e in drawing.iter("path") if e.get("class") == "null")
    assert null.get("d").startswith(f"M{scale(0.0)} ")
    dot = next(e for e in drawing.iter("circle"))
    assert float(dot.get("cx")) == scale(figures[0].estimate)
    for figure in figures:
        for value in (figure.lower, figure.estimate, figure.upper):
            assert scale.low <= value <= scale.high
    labels = [float(e.text) for e in ET.fromstring(strip.header(scale)).iter("text")]
    assert labels == strip.ticks(scale)
    assert 0.0 in labels


def test_nothing_to_draw_is_drawn_as_nothing():
    nothing = sample.figure("gain", None)
    scale = strip.shared_scale([nothing, None])
    drawing = ET.fromstring(strip.draw([(nothing, 0, "members"), (None, 1, "x")], scale, None))
    assert drawing.find("title").text == "no data"
    assert not list(drawing.iter("circle"))


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6),
)
def test_ticks_are_few_and_inside(values):
    figures = [sample.figure("gain", v, bounded=False) for v in values]
    scale = strip.shared_scale(figures)
    ticks = strip.ticks(scale)
    assert 1 <= len(ticks) <= 12
    assert all(scale.low - 1e-6 <= t <= scale.high + 1e-6 for t in ticks)


@given(st.text(max_size=30))
def test_text_in_drawings_is_escaped(text):
    drawing = ET.fromstring(str(svg.element("text", text, x=1, data_name=text)))
    assert not list(drawing)
