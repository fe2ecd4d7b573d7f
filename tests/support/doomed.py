"""Workers that die: killed by themselves at their n-th function call, or by whoever started them.

The count of calls makes the moment independent of the machine's speed: in a draw, in the training,
before or after any statement that writes. They are forked from a process that has imported
everything, so that fifty of them take seconds.
"""

import itertools
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import FrameType
from typing import Any

import optuna
from sqlalchemy.exc import SQLAlchemyError

from tests.support.clock import set_clock_back
from tests.support.storages import open_storage
from tests.support.warm import forks
from tests.support.worker import objective
from tune_bn.optuna import CoarseToFineSampler

__all__ = ["start_worker", "told_by", "work"]


def start_worker(*arguments: Any, **options: Any) -> ForkServerProcess:
    """Starts `work` in a process of its own."""
    process = forks().Process(target=work, args=arguments, kwargs=options)
    process.start()
    return process


def work(
    address: str,
    name: str,
    ledger: Path,
    *,
    seed: int = 0,
    trials: int = 1_000_000,
    calls: int | None = None,
    retry: Any = None,
    clocks: Sequence[float] = (),
) -> None:
    """Runs trials; writes each into the ledger once the study says that it is finished.

    Args:
        address: As for `open_storage`.
        name: The study's name.
        ledger: A folder; each worker has a file of its own in it.
        seed: Of the sampler.
        trials: How many.
        calls: Die at this function call, counted from the first trial's begin; None lives.
        retry: An event; until it is set, whatever the storage raises is tried again, with the same
            study and sampler objects, as a patient service would.
        clocks: By how many seconds the clock is behind, from one trial to the next.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)

    def note(_: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        os.write(file, f"{trial.number} {trial.value!r}\n".encode())

    study = optuna.load_study(
        study_name=name, storage=open_storage(address), sampler=CoarseToFineSampler(seed=seed)
    )
    # Whose file is there has opened the storage.
    file = os.open(ledger / str(os.getpid()), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if clocks:
        for behind, _ in zip(itertools.cycle(clocks), range(trials), strict=False):
            set_clock_back(behind)
            study.optimize(objective, n_trials=1, callbacks=[note])
        return
    if retry is None:
        with _dying_at(calls):
            study.optimize(objective, n_trials=trials, callbacks=[note])
        return
    while not retry.is_set():
        try:
            study.optimize(objective, n_trials=1, callbacks=[note])
        except Exception as error:
            if not _is_of_the_storage(error):
                raise
            retry.wait(0.05)  # the storage may take its time to come back


def _is_of_the_storage(error: BaseException | None) -> bool:
    """Tells whether an error began in the storage.

    Optuna 5.0 fails an assertion of its own ("Should not reach.", study/_optimize.py) where the
    storage fails while a trial's end is written.
    """
    while error is not None:
        if isinstance(error, (optuna.exceptions.StorageInternalError, SQLAlchemyError)):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _dying_at(calls: int | None) -> Iterator[None]:
    left = calls or 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if calls is not None:
        sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)


def told_by(ledger: Path) -> dict[int, float]:
    """Returns the value of every trial of which a worker was told that it is finished."""
    lines = [line.split() for f in ledger.iterdir() for line in f.read_text().splitlines()]
    return {int(number): float(value) for number, value in lines}
