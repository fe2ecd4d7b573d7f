"""The judge of faults can fail, on each thing that it judges."""

from dataclasses import replace

import optuna
import pytest

from tests.support.survival import Line, View, faults_of, view_of
from tests.support.worker import objective
from tune_bn.optuna import CoarseToFineSampler


@pytest.fixture(scope="module")
def good() -> View:
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(objective, n_trials=20)
    return view_of(study)


def told(view: View) -> dict[int, float]:
    return {t.number: t.value for t in view.trials if t.value is not None}


def changed(view: View, number: int, **values: object) -> View:
    lines = [replace(t, **values) if t.number == number else t for t in view.trials]  # type: ignore[arg-type]
    return replace(view, trials=tuple(lines))


def test_a_good_study_has_no_fault(good):
    """Nor has one in which a worker's trial was left running."""
    assert faults_of(told(good), [good, good]) == []
    running = changed(good, 19, state="RUNNING", value=None)
    finished = {n: v for n, v in told(good).items() if n != 19}
    assert faults_of(finished, [running, running]) == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda v: changed(v, 4, state="RUNNING", value=None), "Trial 4 was finished"),
        (lambda v: changed(v, 4, value=-1.0), "Trial 4 was finished"),
        (lambda v: replace(v, trials=v.trials[:7] + v.trials[8:]), "Trial 7 was finished"),
        (lambda v: replace(v, trials=(*v.trials, v.trials[-1])), "twice"),
        (lambda v: changed(v, 5, draw=v.trials[6].draw), "2 trials have the draw"),
        (lambda v: replace(v, stages=v.stages[1:]), "every trial once"),
    ],
)
def test_a_fault_is_seen(good, spoil, message):
    """A lost, changed or doubled trial, a repeated draw, a missing stage."""
    spoiled = spoil(good)
    assert message in " ".join(faults_of(told(good), [spoiled, spoiled]))


def test_processes_that_disagree_are_seen(good):
    """On trials, and on stages."""
    extra = Line(20, "COMPLETE", 0.0, (("alpha", 0.1), ("n", 1), ("kind", "a")))
    more = replace(good, trials=(*good.trials, extra))
    assert "View 1 has other trials." in faults_of(told(good), [good, more])
    wider = replace(good, stages=(replace(good.stages[0], width=0.5), *good.stages[1:]))
    assert faults_of(told(good), [good, wider]) == ["View 1 has other stages."]
