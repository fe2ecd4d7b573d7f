"""A scikit-learn model in a study: gradient boosting on the diabetes data, cross-validated.

Four fifths of the rows are for the search, which scores each configuration by five-fold
cross-validation; the last fifth is looked at once, at the end. On a few hundred rows that one
score depends on which rows they are, so both models are compared over several such splits.

    python examples/tune_sklearn.py [--smoke-test]
"""

import argparse
from functools import partial
from typing import Any

import optuna
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import cross_val_score, train_test_split

from tune_bn.optuna import CoarseToFineSampler, stages

Split = list[Any]  # rows for the search, rows for the test, and their targets


def model(params: dict[str, Any]) -> GradientBoostingRegressor:
    return GradientBoostingRegressor(**params, random_state=0)


def objective(trial: optuna.Trial, split: Split) -> float:
    """Returns the mean R² of five folds."""
    params = {
        "learning_rate": trial.suggest_float("learning_rate", 0.005, 0.5, log=True),
        "n_estimators": trial.suggest_int("n_estimators", 20, 300, log=True),
        "max_depth": trial.suggest_int("max_depth", 1, 6),
        "subsample": trial.suggest_float("subsample", 0.3, 1.0),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 40, log=True),
    }
    x, _, y, _ = split
    return float(cross_val_score(model(params), x, y, cv=5, scoring="r2").mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    n_trials, n_splits = (10, 1) if parser.parse_args().smoke_test else (30, 4)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    x, y = load_diabetes(return_X_y=True)
    scores: dict[str, list[float]] = {"as it comes": [], "tuned": []}
    for seed in range(n_splits):
        split = train_test_split(x, y, test_size=0.2, random_state=seed)
        study = optuna.create_study(
            direction="maximize", sampler=CoarseToFineSampler.for_budget(n_trials, seed=seed)
        )
        study.optimize(partial(objective, split=split), n_trials=n_trials)
        x_search, x_test, y_search, y_test = split
        for name, params in (("as it comes", {}), ("tuned", study.best_params)):
            scores[name].append(model(params).fit(x_search, y_search).score(x_test, y_test))
        print(f"split {seed}: cross-validated R² {study.best_value:.3f} after {n_trials} trials, "
              f"test R² {scores['as it comes'][-1]:.3f} as it comes, "
              f"{scores['tuned'][-1]:.3f} tuned")  # fmt: skip
    print("best of the last split:", study.best_params)
    last = stages(study)[-1]
    low, high = last.windows["learning_rate"]
    print(f"  its last stage drew learning rates of {low:.2g} to {high:.2g}, "
          f"depths of {last.windows['max_depth']}")  # fmt: skip
    for name, found in scores.items():
        print(f"test R² {name}: {sum(found) / len(found):.3f}, the mean of {n_splits} splits")


if __name__ == "__main__":
    main()
