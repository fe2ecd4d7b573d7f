"""Trains jobs, here or in worker processes, and reports each epoch. Knows no study.

Processes rather than threads: steps of a small network are mostly Python, so threads wait for one
another. A worker is started fresh (not forked), holds the data, and asks after each epoch whether
to go on; when its parent is gone it ends within the epoch.
"""

import multiprocessing
import pickle
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TypeAlias

import torch
from torch import nn

from tune_bn.plain.text import error_line
from tune_bn.training import Config, Dataset, DivergedError, EpochMetrics, Fit

__all__ = ["Job", "Listener", "Workers", "one_thread"]


@dataclass(frozen=True)
class Job:
    """A configuration to train, the seed to train it with, and in a final the fold to hold out."""

    number: int
    config: Config
    seed: int
    fold: int = 0


class Listener(ABC):
    """Hands out jobs and takes their reports; `tune_bn.tuning.trials.life.Search` is one."""

    @abstractmethod
    def begin(self) -> Job | None:
        """Returns the next job, or None when none is left to begin."""

    @abstractmethod
    def epoch(self, job: Job, metrics: EpochMetrics) -> bool:
        """Takes in a finished epoch; returns whether to go on, after the last to `trained`."""

    def trained(self, job: Job, network: nn.Module) -> None:
        """Takes in the network of a job that went on after its last epoch, on the CPU."""
        raise NotImplementedError

    @abstractmethod
    def fail(self, job: Job, reason: str) -> None:
        """Takes in that a job cannot be trained."""


_Setup: TypeAlias = tuple[Dataset | Callable[[Job], Dataset], int, str, str | None]


def _fit(
    job: Job,
    dataset: Dataset | Callable[[Job], Dataset],
    epochs: int,
    device: str,
    metric: str | None,
) -> Fit:
    rows = dataset(job) if callable(dataset) else dataset
    return Fit(job.config, rows, epochs=epochs, seed=job.seed, device=device, metric=metric)


def _train_here(jobs: Listener, setup: _Setup) -> None:
    """Trains one job after the other in this process."""
    while (job := jobs.begin()) is not None:
        try:
            training = _fit(job, *setup)
            for metrics in training:
                if not jobs.epoch(job, metrics):
                    break
            else:
                jobs.trained(job, training.model.cpu())
        except (DivergedError, MemoryError, torch.OutOfMemoryError) as error:
            jobs.fail(job, _reason(error))


class Workers:
    """Trains jobs side by side, each in a process; a context, at whose end the processes end.

    A process is started when it is first needed and waits for the next jobs after the last. One
    that dies (killed for memory, say) costs its own job and is replaced.

    Args:
        n: Jobs at the same time; of one, this process trains it.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._processes: dict[Connection, SpawnProcess] = {}

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes, in the middle of an epoch too."""
        for connection, process in self._processes.items():
            connection.close()
            process.terminate()
        for process in self._processes.values():
            process.join()
        self._processes.clear()

    def train(
        self,
        jobs: Listener,
        dataset: Dataset | Callable[[Job], Dataset],
        *,
        epochs: int,
        device: str = "cpu",
        metric: str | None = None,
    ) -> None:
        """Trains jobs until there is none left to begin.

        Args:
            jobs: Hands them out; what it raises ends the processes.
            dataset: What they are trained on; or says it of each job, and can be pickled.
            epochs: Passes over the training rows.
            device: Where to train.
            metric: A further validation metric that each epoch reports.
        """
        setup: _Setup = dataset, epochs, device, metric
        if self.n == 1:
            _train_here(jobs, setup)
            return
        # Bytes, because multiprocessing would put the tensors into shared memory, of which
        # containers have little.
        packed = pickle.dumps(setup)
        busy: dict[Connection, Job] = {}
        try:
            # All are started before the first is spoken to, so that they import side by side.
            idle = list(self._processes)
            for _ in range(self.n):
                if (job := jobs.begin()) is None:
                    break
                busy[idle.pop() if idle else self._start()] = job
            for connection, job in busy.items():
                _say(connection, packed, job)
            while busy:
                for ready in wait(list(busy)):
                    assert isinstance(ready, Connection)
                    self._hear(ready, busy, jobs, packed)
        except BaseException:
            self.close()  # those that train would not hear of other jobs
            raise

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(there,), daemon=True)
        with _deaf_to_ctrl_c():
            process.start()
        there.close()
        self._processes[here] = process
        return here

    def _hear(
        self, connection: Connection, busy: dict[Connection, Job], jobs: Listener, packed: bytes
    ) -> None:
        job = busy.pop(connection)
        try:
            told = connection.recv()
        except (EOFError, ConnectionError):
            process = self._processes.pop(connection)
            process.join()
            connection.close()
            jobs.fail(job, f"its worker process ended unexpectedly (exit code {process.exitcode})")
            if (following := jobs.begin()) is not None:
                connection = self._start()
                busy[connection] = following
                _say(connection, packed, following)
            return
        if isinstance(told, str):
            jobs.fail(job, told)
        elif isinstance(told, bytes):
            jobs.trained(job, pickle.loads(told))
        elif jobs.epoch(job, told):
            busy[connection] = job
            _say(connection, None)
            return
        if (following := jobs.begin()) is not None:
            busy[connection] = following
            _say(connection, following)


@contextmanager
def one_thread() -> Iterator[None]:
    """Lets torch use one thread in this process while the block runs.

    Small networks train faster so, results do not depend on the number of cores, and jobs beside
    one another do not fight for them.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Holds Ctrl-C back while a process is started, which inherits that.

    A new interpreter imports for seconds before it can ask to ignore a signal, and would end with
    a traceback for each worker.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # the first start does it, and lets SIGINT through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _say(connection: Connection, *messages: object) -> None:
    # A worker that has died is noticed when it is listened to.
    with suppress(ConnectionError):
        for message in messages:
            connection.send(message)


def _work(connection: Connection) -> None:
    """A worker's life: take a job, train it, report each epoch, until the parent disconnects.

    It is told bytes (what jobs are trained on from now on), a job (which ends the one before), or
    None (go on; after the last epoch it answers with the network).
    """
    # Ctrl-C reaches the whole group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    try:
        told = connection.recv()
        while True:
            if isinstance(told, bytes):
                setup: _Setup = pickle.loads(told)
                told = connection.recv()
                continue
            job: Job = told
            try:
                training = _fit(job, *setup)
                for metrics in training:
                    connection.send(metrics)
                    told = connection.recv()
                    if told is not None:
                        break
                else:
                    connection.send(pickle.dumps(training.model.cpu()))
                    told = connection.recv()
            except (DivergedError, MemoryError, torch.OutOfMemoryError) as error:
                connection.send(_reason(error))
                told = connection.recv()
    except (EOFError, ConnectionError):
        return  # the parent has hung up


def _reason(error: Exception) -> str:
    if isinstance(error, DivergedError):
        return str(error)
    return "out of memory: " + (error_line(error) if str(error) else "too large for this machine")
