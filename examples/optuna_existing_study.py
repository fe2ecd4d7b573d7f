"""Move an existing study to CoarseToFineSampler: one line changes, every old trial counts.

A study that Optuna's TPE began is continued in its own SQLite file. The old trials are the first
elites: no coarse stage is repeated, and the windows open around the best of them.

    python examples/optuna_existing_study.py            # 40 + 60 trials, a few seconds
    python examples/optuna_existing_study.py --smoke-test
"""

import argparse
import math
import tempfile

import optuna

from tune_bn.optuna import CoarseToFineSampler, stages


def objective(trial: optuna.Trial) -> float:
    learning_rate = trial.suggest_float("learning_rate", 1e-5, 1.0, log=True)
    layers = trial.suggest_int("layers", 1, 8)
    activation = trial.suggest_categorical("activation", ["relu", "gelu", "tanh"])
    loss = (math.log10(learning_rate) + 2.5) ** 2 + 0.1 * abs(layers - 3)
    return loss + {"relu": 0.1, "gelu": 0.0, "tanh": 0.4}[activation]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="Finish quickly for testing")
    args, _ = parser.parse_known_args()
    n_before, n_after = (10, 20) if args.smoke_test else (40, 60)
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{folder}/study.db"
        study = optuna.create_study(study_name="mine", storage=storage)  # TPE, Optuna's default
        study.optimize(objective, n_trials=n_before)
        print(f"TPE, {n_before} trials: best {study.best_value:.4f}")

        # The one line: open the same study with another sampler.
        study = optuna.load_study(
            study_name="mine", storage=storage, sampler=CoarseToFineSampler(seed=0)
        )
        study.optimize(objective, n_trials=n_after)
        print(f"CoarseToFineSampler, {n_after} more: best {study.best_value:.6f}")
        print(f"  {study.best_params}")

        for stage in stages(study):
            low, high = stage.windows["learning_rate"]
            print(
                f"{stage.name:>7}: {len(stage.trials):3} trials, learning rate "
                f"{low:.1e} to {high:.1e}, best {stage.best_value:.4f}"
            )


if __name__ == "__main__":
    main()
