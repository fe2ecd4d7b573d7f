"""Judges of randomness: p-values that tests compare with 1e-3, and their counter-tests' targets."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from scipy import stats

__all__ = ["equal_counts_p", "uniform_p"]


def equal_counts_p(values: Sequence[Hashable], cells: Sequence[Hashable]) -> float:
    """Returns the chi-square p-value of "every cell is equally likely"; 0 if a value is none."""
    if set(values) - set(cells):
        return 0.0
    counts = [values.count(cell) for cell in cells]
    return float(stats.chisquare(counts).pvalue)


def uniform_p(values: Iterable[float], low: float = 0.0, high: float = 1.0) -> float:
    """Returns the Kolmogorov-Smirnov p-value of "uniform between low and high"."""
    return float(stats.kstest(np.asarray(list(values)), "uniform", (low, high - low)).pvalue)
