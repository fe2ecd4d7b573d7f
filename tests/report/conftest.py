"""Studies that the tests of the report share; each is made once."""

import math
import random
import warnings

import optuna
import pytest

from tune_bn.optuna import CoarseToFineSampler, suggest_one_minus_log


@pytest.fixture(scope="session", autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture(scope="session")
def staged() -> optuna.Study:
    """60 trials with every kind of parameter, steps, pruned and failed trials, and stages."""

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("learning_rate", 1e-4, 1, log=True)
        suggest_one_minus_log(trial, "momentum", 0.9, 0.999)
        width = trial.suggest_int("width", 16, 256, log=True)
        trial.suggest_int("depth", 1, 4)
        kind = trial.suggest_categorical("activation", ["relu", "gelu", "tanh"])
        if rate > 0.5:
            raise ValueError("loss became NaN")
        noise = random.Random(trial.number).gauss(0, 0.002)
        score = 0.98 - 0.02 * (math.log10(rate) + 1.5) ** 2 - 0.01 * (math.log10(width) - 2) ** 2
        score += noise - 0.02 * (kind == "tanh")
        for epoch in range(1, 6):
            trial.report(score - math.exp(-epoch), epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return score

    study = optuna.create_study(
        study_name="staged",
        direction="maximize",
        sampler=CoarseToFineSampler(seed=0),
        pruner=optuna.pruners.MedianPruner(),
    )
    study.optimize(objective, n_trials=60, catch=(ValueError,))
    return study


@pytest.fixture(scope="session")
def two_objectives() -> optuna.Study:
    """40 trials of two objectives that pull apart."""

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        x, y = trial.suggest_float("x", 0, 5), trial.suggest_float("y", 0, 3)
        return 4 * x * x + 4 * y * y, (x - 5) ** 2 + (y - 5) ** 2

    study = optuna.create_study(
        directions=["minimize", "minimize"], sampler=CoarseToFineSampler(seed=0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the method is experimental in Optuna
        study.set_metric_names(["cost", "error"])
    study.optimize(objective, n_trials=40)
    return study
