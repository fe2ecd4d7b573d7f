"""Odd searches, each of which must have a page."""

import math

import optuna

from tune_bn.optuna import CoarseToFineSampler

EVIL = "<script>alert(1)</script>"


def evil() -> optuna.Study:
    """Returns a study whose names and choices would act, were they not shown as they are."""

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float(EVIL, 0, 1)
        trial.suggest_categorical("</script><b>", [EVIL, "<!--", "$x$", "a & b", "\x1b[2J\u202e"])
        return x

    study = optuna.create_study(study_name=EVIL, sampler=CoarseToFineSampler(seed=0))
    study.optimize(objective, n_trials=30)
    return study


def nothing() -> optuna.Study:
    return optuna.create_study()


def all_failed() -> optuna.Study:
    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("x", 0, 1)
        raise ValueError("no")

    study = optuna.create_study()
    study.optimize(objective, n_trials=3, catch=(ValueError,))
    return study


def one_trial() -> optuna.Study:
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(lambda t: t.suggest_int("n", 1, 1) * t.suggest_float("x", 0, 1), n_trials=1)
    return study


def without_parameters() -> optuna.Study:
    study = optuna.create_study()
    study.optimize(lambda t: float(t.number), n_trials=12)
    return study


def odd_values() -> optuna.Study:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", -1, 1)
        if trial.number % 7 == 0:
            trial.suggest_float("rare", 0, 1)
        return (x, math.inf, -math.inf, math.nan, 1e308)[trial.number % 5]

    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(objective, n_trials=30)
    return study


def running() -> optuna.Study:
    study = optuna.create_study()
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    trial.report(0.5, 1)
    return study


def other_sampler() -> optuna.Study:
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1) + t.suggest_int("n", 0, 9), n_trials=25)
    return study


SEARCHES = {
    f.__name__: f
    for f in (
        nothing,
        all_failed,
        one_trial,
        without_parameters,
        odd_values,
        running,
        other_sampler,
    )
}
