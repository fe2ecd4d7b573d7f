"""Minimize a function of a float and an integer, and print how the search narrowed."""

import optuna
import optunahub


def objective(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", -10, 10)
    y = trial.suggest_int("y", 1, 100, log=True)
    return (x - 2) ** 2 + abs(y - 7)


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    module = optunahub.load_module("samplers/coarse_to_fine")
    study = optuna.create_study(sampler=module.CoarseToFineSampler(seed=0))
    study.optimize(objective, n_trials=100)
    for stage in module.stages(study):
        print(stage.name, len(stage.trials), stage.windows["x"], stage.best_value)
