"""Figures show the trials that there are, on the scale on which they were drawn."""

import math
import re
from dataclasses import replace

import numpy as np
import optuna
import plotly.graph_objects as go
import pytest

from tests.report.contrast import contrast
from tune_bn import Categorical, Float, Int
from tune_bn.core.draws.regions import KINDS
from tune_bn.optuna import CoarseToFineSampler
from tune_bn.report import (
    ReportError,
    plot_best_value,
    plot_durations,
    plot_importances,
    plot_intermediate_values,
    plot_narrowing,
    plot_pair,
    plot_parallel,
    plot_slices,
    plot_windows,
    results_of,
)
from tune_bn.report.figures.bars import LOOKS
from tune_bn.report.figures.drawing import draw
from tune_bn.report.figures.shared import highlights
from tune_bn.report.figures.style import axis_for, log_ticks
from tune_bn.report.figures.thinning import shown_trials
from tune_bn.report.results.wording import share_text

OF_ONE = (
    plot_best_value,
    plot_durations,
    plot_intermediate_values,
    plot_narrowing,
    plot_pair,
    plot_parallel,
    plot_slices,
    plot_windows,
)


def points(figure: go.Figure, row: int) -> dict[int, float]:
    axis = "y" if row == 0 else f"y{row + 1}"
    found: dict[int, float] = {}
    for trace in figure.data:
        if (trace.yaxis or "y") == axis and trace.mode == "markers" and trace.x[0] is not None:
            found |= dict(zip(trace.x, trace.y, strict=True))
    return found


@pytest.mark.parametrize("plot", OF_ONE)
def test_each_figure_of_a_study(plot, staged: optuna.Study):
    """Each function returns a figure with a title, as optuna.visualization does."""
    figure = plot(staged)
    assert isinstance(figure, go.Figure)
    assert figure.layout.title.text
    assert len(figure.data) > 0


@pytest.mark.parametrize("plot", [*OF_ONE, plot_importances])
def test_each_figure_of_nothing_says_so(plot):
    """Without trials a figure says that there is nothing to see."""
    figure = plot(optuna.create_study())
    assert figure.layout.annotations[0].text


def test_narrowing_shows_every_trial_on_a_log_axis(staged: optuna.Study):
    """The first row holds all trials, at the logarithm of their learning rate."""
    found = points(plot_narrowing(staged), 0)
    assert found == pytest.approx(
        {t.number: math.log10(t.params["learning_rate"]) for t in staged.trials}
    )


def test_narrowing_draws_the_windows_of_the_stages(staged: optuna.Study):
    """The band of a row has the corners of each stage's window."""
    results = results_of(staged)
    band = plot_narrowing(staged, params=["learning_rate"]).data[0]
    low, high = results.stages[-1].windows["learning_rate"]
    assert math.log10(low) in np.asarray(band.y)
    assert math.log10(high) in np.asarray(band.y)
    assert np.nanmin(band.x) == -0.5


def bars(figure: go.Figure, row: int) -> dict[int, tuple[float, float]]:
    """Returns the ends of each trial's bar in a row."""
    axis = "y" if row == 0 else f"y{row + 1}"
    found: dict[int, tuple[float, float]] = {}
    for trace in figure.data:
        if (trace.yaxis or "y") == axis and trace.error_y.array is not None:
            for number, middle, half in zip(trace.x, trace.y, trace.error_y.array, strict=True):
                assert number not in found
                found[int(number)] = (float(middle) - float(half), float(middle) + float(half))
    return found


def outside(figure: go.Figure, n_rows: int) -> list[tuple[int, int]]:
    """Returns (row, trial) of the dots that lie outside of their bar: none, it should be."""
    wrong = []
    for row in range(n_rows):
        places = points(figure, row)
        span = np.ptp(list(places.values())) or 1.0
        for number, (low, high) in bars(figure, row).items():
            # Dots and bars are of single precision.
            if not low - 1e-5 * span <= places[number] <= high + 1e-5 * span:
                wrong.append((row, number))
    return wrong


def test_no_dot_lies_outside_of_its_bar(staged: optuna.Study):
    """Every value that was drawn has one bar, in which it lies; a kept one has none."""
    results = results_of(staged)
    figure = plot_narrowing(staged)
    assert outside(figure, len(results.space)) == []
    for row, name in enumerate(results.space):
        moved = {t.number for t in results.trials if t.origin and name in t.origin.moved}
        assert len(moved) > 15
        assert set(bars(figure, row)) == moved


def test_a_dot_outside_would_be_found(staged: optuna.Study):
    """The judge above can fail."""
    figure = plot_narrowing(staged, params=["learning_rate"])
    bar = next(t for t in figure.data if t.error_y.array is not None and t.name.startswith("box"))
    bar.y = np.asarray(bar.y) + 100
    assert len(outside(figure, 1)) == len(bar.x)


def test_bars_lie_within_the_band_of_their_stage(staged: optuna.Study):
    """The band is what all bars of the stage span together: their hull."""
    results = results_of(staged)
    found = bars(plot_narrowing(staged, params=["learning_rate"]), 0)
    for stage in results.stages[1:]:
        low, high = map(math.log10, stage.windows["learning_rate"])
        ends = [found[n] for n in stage.trials if n in found]
        for a, b in ends:
            assert low - 1e-5 <= a <= b <= high + 1e-5
        kept = [math.log10(results.by_number[n].params["learning_rate"]) for n in stage.trials]
        assert min([a for a, _ in ends] + kept) == pytest.approx(low, abs=1e-5)
        assert max([b for _, b in ends] + kept) == pytest.approx(high, abs=1e-5)


def test_kinds_of_bars_are_told_apart_by_more_than_colour():
    """Of two kinds of regions either thickness or caps differ."""
    shapes = [(look.px, look.cap_px) for look in LOOKS.values()]
    assert len(set(shapes)) == len(shapes)
    assert set(LOOKS) == set(KINDS)


def test_hovering_tells_from_where_a_value_was_drawn(staged: optuna.Study):
    """Beside the value stands its window, or the trial that it was kept from."""
    results = results_of(staged)
    figure = plot_narrowing(staged, params=["learning_rate"])
    told = {
        int(n): about[2]
        for trace in figure.data
        if trace.customdata is not None
        for n, about in zip(trace.x, trace.customdata, strict=True)
    }
    assert set(told) == set(range(60))
    for number, text in told.items():
        origin = results.by_number[number].origin
        assert origin is not None
        if "learning_rate" in origin.kept:
            assert text == f"kept from trial {origin.kept['learning_rate'].trial}"
        else:
            low, high = origin.moved["learning_rate"].bounds
            words, _, ends = text.partition(": ")
            assert words
            assert [float(end) for end in ends.split(" to ")] == pytest.approx(
                [low, high], rel=6e-3
            )


def test_windows_name_the_usual_width(staged: optuna.Study):
    """Beside each fine stage stands how much of a scale a single draw usually spans."""
    results = results_of(staged)
    texts = plot_windows(results, max_stages=100).layout.yaxis.ticktext
    for stage in results.stages:
        usual = stage.usual_width
        text = stage.name if usual is None else f"{stage.name}, {share_text(usual)}"
        assert text in texts


def test_windows_begin_with_what_was_drawn():
    """Trials before the first stage have no windows, though a first trial was given."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.enqueue_trial({"x": 1.0})
    study.optimize(lambda t: t.suggest_float("x", 0, 5), n_trials=60)
    figure = plot_windows(study)
    assert figure.layout.yaxis.ticktext[0] == "coarse"
    n = len(results_of(study).stages) - 1
    assert f"8 of {n} stages shown." in figure.layout.title.text


def test_narrowing_refuses_an_unknown_parameter(staged: optuna.Study):
    """A name that is no parameter is refused, with those that there are."""
    with pytest.raises(ReportError, match=r"'lr'.*learning_rate"):
        plot_narrowing(staged, params=["lr"])


def test_names_are_not_markup():
    """plotly reads <b> in text; a name is shown as it is."""
    study = optuna.create_study()
    study.optimize(lambda t: t.suggest_float("<b>x", 0, 1), n_trials=3)
    title = plot_narrowing(study).layout.annotations[0].text
    assert "&lt;b&gt;x" in title


def test_thinning_keeps_the_best_and_says_so(staged: optuna.Study):
    """Of many trials the best stay, the rest is spread evenly, and the note counts them."""
    results = results_of(staged)
    trials, note = shown_trials(results, 20)
    numbers = {t.number for t in trials}
    assert len(trials) <= 20
    assert {t.number for t in results.ranked[:5]} <= numbers
    assert max(numbers) > 40
    assert f"{len(results.trials)} trials, {len(trials)} of them shown" in note


def test_thinning_is_silent_when_all_are_shown(staged: optuna.Study):
    """No note where nothing is left out."""
    assert shown_trials(results_of(staged), None)[1] == ""


def test_best_value_runs_to_the_best(staged: optuna.Study):
    """The line ends at the best value, at the last trial."""
    line = next(t for t in plot_best_value(staged).data if t.mode == "lines")
    assert line.y[-1] == staged.best_value
    assert line.x[-1] == staged.trials[-1].number


def test_one_exploded_value_does_not_flatten_the_rest():
    """A value far off is a mark at the edge of the axis, which says what it is."""
    study = optuna.create_study()
    study.optimize(lambda t: 1e12 if t.number == 3 else t.suggest_float("x", 0, 1), n_trials=20)
    figure = plot_best_value(study)
    high = figure.layout.yaxis.range[1]
    assert high < 100
    edge = next(t for t in figure.data if t.name == "beyond the edge")
    assert (list(edge.x), list(edge.y), list(edge.customdata)) == ([3], [high], [1e12])


def test_every_value_is_drawn(staged: optuna.Study):
    """No trial with a value is left out of the best value by trial, however bad it is."""
    figure = plot_best_value(staged)
    shown = {
        int(n) for t in figure.data if t.mode == "markers" for n in t.x if t.name.find("best") < 0
    }
    assert shown == {t.number for t in results_of(staged).trials if t.is_ranked}


@pytest.mark.parametrize(
    "plot",
    [
        plot_best_value,
        plot_durations,
        plot_intermediate_values,
        plot_narrowing,
        plot_parallel,
        plot_slices,
    ],
)
def test_the_chosen_trial_is_in_every_figure(plot, staged: optuna.Study):
    """What was chosen in the end has its own mark where it is not the best of the search."""
    results = results_of(staged)
    other = results.ranked[7]
    names = [t.name for t in plot(replace(results, chosen=other.number)).data if t.name]
    assert any(name.startswith("chosen") for name in names)
    assert not any(name.startswith("chosen") for name in [t.name or "" for t in plot(results).data])


def test_a_dot_is_where_a_trial_ended(staged: optuna.Study):
    """And at every step of the best; the page has a place to point at for each dot, no more."""
    results = results_of(staged)
    assert results.best is not None
    number = results.best.number
    figure = plot_intermediate_values(results)
    best = [t for t in figure.data if t.line.width >= 3]
    dots = [t for t in figure.data if t.line.width < 3]
    ended = [t for t in results.trials if t.steps and t.number != number]
    n_dots = sum(int((t.marker.size > 0).sum()) for t in dots)
    assert n_dots == len(ended)
    n_best = len(results.best.steps)
    assert sum(int((t.marker.size > 0).sum()) for t in best) == n_best
    assert 0 < len(draw(figure, width=900).points) <= n_dots + n_best


def test_the_best_is_said_to_be_chosen(staged: optuna.Study):
    """Where both are one trial the star says so."""
    results = results_of(staged)
    assert results.best is not None
    found = highlights(replace(results, chosen=results.best.number))
    assert [what for what, _, _ in found] == [f"best, and chosen (trial {results.best.number})"]


@pytest.mark.parametrize("plot", [plot_best_value, plot_importances])
def test_an_objective_that_is_none(plot, staged: optuna.Study):
    """Only objectives that there are can be shown."""
    with pytest.raises(ReportError, match="objective=1"):
        plot(staged, objective=1)


@pytest.mark.parametrize(
    ("parameter", "value", "place"),
    [
        (Float(0, 2), 1.5, 1.5),
        (Float(1e-4, 1, log=True), 0.01, -2.0),
        (Float(0.9, 0.999, one_minus_log=True), 0.99, 2.0),
        (Int(1, 9), 4, 4.0),
        (Categorical(["a", "b"]), "b", 1.0),
        (Categorical(["a", "b"]), "c", math.nan),
        (Float(0, 1), "x", math.nan),
    ],
)
def test_axis_places_values(parameter, value, place):
    """Each scale has its own coordinate; what has none is a gap."""
    assert axis_for(parameter).place([value])[0] == pytest.approx(place, nan_ok=True)


@pytest.mark.parametrize(
    ("low", "high"), [(1e-6, 1e3), (16, 256), (1, 2), (0.3, 0.31), (5, 5), (1e-12, 1e12)]
)
def test_log_ticks_lie_inside(low, high):
    """Ticks lie within the range, few of them, in order."""
    ticks = log_ticks(low, high)
    assert 1 <= len(ticks) <= 10
    assert ticks == sorted(ticks)
    assert all(low * 0.999 <= t <= high * 1.001 for t in ticks)


def inks(figure: go.Figure) -> set[str]:
    """Returns the colours of all words of a figure."""
    of_template = figure.layout.template.layout
    ink = figure.layout.font.color or of_template.font.color
    found = {ink}
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        found |= {axis.tickfont.color or ink, axis.title.font.color or ink}
    return found | {a.font.color or ink for a in figure.layout.annotations}


@pytest.mark.parametrize("plot", [*OF_ONE, plot_importances])
def test_words_can_be_read_in_light_and_dark(plot, staged: optuna.Study):
    """A figure brings its own ground, so that a dark page or dashboard shows through nowhere."""
    figure = plot(staged)
    ground = figure.layout.paper_bgcolor
    assert re.fullmatch("#[0-9a-f]{6}", ground)
    assert min(contrast(ink, ground) for ink in inks(figure)) >= 4.5


def test_contrast_would_find_grey_on_white():
    """The judge above can fail."""
    assert contrast("#999999", "#ffffff") < 4.5 < contrast("#000000", "#ffffff")


# plotly 6 warns of its own templates.
@pytest.mark.filterwarnings(r"ignore:\*scattermapbox\* is deprecated:DeprecationWarning")
@pytest.mark.parametrize("plot", [*OF_ONE, plot_importances])
def test_a_template_decides_ink_and_ground(plot, staged: optuna.Study):
    """In plotly's dark template words are light, and the ground is the template's."""
    figure = plot(staged, template="plotly_dark")
    assert figure.layout.paper_bgcolor is None
    ground = "#111111"  # plotly_dark's, written as rgb(17,17,17)
    assert figure.layout.template.layout.paper_bgcolor == "rgb(17,17,17)"
    assert min(contrast(ink, ground) for ink in inks(figure)) >= 4.5


def test_an_unknown_template_is_refused(staged: optuna.Study):
    """The message names the templates that there are."""
    with pytest.raises(ReportError, match=r"'dark'.*'plotly_dark'"):
        plot_best_value(staged, template="dark")
