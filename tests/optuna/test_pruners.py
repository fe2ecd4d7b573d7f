"""Every pruner that Optuna ships, and what it shows of the study."""

import random

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.pruners import (
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PatientPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
    ThresholdPruner,
    WilcoxonPruner,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from tune_bn import Narrowing
from tune_bn.core.draws.mark import MARK_KEY, Mark
from tune_bn.core.draws.marker import Marker
from tune_bn.optuna import CoarseToFineSampler, stages
from tune_bn.optuna.record import StudyRecord, is_out_of_order


def objective(trial: optuna.Trial) -> float:
    """Returns a loss that falls for nine steps towards |x − 0.3|."""
    x = trial.suggest_float("x", 0, 1)
    for step in range(1, 10):
        trial.report(abs(x - 0.3) + 1 / step, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return abs(x - 0.3) + 0.1


PRUNERS = {
    "nop": NopPruner,
    "median": lambda: MedianPruner(n_startup_trials=4),
    "percentile": lambda: PercentilePruner(25.0, n_startup_trials=4),
    "asha": lambda: SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
    "hyperband": lambda: HyperbandPruner(min_resource=1, max_resource=9, reduction_factor=3),
    "patient": lambda: PatientPruner(MedianPruner(n_startup_trials=4), patience=1),
    "threshold": lambda: ThresholdPruner(upper=1.4),
    "wilcoxon": lambda: WilcoxonPruner(p_threshold=0.2),
}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("name", PRUNERS)
def test_narrows_under_every_pruner(name):
    """The search narrows, the best is found, stages hold every trial once."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0), pruner=PRUNERS[name]())
    study.optimize(objective, n_trials=60)
    assert abs(study.best_params["x"] - 0.3) < 0.05
    found = stages(study)
    assert sorted(n for s in found for n in s.trials) == list(range(60))
    assert found[-1].width < found[0].width


def test_pruned_trials_end_the_coarse_stage_too():
    """Where most trials are pruned, they still are what the search learns from."""
    study = optuna.create_study(
        sampler=CoarseToFineSampler(seed=0, narrowing=Narrowing(coarse_trials=6))
    )

    def pruned_objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.report(abs(x - 0.3), step=1)
        raise optuna.TrialPruned

    study.optimize(pruned_objective, n_trials=40)
    assert {t.state for t in study.trials} == {TrialState.PRUNED}
    late = [abs(t.params["x"] - 0.3) for t in study.trials[20:]]
    assert sorted(late)[len(late) // 2] < 0.2


def test_hyperband_hides_no_trial():
    """Under Hyperband the ranking sees the trials of all brackets, not those of one."""
    study = optuna.create_study(
        sampler=CoarseToFineSampler(seed=0), pruner=HyperbandPruner(min_resource=1, max_resource=9)
    )
    study.optimize(objective, n_trials=30)
    marks = [Mark.read(t.user_attrs[MARK_KEY]) for t in study.trials]
    elites = {n for mark in marks if mark is not None for n in mark.trials}
    assert study.best_trial.number in elites or study.best_trial.number > 25


def instances(order: list[int], state: TrialState = TrialState.PRUNED) -> FrozenTrial:
    """Returns a trial that was pruned after these instances, of which each has its own value."""
    return create_trial(
        params={"x": 0.5},
        distributions={"x": FloatDistribution(0, 1)},
        state=state,
        value=0.0,
        intermediate_values={i: float(i) for i in order},
    )


@pytest.mark.parametrize(
    "steps",
    [[], [45], [1, 45], [0, 1, 2, 3, 4], [10, 20, 30, 40, 45], [1, 2, 4, 8, 16], [1, 3, 9, 27, 30]],
)
def test_steps_of_a_training_are_progress(steps):
    """Every epoch, every tenth, rungs; the last report may come early."""
    assert not is_out_of_order(instances(steps))


def test_shuffled_steps_are_no_progress():
    """Nine of ten trials that were pruned after five to ten of fifty instances show it."""
    rng = random.Random(0)
    shown = [
        is_out_of_order(instances(rng.sample(range(50), rng.randint(5, 10)))) for _ in range(500)
    ]
    assert sum(shown) > 450


def test_where_steps_are_no_progress_reports_are_counted():
    """The trial with more reports ranks first, of as many the one with the better mean."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.add_trials(
        [
            instances([45, 3]),
            instances([1, 2, 3]),
            instances([9, 1, 5, 6, 2]),
            instances([8, 1, 5, 6, 2]),
        ]
    )
    for first in ([0, 1], [0, 1, 2, 3]):  # all at once, and after some were ranked by their steps
        record = StudyRecord(1, Marker(0, Narrowing()))
        record.catch_up(study, len(first))
        record.catch_up(study, 4)
        assert [t.number for t in record.history.elites(4)] == [3, 2, 1, 0]


def test_wilcoxon_pruner():
    """Of a study of shuffled instances no pruned trial ranks by an instance's number."""
    rng = random.Random(0)
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        pruner = optuna.pruners.WilcoxonPruner(p_threshold=0.1)
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0), pruner=pruner)

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for i in rng.sample(range(50), 50):
            trial.report(i / 20 + 3 * (x - 0.3) ** 2 + rng.gauss(0, 0.05), i)
            if trial.should_prune():
                raise optuna.TrialPruned
        values = study.trials[trial.number].intermediate_values.values()
        return sum(values) / len(values)

    study.optimize(objective, n_trials=30)
    record = StudyRecord(1, Marker(0, Narrowing()))
    record.catch_up(study, 30)
    pruned = [t for t in record.history.elites(30) if not t.is_complete]
    assert len(pruned) > 5
    for ranked in pruned:
        assert ranked.progress == len(study.trials[ranked.number].intermediate_values)
