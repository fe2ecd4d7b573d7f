"""Values near 1 that were enqueued by their own name."""

import optuna
import pytest

from tune_bn import SpaceError
from tune_bn.optuna import CoarseToFineSampler, suggest_one_minus_log


def objective(trial: optuna.Trial) -> float:
    """Returns a loss of a momentum and a share."""
    momentum = suggest_one_minus_log(trial, "momentum", 0.9, 0.999)
    return abs(momentum - 0.97) + trial.suggest_float("x", 0, 1)


@pytest.mark.parametrize("n_before", [0, 20], ids=["coarse", "fine"])
@pytest.mark.parametrize("enqueued", [{"momentum": 0.95}, {"1 - momentum": 0.05}])
def test_it_may_be_enqueued_by_either_name(n_before, enqueued):
    """The trial has it, as the value and as what is stored; the other value is drawn."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(objective, n_trials=n_before)
    study.enqueue_trial(enqueued)
    study.optimize(objective, n_trials=2)
    given, after = study.trials[n_before:]
    assert given.params["1 - momentum"] == pytest.approx(0.05, rel=1e-9)
    assert suggest_one_minus_log(given, "momentum", 0.9, 0.999) == pytest.approx(0.95)
    assert after.params["1 - momentum"] != given.params["1 - momentum"]


@pytest.mark.parametrize("n_before", [0, 20], ids=["coarse", "fine"])
def test_what_lies_outside_is_refused(n_before):
    """With the name, the value and what to do."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(objective, n_trials=n_before)
    study.enqueue_trial({"momentum": 0.5})
    with pytest.raises(SpaceError, match=r"'momentum' was enqueued .* 0.5, .*widen the range"):
        study.optimize(objective, n_trials=1)
