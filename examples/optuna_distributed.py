"""Four processes, one study: no coordinator, and nothing is tried twice.

The workers share a storage and nothing else. Each works out from the finished trials what to draw
next; one seed serves them all, since a draw depends on the trial's number, too. A worker that is
killed loses its own trial only. Run it again, on another machine as well, and the study goes on.

    python examples/optuna_distributed.py [--smoke-test]    # a journal file in this folder
    python examples/optuna_distributed.py --storage postgresql+psycopg2://user@host/database
"""

import argparse
import multiprocessing
import os
import time
from collections import Counter

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback

from tune_bn.optuna import CoarseToFineSampler, stages

STUDY = "distributed"
N_WORKERS = 4
N_TRIALS = 400


def open_storage(address: str) -> BaseStorage:
    """Returns a database for an address with ://, else a journal in the file of that name."""
    if "://" in address:
        return RDBStorage(address)
    return JournalStorage(JournalFileBackend(address))


def objective(trial: optuna.Trial) -> float:
    """Stands for a training run: its best is at rate 0.02, 5 layers, tanh."""
    trial.set_user_attr("process", os.getpid())
    rate = trial.suggest_float("rate", 1e-4, 1, log=True)
    layers = trial.suggest_int("layers", 1, 12)
    activation = trial.suggest_categorical("activation", ["relu", "tanh"])
    time.sleep(0.05)  # in place of minutes; some work, so that trials overlap
    return abs(rate / 0.02 - 1) + abs(layers - 5) / 5 + (activation == "relu")


def work(address: str, n_trials: int) -> None:
    """Runs trials until the study has enough of them, whoever ran them."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.load_study(
        study_name=STUDY,
        storage=open_storage(address),
        sampler=CoarseToFineSampler.for_budget(N_TRIALS, seed=0),
    )
    study.optimize(objective, callbacks=[MaxTrialsCallback(n_trials)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    parser.add_argument("--storage", default="distributed.log", help="database URL, or a file")
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=STUDY, storage=open_storage(args.storage), load_if_exists=True
    )
    n_trials = len(study.get_trials(deepcopy=False)) + (40 if args.smoke_test else N_TRIALS)

    spawn = multiprocessing.get_context("spawn")  # as if on another machine: nothing is inherited
    workers = [spawn.Process(target=work, args=(args.storage, n_trials)) for _ in range(N_WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    trials = study.get_trials(deepcopy=False)
    ran = Counter(t.user_attrs["process"] for t in trials)
    print(f"{len(trials)} trials in all, by {len(ran)} processes:", *sorted(ran.values()))
    distinct = len({tuple(t.params.values()) for t in trials})
    print(f"configurations tried twice: {len(trials) - distinct}")
    print(f"best: {study.best_value:.1e}, {study.best_params}")
    for stage in stages(study):  # any process gets the same list
        by = {trials[n].user_attrs["process"] for n in stage.trials}
        low, high = stage.windows["rate"]
        print(f"{stage.name:>7}: {len(stage.trials)} trials by {len(by)} processes, "
              f"rate {low:.2g} to {high:.2g}")  # fmt: skip


if __name__ == "__main__":
    main()
