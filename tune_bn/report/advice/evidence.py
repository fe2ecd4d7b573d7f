"""What the rules look at, the ranked trials as arrays; and what they say of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tune_bn.core.space import Parameter
from tune_bn.report.advice.rank_statistics import blocks_of
from tune_bn.report.results.results import Results, TrialResult

__all__ = ["Advice", "Evidence", "evidence_of"]

FAMILY_ERROR = 0.05
_FEWEST_TRIALS = 20
_MOST_TRIALS = 5000  # rank tests gain nothing from more; the latest and the best are kept


@dataclass(frozen=True)
class Advice:
    """One thing to do, and why.

    Args:
        rule: Which rule speaks: ``"edge"``, ``"log scale"``, ``"one-minus-log scale"``, ``"idle"``,
            ``"category"``, ``"together"``, ``"learning rate and batch size"``, ``"spent"``,
            ``"noise"``, ``"workers"`` or ``"failures"``.
        text: What to do, in a sentence or two.
        parameter: The parameter it is about; None for the search as a whole.
        evidence: The numbers behind it, with the statistic named.
        suggestion: A new range to copy; None where there is none.
    """

    rule: str
    text: str
    parameter: str | None
    evidence: str
    suggestion: Parameter | None = None


@dataclass(frozen=True)
class Evidence:
    """The trials that have a value, by number, and how they rank.

    Args:
        results: The search.
        trials: N trials with values.
        rank: Shape (n,): 0 for the best trial, n − 1 for the worst.
        block: Shape (n,): trials with one label were drawn alike.
        n_rules: How many rules share the error that all may make together.
    """

    results: Results
    trials: tuple[TrialResult, ...]
    rank: npt.NDArray[np.float64]
    block: npt.NDArray[np.int64]
    n_rules: int

    @property
    def n(self) -> int:
        """Number of trials."""
        return len(self.trials)

    @property
    def n_best(self) -> int:
        """How many trials count as the best: a tenth, at least five."""
        return max(self.n // 10, 5)

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """The parameters with a scale and more than one value, that half of the trials have."""
        return tuple(
            name
            for name, p in self.results.space.items()
            if not p.is_unordered and p.n_cells != 1 and self._is_common(name)
        )

    @cached_property
    def categorical(self) -> tuple[str, ...]:
        """The categories with more than one choice, that half of the trials have."""
        return tuple(
            name
            for name, p in self.results.space.items()
            if p.is_unordered and len(p.bounds) > 1 and self._is_common(name)
        )

    def _is_common(self, name: str) -> bool:
        return 2 * sum(name in t.params for t in self.trials) >= self.n

    def position(self, name: str) -> npt.NDArray[np.float64]:
        """Returns where on the parameter's scale each trial lies, shape (n,); NaN without it."""
        return self._positions[name]

    @cached_property
    def _positions(self) -> dict[str, npt.NDArray[np.float64]]:
        names = (*self.numeric, *self.categorical)
        return {name: self.results.positions(name, self.trials) for name in names}

    def level(self, n_tests: int) -> float:
        """Returns the p-value below which one of a rule's ``n_tests`` tests may speak."""
        return FAMILY_ERROR / self.n_rules / max(n_tests, 1)


def evidence_of(results: Results, n_rules: int) -> Evidence | None:
    """Returns what so many rules look at; None if too few trials have a value."""
    ranked = _kept(results.ranked)
    if len(ranked) < _FEWEST_TRIALS:
        return None
    place = {t.number: float(i) for i, t in enumerate(ranked)}
    trials = tuple(sorted(ranked, key=lambda t: t.number))
    rank = np.array([place[t.number] for t in trials])
    return Evidence(results, trials, rank, blocks_of([t.stage for t in trials]), n_rules)


def _kept(ranked: Sequence[TrialResult]) -> Sequence[TrialResult]:
    if len(ranked) <= _MOST_TRIALS:
        return ranked
    latest = {t.number for t in sorted(ranked, key=lambda t: -t.number)[: _MOST_TRIALS // 2]}
    best = {t.number for t in ranked[: _MOST_TRIALS // 2]}
    return [t for t in ranked if t.number in latest or t.number in best]
