"""Figures made from rows: win rates with intervals, normalised regret, ranks.

Notation: a is the matrix of final losses of one method on one problem (one number a seed), b that
of another. The win rate is the share of all pairs of seeds in which a is lower, ties counting a
half; ½ is a draw. The mean goes over problems, so that each counts alike.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.search.runs import Row

__all__ = ["Comparison", "WinRate"]

Losses = NDArray[np.float64]
_BUDGET_KNOWN = "budget known"


@dataclass(frozen=True)
class WinRate:
    """A win rate and its interval of 95 %, for other seeds and other problems of the kind."""

    rate: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half of the interval."""
        return (self.high - self.low) / 2

    def __str__(self) -> str:
        return f"{self.rate:.2f} ± {self.half:.2f}"


class Comparison:
    """Rows, looked up by method, suite and problem.

    Args:
        rows: What `read_rows` yields; of a run that is there twice the last counts.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        for row in {row.key: row for row in rows}.values():
            self._rows[row.method, row.suite, row.problem].append(row)

    @property
    def methods(self) -> list[str]:
        """The methods that have rows."""
        return sorted({method for method, _, _ in self._rows})

    def problems(self, suite: str) -> list[str]:
        """Returns the problems of a suite that have rows."""
        return sorted({name for _, of, name in self._rows if of == suite})

    def losses(self, method: str, suite: str, problem: str, budget: int) -> Losses:
        """Returns the best losses after ``budget`` trials, one a seed, in order of the seeds.

        A method that knows its budget counts with runs of just this length.
        """
        rows = self._rows.get((method, suite, problem), [])
        longest: dict[int, Row] = {}
        for row in sorted(rows, key=lambda r: r.trials):
            if budget in row.best and (_BUDGET_KNOWN not in method or row.trials == budget):
                longest[row.seed] = row
        return np.array([longest[seed].best[budget] for seed in sorted(longest)])

    def win_rate(
        self,
        method: str,
        peer: str,
        suites: Sequence[str],
        budget: int,
        *,
        factor: int = 1,
        only: Container[str] | None = None,
        resamples: int = 400,
    ) -> WinRate | None:
        """Returns the mean win rate over all problems that both were run on; None for too few.

        Args:
            method: Whose wins are counted.
            peer: Against whom.
            suites: Names of suites; the mean goes over their problems, each suite counting alike.
            budget: Number of trials.
            factor: How many times as many trials the peer has.
            only: Names of the problems that count; None for all.
            resamples: How often problems and seeds are drawn again for the interval.
        """
        matrices = self._matrices(method, peer, suites, budget, factor, only)
        if not matrices:
            return None
        rng = np.random.default_rng(0)
        means = np.zeros(resamples)
        for of_suite in matrices:
            again = np.stack([_resampled(m, rng, resamples) for m in of_suite])
            drawn = rng.integers(len(of_suite), size=again.shape)
            means += np.take_along_axis(again, drawn, axis=0).mean(axis=0) / len(matrices)
        low, high = np.quantile(means, [0.025, 0.975])
        return WinRate(_mean(matrices), float(low), float(high))

    def rate(
        self,
        method: str,
        peer: str,
        suites: Sequence[str],
        budget: int,
        *,
        factor: int = 1,
        only: Container[str] | None = None,
    ) -> float | None:
        """Returns the same without the interval, which is what takes time."""
        matrices = self._matrices(method, peer, suites, budget, factor, only)
        return _mean(matrices) if matrices else None

    def _matrices(
        self,
        method: str,
        peer: str,
        suites: Sequence[str],
        budget: int,
        factor: int,
        only: Container[str] | None,
    ) -> list[list[Losses]]:
        """Returns the wins of all pairs, of every problem of every suite that has some.

        A suite of which less than half was run tells of those problems only, and is left out.
        """
        matrices = []
        for suite in suites:
            of_suite = []
            problems = [name for name in self.problems(suite) if only is None or name in only]
            for problem in problems:
                a = self.losses(method, suite, problem, budget)
                b = self.losses(peer, suite, problem, budget * factor)
                if len(a) and len(b):
                    of_suite.append(_wins(a, b))
            if of_suite and 2 * len(of_suite) >= len(problems):
                matrices.append(of_suite)
        return matrices

    def regret(self, method: str, suite: str, budget: int) -> float | None:
        """Returns the mean normalised regret over the problems of a suite.

        0 is the best loss in any row of the problem, 1 the median loss of random search after ten
        trials; what is worse counts as 1.
        """
        found = []
        for problem in self.problems(suite):
            losses = self.losses(method, suite, problem, budget)
            start = self.losses("random", suite, problem, 10)
            best = self._best_known(suite, problem)
            if len(losses) and len(start) and (scale := float(np.median(start)) - best) > 0:
                found.append(float(np.mean(np.clip((losses - best) / scale, 0.0, 1.0))))
        return float(np.mean(found)) if found else None

    def _best_known(self, suite: str, problem: str) -> float:
        return min(
            min(row.best.values())
            for (_, of, name), rows in self._rows.items()
            if (of, name) == (suite, problem)
            for row in rows
        )

    def rank(self, methods: Sequence[str], suites: Sequence[str], budget: int) -> dict[str, float]:
        """Returns each method's median rank among ``methods`` over problems and seeds.

        Only runs (problem and seed) that all of them have count.
        """
        ranks: dict[str, list[float]] = {m: [] for m in methods}
        for suite in suites:
            for problem in self.problems(suite):
                losses = [self.losses(m, suite, problem, budget) for m in methods]
                for i in range(min(map(len, losses))):
                    here = np.array([x[i] for x in losses])
                    for method, loss in zip(methods, here, strict=True):
                        equal = np.isclose(here, loss, rtol=1e-9, atol=0)
                        below = (here < loss) & ~equal
                        ranks[method].append(float(below.sum() + (equal.sum() + 1) / 2))
        return {m: float(np.median(r)) for m, r in ranks.items() if r}

    def seconds_per_trial(self, suites: Iterable[str]) -> Mapping[str, float]:
        """Returns each method's own time per trial, the median over its runs."""
        wanted = set(suites)
        found: dict[str, list[float]] = defaultdict(list)
        for (method, suite, _), rows in self._rows.items():
            if suite in wanted:
                found[method] += [row.seconds / row.trials for row in rows]
        return {method: float(np.median(seconds)) for method, seconds in sorted(found.items())}


def _wins(a: Losses, b: Losses) -> Losses:
    """Returns for each pair 1 where a is lower, ½ for a tie (to nine digits), 0 otherwise."""
    equal = np.isclose(a[:, None], b[None, :], rtol=1e-9, atol=0)
    return np.where(equal, 0.5, a[:, None] < b[None, :])


def _mean(matrices: list[list[Losses]]) -> float:
    return float(np.mean([np.mean([m.mean() for m in s]) for s in matrices]))


def _resampled(wins: Losses, rng: np.random.Generator, size: int) -> Losses:
    """Returns ``size`` win rates, each of seeds drawn with replacement on both sides."""
    n, m = wins.shape
    means: Losses = (_weights(n, rng, size) @ wins * _weights(m, rng, size)).sum(axis=1)
    return means


def _weights(n: int, rng: np.random.Generator, size: int) -> Losses:
    """Returns ``size`` rows: how often each of n was drawn in n draws, as a share of these."""
    drawn = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
    return np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n) / n
