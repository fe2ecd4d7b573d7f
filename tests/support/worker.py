"""One worker of a study, as a process of its own: ``python -m tests.support.worker …``.

The objective is cheap and on three scales. With ``--hang-at N`` the trial with that number says
so on standard output, in the middle of its work, and waits to be killed.
"""

import argparse
import sys
import threading

import optuna

from tests.support.storages import open_storage
from tune_bn.optuna import CoarseToFineSampler


def space_of(trial: optuna.Trial) -> tuple[float, int, str]:
    """Suggests the three parameters."""
    return (
        trial.suggest_float("alpha", 1e-4, 1, log=True),
        trial.suggest_int("n", 1, 1000),
        trial.suggest_categorical("kind", ["a", "b"]),
    )


def loss_of(alpha: float, n: int, kind: str) -> float:
    """Returns the loss."""
    return alpha + abs(n - 300) / 1000 + (kind == "b")


def objective(trial: optuna.Trial) -> float:
    """Draws, reports twice on the way, and returns the loss."""
    loss = loss_of(*space_of(trial))
    for step in (1, 2):
        trial.report(loss / step, step)
    return loss


def main() -> None:
    """Runs the trials."""
    parser = argparse.ArgumentParser()
    parser.add_argument("storage")
    parser.add_argument("study")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--hang-at", type=int, default=-1)
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def hanging(trial: optuna.Trial) -> float:
        drawn = space_of(trial)
        if trial.number >= args.hang_at >= 0:
            print("hanging", trial.number, flush=True)
            threading.Event().wait()
        return loss_of(*drawn)

    study = optuna.load_study(
        study_name=args.study,
        storage=open_storage(args.storage),
        sampler=CoarseToFineSampler(seed=args.seed),
    )
    study.optimize(hanging, n_trials=args.trials)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main()
