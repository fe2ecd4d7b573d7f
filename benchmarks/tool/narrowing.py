"""The README's figure of how a search narrows: a short study of a real network, drawn as SVG.

    python -m benchmarks narrowing

trains 60 batch-norm networks on digits, each for six epochs, by the validation loss, and writes
``benchmarks/results/narrowing.svg``. The same seed gives the same figure on one kind of CPU.
"""

import argparse
from pathlib import Path

import optuna

from benchmarks.rows import RESULTS
from tune_bn.optuna import CoarseToFineSampler, suggest_one_minus_log
from tune_bn.plain.files import write_atomically
from tune_bn.report.figures.svg import narrowing_svg
from tune_bn.training import Config, Fit, load_dataset

__all__ = ["RESULT", "main", "run_study"]

RESULT = RESULTS / "narrowing.svg"


def run_study(*, trials: int = 60, epochs: int = 6, seed: int = 0) -> optuna.Study:
    """Returns a finished study of a network's training on digits, by its validation loss."""
    dataset = load_dataset("digits", seed=seed)

    def objective(trial: optuna.Trial) -> float:
        config = Config(
            learning_rate=trial.suggest_float("learning_rate", 1e-4, 1, log=True),
            momentum=suggest_one_minus_log(trial, "momentum", 0.9, 0.999),
            width=trial.suggest_int("width", 16, 512, log=True),
            depth=1,
            batch_size=128,
            activation=trial.suggest_categorical("activation", ["relu", "gelu", "tanh"]),
        )
        for metrics in Fit(config, dataset, epochs=epochs, seed=seed):
            trial.report(metrics.loss, metrics.epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return metrics.loss

    study = optuna.create_study(
        study_name="digits",
        sampler=CoarseToFineSampler.for_budget(trials, seed=seed),
        pruner=optuna.pruners.PercentilePruner(75, n_startup_trials=8, n_warmup_steps=3),
    )
    study.optimize(objective, n_trials=trials)
    return study


def main(arguments: list[str] | None = None) -> None:
    """Runs the study and writes its figure."""
    parser = argparse.ArgumentParser(description="Draws the README's figure of a narrowing search.")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULT, help="file to write")
    given = parser.parse_args(arguments)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = run_study(trials=given.trials, epochs=given.epochs, seed=given.seed)
    write_atomically(given.out, narrowing_svg(study))
    print(f"{len(study.trials)} trials, best {study.best_value:.4f}, drawn in {given.out}")


if __name__ == "__main__":
    main()
