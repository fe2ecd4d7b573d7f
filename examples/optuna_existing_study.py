"""Move an existing study to CoarseToFineSampler: one line changes, every old trial counts.

A study that Optuna's TPE began is continued in its own SQLite file. The old trials are the first
elites: no coarse stage is repeated, and the windows open around the best of them. Beside it TPE
goes on alone to the same number of trials; all of it from five starts.

    python examples/optuna_existing_study.py            # 5 times 40 + 2 * 60 trials, half a minute
    python examples/optuna_existing_study.py --smoke-test
"""

import argparse
import math
import statistics
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
    n_before, n_after, starts = (10, 20, 1) if args.smoke_test else (40, 60, 5)
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    begun, alone, ours = [], [], []
    for seed in range(starts):
        with tempfile.TemporaryDirectory() as folder:
            storage = f"sqlite:///{folder}/study.db"
            tpe = optuna.samplers.TPESampler(seed=seed)
            study = optuna.create_study(study_name="TPE", storage=storage, sampler=tpe)
            study.optimize(objective, n_trials=n_before)
            begun.append(study.best_value)
            optuna.copy_study(
                from_study_name="TPE",
                from_storage=storage,
                to_storage=storage,
                to_study_name="mine",
            )
            study.optimize(objective, n_trials=n_after)
            alone.append(study.best_value)

            # The one line: open the same study with another sampler.
            study = optuna.load_study(
                study_name="mine", storage=storage, sampler=CoarseToFineSampler(seed=seed)
            )
            study.optimize(objective, n_trials=n_after)
            ours.append(study.best_value)
            if seed == 0:
                for stage in stages(study)[::4]:
                    low, high = stage.windows["learning_rate"]
                    print(
                        f"{stage.name:>14}: {len(stage.trials):3} trials, learning rate "
                        f"{low:.1e} to {high:.1e}, best {stage.best_value:.1e}"
                    )

    print(f"best value, median of {starts}:")
    print(f"  TPE, {n_before} trials: {statistics.median(begun):.1e}")
    print(f"  … TPE goes on, {n_after} more: {statistics.median(alone):.1e}")
    print(f"  … CoarseToFineSampler, {n_after} more: {statistics.median(ours):.1e}")
    wins = sum(a < b for a, b in zip(ours, alone, strict=True))
    print(f"CoarseToFineSampler is ahead of TPE in {wins} of {starts}")


if __name__ == "__main__":
    main()
