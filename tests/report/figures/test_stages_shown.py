"""Which stages are named where there is no room for all of them."""

import io
from datetime import datetime

import optuna
import pytest
from rich.console import Console

from tune_bn.optuna import CoarseToFineSampler
from tune_bn.report import plot_narrowing, plot_windows, results_of
from tune_bn.report.pages.listings import stage_table
from tune_bn.report.pages.terminal import watch_view
from tune_bn.report.results.results import Results


@pytest.fixture(scope="module")
def given_first() -> Results:
    """A hundred trials of which the first was given."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.enqueue_trial({"x": 1.0})
    study.optimize(lambda t: t.suggest_float("x", 0, 5), n_trials=100)
    return results_of(study)


def test_a_short_table_shows_what_was_given_the_coarse_stage_and_the_last(given_first: Results):
    """The fine stages are compared with the coarse one, which is the second then."""
    names = [row[0] for row in stage_table(given_first, most=4).rows]
    assert names[:2] == ["given", "coarse"]
    assert len(names) == 4
    assert names[-1] == given_first.stages[-1].name


def test_watch_shows_how_it_began_and_how_many_stages_it_leaves_out(given_first: Results):
    """Not the latest stages alone, as if there were no others."""
    console = Console(file=io.StringIO(), width=100)
    console.print(watch_view(given_first, datetime(2026, 1, 1), every_s=2))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    left_out = len(given_first.stages) - 7
    assert all(text in shown for text in (" given ", " coarse ", f"({left_out} stages)"))


@pytest.mark.parametrize("n_trials", [99, 100, 101, 102, 103])
def test_no_name_of_a_stage_reaches_off_the_figure(n_trials):
    """The last stage may be one trial wide, on a card of 520 pixels: its name ends beside it."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 5), n_trials=n_trials)
    figure = plot_narrowing(study)
    named = [a for a in figure.layout.annotations if a.name == "stage"]
    first, last = figure.layout.xaxis.range
    margin = figure.layout.margin
    wide_px = 520 - margin.l - margin.r
    ends = [(a.x - first) / (last - first) * wide_px + 5.3 * len(a.text) for a in named]
    assert len(ends) > 5
    assert max(ends) <= wide_px + margin.r


def test_a_bar_of_windows_and_the_share_beside_it_are_told_apart(given_first: Results):
    """A stage of 2 % may have a bar over half of the scale: all draws, and a usual one."""
    title = plot_windows(given_first, max_stages=4).layout.title.text
    assert "4 of " in title
    assert "Bars: all draws of a stage. Percent: how wide one usually was." in title
