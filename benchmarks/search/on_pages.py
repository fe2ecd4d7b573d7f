"""The pages' tables of what searches find, made from rows; `goals` has those of peers and goals."""

import math
import statistics
from collections.abc import Callable, Iterable
from functools import lru_cache

from benchmarks.markdown import table
from benchmarks.problems.suites import TEST
from benchmarks.rows import latest, rows_of
from benchmarks.search import goals
from benchmarks.search.goals import PROBLEMS, found

__all__ = ["TABLES"]

_SHORT = ("training", "hpolib", "hpobench", "hpobench-noisy", "bbob-5d", "bbob-20d")
_TRIALS = (50, 100, 200, 400)


@lru_cache
def _against_tpe(suite: str) -> tuple[str, ...]:
    """Returns the shares of pairs won against TPE on a suite, at each number of trials."""
    rates = [found().win_rate("tune_bn", "tpe", [suite], n) for n in _TRIALS]
    return tuple("" if rate is None else str(rate) for rate in rates)


def finds(suites: Iterable[str] = _SHORT) -> str:
    """Returns the shares of pairs of runs that are won against TPE, real problems first."""
    body = [
        (
            PROBLEMS[suite],
            "kept aside" if suite in TEST else "development",
            *_against_tpe(suite),
        )
        for suite in suites
    ]
    return table(["problems", "", *(f"{n} trials" for n in _TRIALS)], body)


def finds_all() -> str:
    """Returns the same for every suite."""
    return finds(PROBLEMS)


def hypervolume() -> str:
    """Returns the mean hypervolume over seeds, as a share of the true front's."""
    rows = latest(rows_of("hypervolume"), lambda r: (r["problem"], r["sampler"], r["seed"]))
    samplers = list(dict.fromkeys(r["sampler"] for r in rows))
    body = []
    for problem in dict.fromkeys(r["problem"] for r in rows):
        for n in ("100", "400"):
            shares = {
                s: [r["share"][n] for r in rows if (r["problem"], r["sampler"]) == (problem, s)]
                for s in samplers
            }
            body.append([problem, n, *(f"{statistics.mean(shares[s]):.3f}" for s in samplers)])
    return table(["problem", "trials", *(f"`{s}`" for s in samplers)], body)


def ray_benefit() -> str:
    """Returns the errors on digits under ASHA, mean over seeds ± its standard error."""
    rows = latest(rows_of("ray_benefit"), lambda r: (r["method"], r["norm"], r["seed"]))
    names = {"tune_bn": "`tune_bn.nn`", "torch": "`torch.nn`"}

    def mean(values: list[float]) -> str:
        error = statistics.stdev(values) / math.sqrt(len(values))
        return f"{100 * statistics.mean(values):.2f} ± {100 * error:.2f}"

    body = []
    for method, norm in dict.fromkeys((r["method"], r["norm"]) for r in rows):
        of = [r for r in rows if (r["method"], r["norm"]) == (method, norm)]
        errors = [mean([r[f"{part}_error"] for r in of]) for part in ("validation", "test")]
        body.append([f"`{method}`", names[norm], *errors, len(of)])
    return table(["search", "batch norm", "validation error, %", "test error, %", "seeds"], body)


TABLES: dict[str, Callable[[], str]] = {
    "finds": finds,
    "finds-all": finds_all,
    "hypervolume": hypervolume,
    "ray-benefit": ray_benefit,
    **goals.TABLES,
}
