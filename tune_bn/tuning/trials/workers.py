"""Trains jobs, here or in worker processes, and reports each epoch. Knows no study.

Processes rather than threads: steps of a small network are mostly Python, so threads wait for one
another. A worker is started fresh (not forked), holds the data, and asks after each epoch whether
to go on; when its parent is gone it ends within the epoch.
"""

import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Protocol, TypeAlias

import torch

from tune_bn.plain.text import error_line
from tune_bn.training import Config, Dataset, DivergedError, EpochMetrics, Fit

__all__ = ["Job", "Listener", "one_thread", "run_here", "run_in_workers"]


@dataclass(frozen=True)
class Job:
    """A configuration to train, the seed to train it with, and in a final the fold to hold out."""

    number: int
    config: Config
    seed: int
    fold: int = 0


class Listener(Protocol):
    """Hands out jobs and takes their reports; `tune_bn.tuning.trials.life.Search` is one."""

    def begin(self) -> Job | None:
        """Returns the next job, or None when none is left to begin."""

    def epoch(self, job: Job, metrics: EpochMetrics) -> bool:
        """Takes in a finished epoch; returns whether to go on."""

    def fail(self, job: Job, reason: str) -> None:
        """Takes in that a job cannot be trained."""


def run_here(
    jobs: Listener,
    dataset: Dataset,
    *,
    epochs: int,
    device: str = "cpu",
    metric: str | None = None,
) -> None:
    """Trains one job after the other in this process until there is none left."""
    while (job := jobs.begin()) is not None:
        try:
            training = Fit(
                job.config, dataset, epochs=epochs, seed=job.seed, device=device, metric=metric
            )
            for metrics in training:
                if not jobs.epoch(job, metrics):
                    break
        except (DivergedError, MemoryError, torch.OutOfMemoryError) as error:
            jobs.fail(job, _reason(error))


def run_in_workers(
    jobs: Listener,
    dataset: Dataset | Callable[[Job], Dataset],
    *,
    n_workers: int,
    epochs: int,
    device: str = "cpu",
    metric: str | None = None,
) -> None:
    """Trains jobs in ``n_workers`` processes until there is none left.

    A worker that dies (killed for memory, say) costs its own job and is replaced. A `dataset` that
    can be called, and pickled, says what each job is trained on.
    """
    # Bytes, because multiprocessing would put the tensors into shared memory, of which containers
    # have little.
    setup = pickle.dumps((dataset, epochs, device, metric))
    workers: _Workers = {}
    try:
        # All are started before the first is spoken to, so that they import side by side.
        for _ in range(n_workers):
            if (job := jobs.begin()) is None:
                break
            _start(workers, job)
        for connection in workers:
            _say(connection, setup, workers[connection][1])
        while workers:
            for ready in wait(list(workers)):
                assert isinstance(ready, Connection)
                _hear(ready, workers, jobs, setup)
    finally:
        for connection, (process, _) in workers.items():
            connection.close()  # the worker ends at its next epoch; nothing is lost by not waiting
            process.terminate()
        for process, _ in workers.values():
            process.join()


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


_Workers: TypeAlias = dict[Connection, tuple[SpawnProcess, Job]]


def _start(workers: _Workers, job: Job) -> Connection:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there,), daemon=True)
    with _deaf_to_ctrl_c():
        process.start()
    there.close()
    workers[here] = (process, job)
    return here


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
            if isinstance(message, bytes):
                connection.send_bytes(message)
            else:
                connection.send(message)


def _hear(connection: Connection, workers: _Workers, jobs: Listener, setup: bytes) -> None:
    process, job = workers[connection]
    try:
        told = connection.recv()
    except (EOFError, ConnectionError):
        process.join()
        del workers[connection]
        connection.close()
        jobs.fail(job, f"its worker process ended unexpectedly (exit code {process.exitcode})")
        if (following := jobs.begin()) is not None:
            _say(_start(workers, following), setup, following)
        return
    if isinstance(told, EpochMetrics):
        goes_on = jobs.epoch(job, told)
    else:
        jobs.fail(job, told)
        goes_on = False
    if goes_on:
        _say(connection, None)
        return
    if (following := jobs.begin()) is not None:
        workers[connection] = (process, following)
        _say(connection, following)
    else:
        del workers[connection]
        connection.close()
        process.join()


def _work(connection: Connection) -> None:
    """A worker's life: take a job, train it, report each epoch, until the parent disconnects.

    The answer to a report is None (go on) or the next job (leave this one).
    """
    # Ctrl-C reaches the whole group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    try:
        dataset, epochs, device, metric = pickle.loads(connection.recv_bytes())
        job: Job | None = connection.recv()
        while job is not None:
            following: Job | None = None
            rows = dataset(job) if callable(dataset) else dataset
            try:
                for metrics in Fit(
                    job.config, rows, epochs=epochs, seed=job.seed, device=device, metric=metric
                ):
                    connection.send(metrics)
                    following = connection.recv()
                    if following is not None:
                        break
            except (DivergedError, MemoryError, torch.OutOfMemoryError) as error:
                connection.send(_reason(error))
                following = connection.recv()
            job = following
    except (EOFError, ConnectionError):
        return  # the parent has hung up


def _reason(error: Exception) -> str:
    if isinstance(error, DivergedError):
        return str(error)
    return "out of memory: " + (error_line(error) if str(error) else "too large for this machine")
