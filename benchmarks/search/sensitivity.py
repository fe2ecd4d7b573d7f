"""How much the win rate hangs on each setting of the schedule: each halved and doubled."""

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from benchmarks.problems.problem import Problem
from benchmarks.problems.suites import DEVELOPMENT, problems
from benchmarks.search.compare import Comparison
from benchmarks.search.methods import by_hand
from benchmarks.search.runs import Row
from tune_bn.core.draws.narrowing import Narrowing

__all__ = ["sensitivity", "variants"]

_NAMES = (
    "coarse_trials",
    "stage_trials",
    "elites",
    "elite_power",
    "vary",
    "together",
    "zoom",
    "zoom_trials",
    "width",
    "shrink",
    "dimension_power",
    "min_width",
    "reopen",
    "spread",
    "min_choice_width",
    "candidates",
    "spared",
)


def variants(base: Narrowing) -> Iterator[tuple[str, float, Narrowing]]:
    """Yields (setting, factor, schedule) with each setting halved and doubled.

    Integers are rounded down, and what has a largest value stops there.
    """
    yield "none", 1.0, base
    for name in _NAMES:
        value = getattr(base, name)
        for factor in (0.5, 2.0):
            new = max(int(value * factor), 1) if isinstance(value, int) else value * factor
            if name in ("together", "zoom", "width", "reopen", "spread", "min_choice_width"):
                new = min(new, 1.0)
            if new != value:
                yield name, factor, replace(base, **{name: new})


def _same(narrowing: Narrowing, _: int) -> Narrowing:
    return narrowing


@lru_cache(maxsize=1)
def _problems(suite: str) -> list[Problem]:
    return problems(suite)


def _runs(task: tuple[Narrowing, str, int, int]) -> list[Row]:
    narrowing, suite, seeds, trials = task
    run = by_hand(partial(_same, narrowing))
    found = []
    for number, problem in enumerate(_problems(suite)):
        for i in range(seeds):
            # Seeds of their own for each problem: one seed has one coarse design, and a lucky one
            # should not count 24 times.
            seed = 1000 * number + i
            curve = run(problem, seed, trials)
            found.append(Row("variant", suite, problem.name, seed, trials, curve.best, 0.0))
    return found


def sensitivity(
    rows: Sequence[Row],
    *,
    seeds: dict[str, int],
    budgets: Sequence[int] = (50, 100, 200, 400),
    peer: str = "tpe",
    known: Collection[tuple[str, float]] = (),
    jobs: int = 1,
) -> Iterator[dict[str, Any]]:
    """Yields for each variant of the default its win rate against a peer.

    Args:
        rows: Rows that hold the peer's runs.
        seeds: How many seeds of each development suite are run.
        budgets: Numbers of trials.
        peer: Against whom.
        known: (setting, factor) of variants that are left out.
        jobs: Processes.
    """
    peers = [row for row in rows if row.method == peer]
    wanted = [v for v in variants(Narrowing()) if v[:2] not in known]
    tasks = [(n, s, seeds[s], max(budgets)) for _, _, n in wanted for s in DEVELOPMENT]
    with ProcessPoolExecutor(jobs) if jobs > 1 else nullcontext() as pool:
        found = map(_runs, tasks) if pool is None else pool.map(_runs, tasks)
        for name, factor, narrowing in wanted:
            results = Comparison([*peers, *(row for _ in DEVELOPMENT for row in next(found))])
            rates: dict[str, list[float]] = {}
            for suite in DEVELOPMENT:
                wins = [results.win_rate("variant", peer, [suite], n, resamples=1) for n in budgets]
                rates[suite] = [round(w.rate, 4) for w in wins if w is not None]
            yield {
                "setting": name,
                "factor": factor,
                "value": None if name == "none" else getattr(narrowing, name),
                "budgets": list(budgets),
                "win_rates": rates,
                "mean": round(float(np.mean([r for line in rates.values() for r in line])), 4),
                "seeds": seeds,
            }
