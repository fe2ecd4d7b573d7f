"""How much the win rate hangs on each setting of the schedule: each halved and doubled."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tune_bn.bench.problems import DEVELOPMENT, problems
from tune_bn.bench.search_compare import Results
from tune_bn.bench.search_methods import by_hand
from tune_bn.bench.search_rows import Row
from tune_bn.core.narrowing import Narrowing

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
    """Yield (setting, factor, schedule) with each setting halved and doubled.

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


def sensitivity(
    rows: Sequence[Row],
    *,
    seeds: dict[str, int],
    budgets: Sequence[int] = (50, 100, 200, 400),
    peer: str = "tpe",
) -> Iterator[dict[str, Any]]:
    """Yield for each variant of the default its win rate against a peer.

    Args:
        rows: Rows that hold the peer's runs.
        seeds: How many seeds of each development suite are run.
        budgets: Numbers of trials.
        peer: Against whom.
    """
    peers = [row for row in rows if row.method == peer]
    for name, factor, narrowing in variants(Narrowing()):
        run = by_hand(partial(_same, narrowing))
        found = []
        for suite in DEVELOPMENT:
            for number, problem in enumerate(problems(suite)):
                for i in range(seeds[suite]):
                    # Seeds of their own for each problem: one seed has one coarse design, and a
                    # lucky one should not count 24 times.
                    seed = 1000 * number + i
                    curve = run(problem, seed, max(budgets))
                    row = Row("variant", suite, problem.name, seed, max(budgets), curve.best, 0.0)
                    found.append(row)
        results = Results([*peers, *found])
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
