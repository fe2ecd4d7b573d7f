"""What so many workers find in so much time, simulated: ``python -m benchmarks in-time``.

A worker asks for a trial as soon as it has ended one, and a trial takes as long as it took when it
was recorded. Nothing is trained: the HPOBench tables have the time of every training, the curves of
`benchmarks.problems.curves` that of every epoch, so that early stopping can be simulated too. All
methods have the same time, given in trainings: 100 with 4 workers is 25 times the mean training.
Searching itself takes no time here, which favours those that think long.

Early stopping is asynchronous successive halving as Ray's ``ASHAScheduler`` does it (Li et al.
2020, "A system for massively parallel hyperparameter tuning", algorithm 2, in its stopping form):
at 1, 3 and 9 epochs a trial ends unless its loss is among the best third of those that came before.
"""

import argparse
import heapq
import itertools
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.problems.curves import CurveTable, curve_tables
from benchmarks.problems.problem import Params, Problem
from benchmarks.rows import RESULTS
from benchmarks.search.methods import distribution
from benchmarks.search.runs import Row, Task, extend
from tune_bn.core.search.search import CoarseToFine
from tune_bn.core.space import Parameter

__all__ = ["CURVES", "FOLDER", "METHODS", "TABLES", "WORKERS", "Timed", "main", "simulate"]

FOLDER = RESULTS / "in_time"
WORKERS = (1, 4, 16, 64)
TABLES, CURVES = "hpobench", "curves"
_BUDGETS = {TABLES: (50, 100, 200), CURVES: (5, 10, 20, 40)}
_RUNGS, _KEPT = (1, 3, 9), 1 / 3


@dataclass(frozen=True)
class Timed:
    """A recorded problem whose trials take time.

    Args:
        name: Its name.
        space: The parameters.
        curve: Loss and seconds of each epoch of a configuration, two sequences of one length.
        mean_seconds: How long a training takes, the mean over all configurations.
    """

    name: str
    space: Mapping[str, Parameter]
    curve: Callable[[Params], tuple[Any, Any]]
    mean_seconds: float


class _Search(Protocol):
    """What the simulation needs of a search."""

    def ask(self) -> tuple[Any, Params]:
        """Returns a trial and its configuration."""

    def tell(self, trial: Any, losses: list[float], stopped: bool) -> None:
        """Takes the losses of its epochs, and whether it was stopped early."""


class _Ours:
    def __init__(self, space: Mapping[str, Parameter], seed: int) -> None:
        self._search = CoarseToFine(space, seed=seed)

    def ask(self) -> tuple[Any, Params]:
        trial = self._search.ask()
        return trial, trial.params

    def tell(self, trial: Any, losses: list[float], stopped: bool) -> None:
        self._search.tell(
            trial,
            losses[-1],
            state="stopped" if stopped else "complete",
            progress=len(losses),
        )


class _Optuna:
    def __init__(self, space: Mapping[str, Parameter], sampler: Any) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(sampler=sampler)
        self._space = {name: distribution(p) for name, p in space.items()}

    def ask(self) -> tuple[Any, Params]:
        trial = self._study.ask(self._space)
        return trial, trial.params

    def tell(self, trial: Any, losses: list[float], stopped: bool) -> None:
        from optuna.trial import TrialState

        if stopped:
            for epoch, loss in enumerate(losses, start=1):
                trial.report(loss, epoch)
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, losses[-1])


def _tpe(space: Mapping[str, Parameter], seed: int, *, constant_liar: bool) -> _Search:
    import warnings

    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=constant_liar)
    return _Optuna(space, sampler)


def _random(space: Mapping[str, Parameter], seed: int) -> _Search:
    import optuna

    return _Optuna(space, optuna.samplers.RandomSampler(seed=seed))


METHODS: dict[str, Callable[[Mapping[str, Parameter], int], _Search]] = {
    "tune_bn": _Ours,
    "tpe": lambda space, seed: _tpe(space, seed, constant_liar=False),
    "tpe, constant liar": lambda space, seed: _tpe(space, seed, constant_liar=True),
    "random": _random,
}
_ASHA = ", ASHA"


def simulate(
    problem: Timed,
    search: _Search,
    *,
    workers: int,
    budgets: tuple[int, ...],
    halving: bool = False,
) -> dict[int, float]:
    """Returns the lowest loss that any epoch has shown by each of some times.

    Args:
        problem: What is searched.
        search: Who searches.
        workers: How many trials run at any time, ≥ 1.
        budgets: The times, in trainings (see the module); ascending.
        halving: Whether trials are stopped early.
    """
    rungs: dict[int, list[float]] = defaultdict(list)
    ends = [budget * problem.mean_seconds / workers for budget in budgets]
    queue: list[tuple[float, int, Any, Any, int]] = []  # time, order, trial, curve, epochs done
    order = itertools.count()
    found: dict[int, float] = {}
    best = math.inf

    def begin(now: float) -> None:
        trial, params = search.ask()
        curve = problem.curve(params)
        heapq.heappush(queue, (now + curve[1][0], next(order), trial, curve, 1))

    for _ in range(workers):
        begin(0.0)
    while True:
        now, _, trial, curve, epochs = heapq.heappop(queue)
        while now > ends[len(found)]:
            found[budgets[len(found)]] = best
            if len(found) == len(ends):
                return found
        loss = float(curve[0][epochs - 1])
        best = min(best, loss)
        at_end = epochs == len(curve[0])
        stops = False
        if halving and epochs in _RUNGS and not at_end:
            before = rungs[epochs]
            stops = bool(before) and loss > float(np.quantile(before, _KEPT))
            before.append(loss)
        if at_end or stops:
            search.tell(trial, [float(value) for value in curve[0][:epochs]], stops)
            begin(now)
        else:
            heapq.heappush(queue, (now + curve[1][epochs], next(order), trial, curve, epochs + 1))


@lru_cache
def _problems(family: str) -> dict[str, Timed]:
    if family == CURVES:
        return {table.name: _of_curves(table) for table in curve_tables()}
    from benchmarks.problems.hpo_tables import timed_tables

    return {
        problem.name: _of_one_epoch(problem, seconds, mean)
        for problem, seconds, mean in timed_tables()
    }


def _of_curves(table: CurveTable) -> Timed:
    def curve(params: Params) -> tuple[Any, Any]:
        row = table.row(params)
        return table.loss[row], table.seconds[row]

    return Timed(table.name, table.space, curve, float(table.seconds.sum(axis=1).mean()))


def _of_one_epoch(problem: Problem, seconds: Callable[[Params], float], mean: float) -> Timed:
    def curve(params: Params) -> tuple[Any, Any]:
        return (problem.loss(params),), (seconds(params),)

    return Timed(problem.name, problem.space, curve, mean)


def _run(task: Task) -> Row:
    method, suite, name, seed, trials = task
    family, workers = suite.split(", ")
    halving = method.endswith(_ASHA)
    problem = _problems(family)[name]
    search = METHODS[method.removesuffix(_ASHA)](problem.space, seed)
    started = time.process_time()
    best = simulate(
        problem,
        search,
        workers=int(workers.split()[0]),
        budgets=_BUDGETS[family],
        halving=halving,
    )
    return Row(method, suite, name, seed, trials, best, time.process_time() - started)


def _tasks(family: str, methods: list[str], seeds: int) -> Iterator[Task]:
    for seed in range(seeds):
        for workers in WORKERS:
            for name in _problems(family):
                for method in methods:
                    yield method, f"{family}, {workers} workers", name, seed, _BUDGETS[family][-1]


def main(arguments: list[str] | None = None) -> None:
    """Runs what has no row yet, and appends it."""
    parser = argparse.ArgumentParser(
        description="What so many workers find in so much time, simulated from recorded trainings."
    )
    with_asha = [name + _ASHA for name in METHODS]
    parser.add_argument("--family", choices=_BUDGETS, default=TABLES)
    parser.add_argument("--methods", nargs="+", choices=[*METHODS, *with_asha])
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 … N − 1 (default 5)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the rows lie")
    options = parser.parse_args(arguments)
    methods = options.methods or (list(METHODS) if options.family == TABLES else with_asha)
    new = extend(options.folder, _tasks(options.family, methods, options.seeds), _run)
    print(f"{new} new rows in {options.folder}")
