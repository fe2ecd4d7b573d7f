"""Every pruner that Optuna ships, and what it shows of the study."""

import optuna
import pytest
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
from optuna.trial import TrialState

from tune_bn import Narrowing
from tune_bn.core.draws.mark import MARK_KEY, Mark
from tune_bn.optuna import CoarseToFineSampler, stages


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
