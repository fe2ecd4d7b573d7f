"""Figures that relate parameters, values and objectives."""

import math
from dataclasses import replace

import optuna
import pytest

from tune_bn.report import (
    ReportError,
    plot_importances,
    plot_pair,
    plot_pareto,
    plot_slices,
    results_of,
)
from tune_bn.report.figures.relations import importances


def test_slices_show_every_trial_in_each_panel(staged: optuna.Study):
    """A panel holds the complete trials, at their value, and those beyond the axis at its edge."""
    results = results_of(staged)
    figure = plot_slices(results)
    for i in range(len(results.space)):
        axis = "y" if i == 0 else f"y{i + 1}"
        n = sum(
            len(t.x)
            for t in figure.data
            if (t.yaxis or "y") == axis and t.legendgroup in ("complete", "edge")
        )
        assert n == len(results.complete)


@pytest.fixture(scope="module")
def one_matters() -> optuna.Study:
    """Sixty random trials, of which one parameter decides the value."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1) ** 2 + 0 * t.suggest_float("y", 0, 1), 60)
    return study


def test_a_pair_shows_every_complete_trial(staged: optuna.Study):
    """At the place of both of its values, on their own scales."""
    results = results_of(staged)
    figure = plot_pair(results, params=["learning_rate", "depth"])
    shown = next(trace for trace in figure.data if trace.type == "scatter")
    found = {
        about[0]: (x, y) for about, x, y in zip(shown.customdata, shown.x, shown.y, strict=True)
    }
    assert found == {
        t.number: (
            pytest.approx(math.log10(t.params["learning_rate"])),
            pytest.approx(t.params["depth"]),
        )
        for t in results.complete
    }


def test_a_pair_needs_two(staged: optuna.Study):
    """One parameter has no plane."""
    with pytest.raises(ReportError, match="two parameters"):
        plot_pair(staged, params=["depth"])


def test_importances_are_shares(one_matters: optuna.Study):
    """Importances sum to one, the largest on top, each within its interval."""
    (bars,) = plot_importances(one_matters).data
    assert sum(bars.x) == pytest.approx(1)
    assert bars.x[-1] == max(bars.x)
    found = importances(results_of(one_matters))
    assert next(iter(found)) == "x"
    for one in found.values():
        assert 0 <= one.low <= one.share <= one.high <= 1
    assert found["x"].low > found["y"].high


def test_importances_of_few_trials_are_left_out(one_matters: optuna.Study):
    """Below fifty complete trials the estimate is noise, and none is shown."""
    results = results_of(one_matters)
    assert importances(replace(results, trials=results.trials[:49])) == {}
    assert importances(replace(results, trials=results.trials[:50])) != {}


def test_importances_need_values_that_differ():
    """Where nearly all trials are equally bad none is said to matter, and nothing is warned of."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: float(t.suggest_float("x", 0, 1) > 0.03), 60)
    assert len({t.value for t in study.trials}) == 2
    assert importances(results_of(study)) == {}


def test_pareto_marks_the_front(two_objectives: optuna.Study):
    """The marked points are the study's best trials."""
    front = plot_pareto(two_objectives).data[1]
    assert set(front.customdata) == {t.number for t in two_objectives.best_trials}


def test_pareto_needs_two_objectives(staged: optuna.Study):
    """A search with one objective has no front."""
    with pytest.raises(ReportError, match="plot_best_value"):
        plot_pareto(staged)
