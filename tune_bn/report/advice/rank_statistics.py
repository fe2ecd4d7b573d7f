"""The tests behind the advice: rank statistics with their error under control.

A search is no fair sample: it draws where it found good values, late trials differ from early ones,
and a draw copies much of a good trial. So values are compared *within blocks* of trials that were
drawn alike (a stage, or twenty trials in a row), and the reference is what a random permutation of
the values within each block would give. A parameter that merely travelled along with a good trial
therefore says nothing.

Notation: n trials; x a covariate, shape (n,); rank 0 … n−1 of the trials by value, 0 the best,
shape (n,); block a label for each trial, shape (n,).
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = [
    "adjusted_z",
    "blocks_of",
    "interaction_z",
    "mean_ranks",
    "normal_tail",
    "rank_sum_z",
    "within_blocks_z",
]

Array = npt.NDArray[np.float64]
_BLOCK_TRIALS = 20
_FEWEST_IN_BLOCK = 8


def normal_tail(z: float) -> float:
    """Returns the probability that a standard normal variable exceeds ``z``.

    Example:
        >>> round(normal_tail(1.96), 3)
        0.025
    """
    return math.erfc(z / math.sqrt(2)) / 2


def mean_ranks(values: Array) -> Array:
    """Returns the ranks of values, 0 the smallest; equal values share their mean rank.

    Example:
        >>> [float(r) for r in mean_ranks(np.array([3.0, 1.0, 3.0]))]
        [1.5, 0.0, 1.5]
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Array = (last - (counts + 1) / 2)[inverse]
    return ranks


def within_blocks_z(x: Array, rank: Array, block: npt.NDArray[np.int64]) -> float:
    """Returns how far larger ``x`` goes with larger ``rank``, in standard deviations.

    The statistic is the sum over blocks of the covariance of ranks (van Elteren's test for a
    continuous covariate); its mean and variance are the exact ones under permutation of ``rank``
    within each block, its distribution about normal. Trials whose ``x`` is NaN are left out.

    Returns:
        The standardised statistic; 0 where nothing can be said.
    """
    total = variance = 0.0
    known = ~np.isnan(x)
    for label in np.unique(block[known]):
        inside = known & (block == label)
        n = int(inside.sum())
        if n < 2:
            continue
        a, b = mean_ranks(x[inside]), mean_ranks(rank[inside])
        a, b = (a - a.mean()) / n, (b - b.mean()) / n
        total += float(a @ b)
        variance += float(a @ a) * float(b @ b) / (n - 1)
    return total / math.sqrt(variance) if variance > 0 else 0.0


def _centred(values: Array, block: npt.NDArray[np.int64]) -> Array:
    """Returns the ranks within each block, scaled to the block's size, mean 0."""
    centred = np.zeros(len(values))
    for label in np.unique(block):
        inside = block == label
        ranks = mean_ranks(values[inside])
        centred[inside] = (ranks - ranks.mean()) / max(inside.sum(), 1)
    return centred


def rank_sum_z(a: Array, b: Array) -> float:
    """Returns how far the values of ``b`` are below those of ``a``, in standard deviations.

    Mann and Whitney's rank sum test with its variance corrected for ties.
    """
    together = np.concatenate([a, b])
    group = np.concatenate([np.ones(len(a)), np.zeros(len(b))])
    return within_blocks_z(group, together, np.zeros(len(together), dtype=np.int64))


def interaction_z(x: Array, y: Array, rank: Array, block: npt.NDArray[np.int64]) -> float:
    """Returns how far a joint shift of ``x`` and ``y`` goes with larger ``rank`` beyond each alone.

    The product of the covariates, with all that x, y, |x|, |y|, x² and y² explain taken out of it
    and of the ranks (Freedman and Lane 1983), compared within blocks. Only the better half of the
    trials, and centred where the best quarter lies: ranks flatten far from an optimum, and there
    that looks like an interaction. Negative: the good trials lie along a rising ridge, the two
    should grow together.

    Args:
        x: Shape (n,), without NaN.
        y: Shape (n,), without NaN.
        rank: Shape (n,).
        block: Shape (n,).
    """
    order = np.argsort(rank)
    best, half = order[: max(len(rank) // 4, 1)], order[: max(len(rank) // 2, 40)]
    a, b = x[half] - np.median(x[best]), y[half] - np.median(y[best])
    known = np.stack([a, b, np.abs(a), np.abs(b), a * a, b * b], axis=1)
    return float(adjusted_z((a * b)[:, None], known, rank[half], block[half])[0])


def adjusted_z(tested: Array, known: Array, rank: Array, block: npt.NDArray[np.int64]) -> Array:
    """Returns how much each of several covariates adds to what is known, in standard deviations.

    Each is tested alone, by its partial correlation with the ranks within blocks when all of
    ``known`` is taken out of both.

    Args:
        tested: Shape (n, m).
        known: Shape (n, k).
        rank: Shape (n,).
        block: Shape (n,).

    Returns:
        Shape (m,); zeros where n is too small to tell (n < k + 20).
    """
    n, k = known.shape[0], known.shape[1] + len(np.unique(block))
    if n < k + 20:
        return np.zeros(tested.shape[1])
    # Deviations from the block's means: the same as a column for each block (Frisch and Waugh).
    given = _deviations(known, block)
    targets = _deviations(np.concatenate([tested, _centred(rank, block)[:, None]], axis=1), block)
    solution, *_ = np.linalg.lstsq(given, targets, rcond=None)
    rest = targets - given @ solution
    scores = rest[:, -1]
    sizes = np.sqrt(np.sum(rest[:, :-1] ** 2, axis=0) * (scores @ scores))
    products = rest[:, :-1].T @ scores
    r = np.divide(products, sizes, out=np.zeros_like(products), where=sizes > 1e-9)
    r = np.clip(r, -0.999999, 0.999999)
    # Student's t as the normal deviate with the same tail, within 1 % (Wallace, "Bounds on normal
    # approximations to Student's and the chi-square distributions", Ann. Math. Stat. 1959).
    freedom = n - k - 1
    z: Array = np.sign(r) * np.sqrt(-freedom * np.log1p(-r * r))
    z *= (8 * freedom + 1) / (8 * freedom + 3)
    return z


def _deviations(columns: Array, block: npt.NDArray[np.int64]) -> Array:
    """Returns columns, shape (n, k), each minus its mean over the trial's block."""
    _, inverse, counts = np.unique(block, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), columns.shape[1]))
    np.add.at(sums, inverse, columns)
    deviations: Array = columns - (sums / counts[:, None])[inverse]
    return deviations


def blocks_of(stages: Sequence[int | None]) -> npt.NDArray[np.int64]:
    """Returns a label for each trial such that trials with one label were drawn alike.

    At most twenty trials in a row; a new stage begins a new block, unless that of the stage before
    would be too small to compare within.

    Args:
        stages: Stage of each trial, in order of their numbers; None where there is none.
    """
    labels = np.zeros(len(stages), dtype=np.int64)
    label = start = 0
    for i, stage in enumerate(stages):
        is_new_stage = i > 0 and stage is not None and stage != stages[i - 1]
        if i - start >= (_FEWEST_IN_BLOCK if is_new_stage else _BLOCK_TRIALS):
            label, start = label + 1, i
        labels[i] = label
    return labels
