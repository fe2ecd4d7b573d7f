"""Figures drawn as SVG say what plotly would: places, ticks, legends, words, and what hovers."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import optuna
import plotly.graph_objects as go
import pytest

from tune_bn.report import (
    plot_best_value,
    plot_confusion,
    plot_inference_statistics,
    plot_narrowing,
    plot_pareto,
    results_of,
)
from tune_bn.report.figures.drawing import Drawing, draw
from tune_bn.report.figures.style import base_figure


def tree(drawing: Drawing) -> ElementTree.Element:
    return ElementTree.fromstring(f"<svg>{drawing.svg}</svg>")


def said(drawing: Drawing) -> list[str]:
    return ["".join(e.itertext()) for e in tree(drawing).iter("text")]


def scatter(x: list[float], y: list[float], **options: object) -> go.Figure:
    figure = go.Figure(go.Scatter(x=np.array(x), y=np.array(y), **options))
    return base_figure(figure, title="t", height=300)


def dots(drawing: Drawing) -> list[tuple[float, float]]:
    found = re.findall(r"M(-?[\d.]+) (-?[\d.]+)h0", drawing.svg)
    return [(float(x), float(y)) for x, y in found]


def test_points_lie_where_their_values_are():
    """Places are linear in the values; larger values lie higher."""
    figure = scatter([0, 5, 10], [1, 2, 3], mode="markers")
    figure.update_xaxes(range=[0, 10])
    figure.update_yaxes(range=[1, 3])
    drawing = draw(figure, width=600)
    width, height = drawing.area[2:]
    expected = [(0, height), (width / 2, height / 2), (width, 0)]
    assert np.allclose(dots(drawing), expected, atol=0.06)


def test_a_log_axis_is_logarithmic():
    """Equal ratios are equally far apart."""
    figure = scatter([1, 2, 3], [1, 10, 100], mode="markers")
    figure.update_yaxes(type="log", tickvals=[1, 10, 100], ticktext=["1", "10", "100"])
    (_, a), (_, b), (_, c) = dots(draw(figure, width=600))
    assert a - b == pytest.approx(b - c, abs=0.11)
    assert a > b


@pytest.mark.parametrize("sign", [1, -1])
def test_a_line_ends_where_its_area_does(sign: int):
    """What the axis does not show is not drawn beside the figure, on either side of it."""
    x = [sign * step for step in (0.0, 5.0, 12.0, 40.0)]
    figure = scatter(x, [1, 2, 3, 4], mode="lines", line={"shape": "hv"})
    figure.update_xaxes(range=sorted([-1 * sign, 10 * sign]))
    drawing = draw(figure, width=600)
    (path,) = re.findall(r'<path d="(M[^"]*)" fill="none"', drawing.svg)
    places = [float(x) for x in re.findall(r"[MH](-?[\d.]+)", path)]
    assert min(places) >= -1.1
    assert max(places) <= drawing.area[2] + 1.1
    assert path.count("H") == 2


def test_choices_keep_their_names_on_a_phone():
    """A name is cut rather than left out: a place without one could be any choice."""
    names = ["before_activation", "after_activation"]
    figure = scatter([0, 1], [1, 2], mode="markers")
    figure.update_xaxes(range=[-0.5, 1.5], tickvals=[0, 1], ticktext=names)
    assert all(name in draw(figure, width=600).svg for name in names)
    narrow = draw(figure, width=130).svg
    assert all(f">{part}" in narrow for part in ("be", "af"))


def test_gaps_and_infinite_values_are_no_points():
    """NaN and infinity have no place."""
    figure = scatter([0, 1, 2, 3], [1, math.nan, math.inf, 2], mode="markers")
    assert len(dots(draw(figure, width=600))) == 2


def test_hovering_says_what_plotly_would():
    """Each mark has a place and the words of its template."""
    figure = scatter([3, 4], [0.5, 0.25], mode="markers", name="a", hovertemplate=(
        "trial %{x}<br>%{y:.3g}<extra>best</extra>"
    ))  # fmt: skip
    texts = [text for _, _, text in draw(figure, width=600).points]
    assert texts == ["trial 3\n0.5\nbest", "trial 4\n0.25\nbest"]


def test_every_trial_can_be_pointed_at(staged: optuna.Study):
    """The narrowing says of each trial, in each row, what it is and from where it was drawn."""
    texts = [text for _, _, text in draw(plot_narrowing(staged), width=900).points]
    results = results_of(staged)
    assert len(texts) == len(results.trials) * len(results.space)
    assert all(re.match(r"trial \d+\n", text) for text in texts)
    assert any("box of the 10 best: " in text for text in texts)


def test_words_keep_their_size_on_a_phone(staged: optuna.Study):
    """A narrow figure is laid out anew, not made smaller; what lies in it is the same."""
    figure = plot_narrowing(staged)
    wide, narrow = draw(figure, width=900), draw(figure, width=340)
    assert narrow.area[3] == wide.area[3]
    assert len(dots(narrow)) == len(dots(wide))
    assert narrow.height > wide.height  # the legend has more lines
    assert wide.points == narrow.points or len(wide.points) == len(narrow.points)


@pytest.mark.parametrize("width", [340, 908])
def test_nothing_is_wider_than_the_figure(staged: optuna.Study, width: int):
    """No mark lies outside of the area, no name of a stage beyond its right end."""
    drawing = draw(plot_narrowing(staged), width=width)
    for x, y in dots(drawing):
        assert -20 <= x <= width
        assert -4.1 <= y <= drawing.height
    for text in tree(drawing).iter("text"):
        if text.get("class", "").startswith("accent"):
            assert float(text.get("x", "nan")) + 6 * len(text.text or "") < width


def test_legend_names_each_trace_once(staged: optuna.Study):
    """States, bars and bands have their key."""
    texts = said(draw(plot_narrowing(staged), width=900))
    for word in ("best", "stopped early", "failed", "complete", "box of the best"):
        assert texts.count(word) == 1


def test_ticks_of_a_log_parameter_are_its_values(staged: optuna.Study):
    """The learning rate's row is ticked in its own units."""
    texts = said(draw(plot_narrowing(staged, params=["learning_rate"]), width=900))
    assert {"0.0001", "0.01", "1"} <= set(texts)


def test_round_ticks_lie_within_the_axis(staged: optuna.Study):
    """Where a figure gives no ticks round numbers are found, a few of them."""
    figure = plot_best_value(staged)
    low, high = figure.layout.yaxis.range
    found = [t for t in said(draw(figure, width=900)) if re.fullmatch(r"0\.9\d*", t)]
    assert 3 <= len(found) <= 10
    assert all(low <= float(t) <= high for t in found)


def test_a_matrix_has_its_cells_and_counts():
    """Every cell of a confusion matrix is a rectangle with its count."""
    drawing = draw(plot_confusion(["a", "b", "b"], ["a", "a", "b"], ["a", "b"]), width=600)
    assert len(list(tree(drawing).iter("rect"))) == 4
    assert said(drawing).count("1") == 3
    assert len(drawing.points) == 4


def test_names_are_text():
    """What looks like markup is shown as it is, control characters as escapes."""
    study = optuna.create_study()
    study.optimize(lambda t: t.suggest_float("<b>&amp;\x1b", 0, 1), n_trials=3)
    assert "<b>&amp;\\x1b" in said(draw(plot_narrowing(study), width=900))


@pytest.mark.parametrize("plot", [plot_pareto])
def test_two_objectives_are_drawn(plot, two_objectives: optuna.Study):
    """The front is a line, its trials are stars."""
    drawing = draw(plot(two_objectives), width=900)
    assert "stroke-dasharray" in drawing.svg
    assert len(drawing.points) == len(results_of(two_objectives).complete)


def test_lines_across_are_drawn():
    """Where the exact statistics are is a line through the figure."""
    layer = {"running_mean": [0.1], "running_var": [1.0], "mean": [0.0], "var": [1.0]}
    assert draw(plot_inference_statistics({"bn": layer}), width=900).svg.count("2 4") == 2
