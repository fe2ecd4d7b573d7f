"""Which trials attract the search: fails, pruned ones, infinities, ties, constraints."""

import math
from typing import Literal

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from tune_bn import Narrowing
from tune_bn.core.draws.mark import MARK_KEY, stage_index
from tune_bn.core.draws.marker import Marker
from tune_bn.core.history.trial import rank_key
from tune_bn.optuna import CoarseToFineSampler
from tune_bn.optuna.record import StudyRecord, ranked_trial

SPACE: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1)}
ONE = Narrowing(coarse_trials=1, elites=1, width=0.02, min_width=0.02, spread=1.0)


def given_trial(x: float, state: TrialState = TrialState.COMPLETE, **options) -> FrozenTrial:
    """Returns a trial at x that ended in a state."""
    return create_trial(params={"x": x}, distributions=dict(SPACE), state=state, **options)


def next_x(
    *trials: FrozenTrial, direction: Literal["minimize", "maximize"] = "minimize", at: int = 0
) -> float:
    """Returns where the sampler draws next: within 0.01 of the trial that it takes as best."""
    study = optuna.create_study(
        direction=direction, sampler=CoarseToFineSampler(seed=at, narrowing=ONE)
    )
    study.add_trials(list(trials))
    return float(study.ask(SPACE).params["x"])


def complete(x: float, value: float, **options) -> FrozenTrial:
    """Returns a complete trial."""
    return given_trial(x, value=value, **options)


def pruned(x: float, reports: dict[int, float]) -> FrozenTrial:
    """Returns a trial that was pruned after these reports."""
    last = reports[max(reports)] if reports else None
    value = last if last is not None and not math.isnan(last) else None
    return given_trial(x, TrialState.PRUNED, value=value, intermediate_values=reports)


@pytest.mark.parametrize(
    ("best", "others"),
    [
        (complete(0.2, 5.0), [pruned(0.8, {50: 0.0})]),
        (pruned(0.2, {9: 9.0}), [pruned(0.8, {3: 0.0})]),
        (pruned(0.2, {3: 1.0}), [pruned(0.8, {3: 2.0})]),
        (pruned(0.2, {1: 9.0}), [pruned(0.8, {})]),
        (pruned(0.2, {3: 7.0}), [pruned(0.8, {3: math.nan})]),
        (complete(0.2, 1e300), [complete(0.8, math.inf)]),
        (complete(0.2, -1e300), [complete(0.8, -math.inf)]),
        (pruned(0.2, {3: 9.0}), [complete(0.8, math.inf)]),
        (complete(0.2, 1.0), [complete(0.8, 1.0)]),
        (complete(0.2, 9.0), [given_trial(0.8, TrialState.FAIL)]),
        (complete(0.2, 9.0), [given_trial(0.8, TrialState.RUNNING)]),
    ],
    ids=[
        "complete before pruned",
        "pruned later before pruned sooner",
        "pruned alike: the better value",
        "pruned with a report before one without",
        "NaN report is the worst value",
        "inf is the worst value",
        "-inf is no better",
        "infinite after finite, pruned or not",
        "ties go to the earlier trial",
        "failed does not count",
        "running does not count",
    ],
)
def test_which_trial_attracts(best, others):
    """The next draw lies around the trial that ranks first."""
    assert abs(next_x(best, *others) - 0.2) <= 0.01
    if best.value != others[0].value:  # a tie is decided by the order itself
        assert abs(next_x(*others, best, at=1) - 0.2) <= 0.01


def test_waiting_trials_do_not_count():
    """Trials that are enqueued and not yet run attract nothing, and end no stage."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0, narrowing=ONE))
    study.add_trial(complete(0.2, 9.0))
    asked = study.ask(SPACE)
    for _ in range(5):
        study.enqueue_trial({"x": 0.8})
    study.tell(asked, 10.0)
    record = StudyRecord(1, Marker(0, ONE))
    record.catch_up(study, len(study.get_trials()))
    assert record.history.n_ranked == 2


def test_maximizing_turns_values_and_reports():
    """What is maximized attracts where it is large, also among pruned trials."""
    assert abs(next_x(complete(0.2, 5), complete(0.8, 1), direction="maximize") - 0.2) <= 0.01
    assert abs(next_x(pruned(0.2, {3: 5}), pruned(0.8, {3: 1}), direction="maximize") - 0.2) <= 0.01


HAS_SET_CONSTRAINT = hasattr(optuna.trial.Trial, "set_constraint")  # since Optuna 5


def constrained(x: float, value: float, violations: dict[str, float]) -> FrozenTrial:
    """Returns a complete trial with constraints, in the form that this Optuna writes."""
    if HAS_SET_CONSTRAINT:
        return complete(x, value, constraints=violations)
    return complete(x, value, system_attrs={"constraints": list(violations.values())})


@pytest.mark.parametrize(
    ("best", "other"),
    [
        (constrained(0.2, 9, {"a": -1.0}), constrained(0.8, 0, {"a": 0.1})),
        (constrained(0.2, 9, {"a": 0.1, "b": 0.1}), constrained(0.8, 0, {"a": 0.3})),
        (
            complete(0.2, 9, system_attrs={"constraints": [0.0]}),
            complete(0.8, 0, system_attrs={"constraints": [math.nan]}),
        ),
        (complete(0.2, 9), constrained(0.8, 0, {"a": 1.0})),
        (
            complete(0.2, 9, system_attrs={"constraints": [-1.0]}),
            complete(0.8, 0, system_attrs={"constraints": [0.5, -2.0]}),
        ),
    ],
    ids=["feasible first", "less violation first", "NaN violates", "none is feasible", "old form"],
)
def test_constraints(best, other):
    """Feasible trials attract first, then those with the smallest total violation."""
    for trials in ((best, other), (other, best)):
        assert abs(next_x(*trials) - 0.2) <= 0.01


@pytest.mark.skipif(not HAS_SET_CONSTRAINT, reason="set_constraint came with Optuna 5")
def test_constraints_set_while_running():
    """`trial.set_constraint` leads the search into the feasible part."""

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_constraint("x at least 0.6", 0.6 - x)
        return x

    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(objective, n_trials=60)
    feasible = [t.value for t in study.trials if t.params["x"] >= 0.6 and t.value is not None]
    assert 0.6 <= min(feasible) < 0.62


def test_no_constraints_func_is_taken():
    """The option that Optuna deprecated is not there; the trial's own constraints are."""
    with pytest.raises(TypeError, match=r"constraints_func.* trial.set_constraint\(key, value\)"):
        CoarseToFineSampler(constraints_func=lambda t: [0.0])
    with pytest.raises(TypeError, match="takes seed and narrowing, but got n_startup_trials"):
        CoarseToFineSampler(n_startup_trials=10)


def test_failing_trials_do_not_end_the_coarse_stage():
    """Where half of the trials fail, the coarse stage lasts until enough have a value."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        if trial.number % 2:
            raise RuntimeError("out of memory")
        return x

    study.optimize(objective, n_trials=30, catch=RuntimeError)
    marks = [stage_index(t.user_attrs[MARK_KEY].split(",")[0]) for t in study.trials]
    assert marks[:15] == [0] * 15
    assert marks[16] == 1


def test_a_study_of_failures_stays_random():
    """With nothing to rank the search goes on covering the space: every stratum of each block."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1) * math.nan, n_trials=40)
    values = sorted(t.params["x"] for t in study.trials)
    assert all(t.state == TrialState.FAIL for t in study.trials)
    assert max(np.diff([0, *values, 1])) <= 2 / 8  # two strata of the coarse stage


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([TrialState.COMPLETE, TrialState.PRUNED]),
            st.one_of(st.floats(allow_nan=False), st.sampled_from([0.0, 1.0])),
            st.dictionaries(st.integers(0, 5), st.floats(), max_size=3),
        ),
        min_size=1,
        max_size=20,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_is_total_and_does_not_depend_on_arrival(rows, rng):
    """Any history is ranked without an error, in one order."""
    directions = [optuna.study.StudyDirection.MINIMIZE]
    found = []
    for number, (state, value, reports) in enumerate(rows):
        trial = complete(0.5, value) if state == TrialState.COMPLETE else pruned(0.5, reports)
        trial.number = number
        ranked = ranked_trial(directions, trial)
        assert ranked is not None
        found.append(ranked)
    expected = [t.number for t in sorted(found, key=rank_key)]
    rng.shuffle(found)
    assert [t.number for t in sorted(found, key=rank_key)] == expected
