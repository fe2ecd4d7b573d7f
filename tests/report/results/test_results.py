"""Any search as records: states, values, steps and stages are those of the source."""

import math

import optuna
import pytest
from optuna.trial import TrialState

from tune_bn import CoarseToFine, Float
from tune_bn.core.space.scale import complement
from tune_bn.optuna import CoarseToFineSampler
from tune_bn.report import ReportError, results_of


def test_a_study_keeps_its_trials(staged: optuna.Study):
    """Numbers, parameters, values and states are the study's own."""
    results = results_of(staged)
    for trial in staged.trials:
        found = results.by_number[trial.number]
        params = {n: v for n, v in trial.params.items() if n != "1 - momentum"}
        momentum = complement(trial.params["1 - momentum"])  # as the objective had it
        assert found.params == {**params, "momentum": momentum}
        assert (
            found.state
            == {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}[trial.state.name]
        )
        if trial.value is not None:
            assert found.value == trial.value


def test_momentum_is_shown_where_its_distance_from_1_is_stored(staged: optuna.Study):
    """Its windows hold what they drew, in every trial and stage, on a scale of its own."""
    results = results_of(staged)
    assert results.space["momentum"] == Float(0.9, 0.999, one_minus_log=True)
    assert not any("1 - " in name for name in results.space)
    for stage in results.stages:
        low, high = stage.windows["momentum"]
        for trial in map(results.by_number.__getitem__, stage.trials):
            assert trial.origin is not None
            assert trial.origin.windows is not None
            ends = trial.origin.windows["momentum"].bounds
            assert ends[0] - 1e-9 <= trial.params["momentum"] <= ends[1] + 1e-9
            assert low - 1e-9 <= trial.params["momentum"] <= high + 1e-9


@pytest.mark.parametrize(
    ("high", "beside"), [(0.1, "momentum"), (0.01, "other"), (2.0, "other")], ids=str
)
def test_a_name_stays_where_it_says_nothing_of_a_scale(high: float, beside: str):
    """Another parameter has the name; the range is one value, or reaches beyond 1."""
    study = optuna.create_study()
    study.optimize(
        lambda t: (
            t.suggest_float("1 - momentum", 0.01, high, log=True) + t.suggest_int(beside, 0, 9)
        ),
        n_trials=2,
    )
    assert set(results_of(study).space) == {"1 - momentum", beside}


def test_the_best_is_optunas(staged: optuna.Study):
    """The best trial is the study's best, and it ranks first."""
    results = results_of(staged)
    assert results.best is not None
    assert results.best.number == staged.best_trial.number
    assert results.ranked[0] is results.best


def test_the_front_is_optunas(two_objectives: optuna.Study):
    """The front holds the numbers of the study's best trials."""
    front = {t.number for t in results_of(two_objectives).front}
    assert front == {t.number for t in two_objectives.best_trials}


def test_steps_and_stages(staged: optuna.Study):
    """Intermediate values come in order, and each trial knows the name of its stage."""
    results = results_of(staged)
    assert results.by_number[0].steps[0][0] == 1
    assert results.stage_name(results.by_number[0]) == "coarse"
    assert results.stage_name(results.trials[-1]).startswith("fine")


def test_a_pruned_trial_counts_with_its_last_value():
    """A pruned trial's value is its last intermediate one that is a number."""

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("x", 0, 1)
        trial.report(0.5, 1)
        trial.report(math.nan, 2)
        raise optuna.TrialPruned

    study = optuna.create_study()
    study.optimize(objective, n_trials=1)
    (trial,) = results_of(study).trials
    assert (trial.state, trial.values) == ("pruned", (0.5,))


def test_another_samplers_study_has_no_stages():
    """A study that recorded no stage has none."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=3)
    assert results_of(study).stages == ()


def test_a_trial_that_the_tool_cut_short_is_in_no_count():
    """Its configuration is tried again; neither trials nor stages have it."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=3)
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    trial.set_user_attr("tune_bn:reason", "interrupted")
    study.tell(trial, state=TrialState.FAIL)
    results = results_of(study)
    assert [t.number for t in results.trials] == [0, 1, 2]
    assert [number for stage in results.stages for number in stage.trials] == [0, 1, 2]


def test_positions_are_nan_where_a_parameter_is_missing():
    """A parameter that a trial does not have lies nowhere."""
    study = optuna.create_study()
    study.enqueue_trial({"x": 0.25})
    study.optimize(lambda t: t.suggest_float("x" if t.number == 0 else "y", 0, 1), n_trials=2)
    positions = results_of(study).positions("x")
    assert positions[0] == 0.25
    assert math.isnan(positions[1])


def test_a_search_by_hand_keeps_its_states():
    """Complete, stopped and failed trials of `CoarseToFine` stay what they are."""
    search = CoarseToFine({"x": Float(0, 1)}, seed=0, directions="maximize")
    search.tell(search.ask(), 1.0)
    search.tell(search.ask(), 2.0, state="stopped", progress=3)
    search.tell(search.ask())
    results = results_of(search)
    assert [t.state for t in results.trials] == ["complete", "pruned", "failed"]
    assert results.maximize


def test_results_are_their_own():
    """Results pass through as they are."""
    results = results_of(optuna.create_study())
    assert results_of(results) is results


@pytest.mark.parametrize("source", [None, 3, {"x": 1}, "sqlite:///study.db"])
def test_something_else_is_refused(source: object):
    """What is no search is refused with its type."""
    with pytest.raises(ReportError, match=type(source).__name__):
        results_of(source)


@pytest.mark.parametrize(
    "told",
    [
        [(1.0, {"progress": 3}), (0.5, {"progress": 1}), (2.0, {"progress": 3})],
        [(1.0, {"progress": 3}), (0.5, {"progress": 1, "end": "itself"})],
        [(0.1, {"progress": 9}), (0.5, {"progress": 2, "end": "goal"}), (0.4, {"progress": 3})],
        [(0.5, {"progress": None}), (0.1, {"progress": 4, "state": "stopped"})],
        [(math.inf, {}), (1.0, {"violation": 1.0}), (3.0, {})],
    ],
)
def test_the_best_by_hand_is_the_search_own(told):
    """By the same rule: how far a trial got, at a goal or by itself, comes before its value."""
    search = CoarseToFine({"x": Float(0, 1)}, seed=0)
    for value, options in told:
        search.tell(search.ask(), value, **options)
    ranked = results_of(search).ranked
    assert ranked[0].number == search.best.number
    assert len(ranked) == len(told)
