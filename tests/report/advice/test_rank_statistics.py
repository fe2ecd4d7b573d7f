"""The tests behind the advice keep their error, and find what is there."""

import math

import numpy as np
import pytest
from scipy import stats

from tune_bn.report.advice.rank_statistics import (
    adjusted_z,
    blocks_of,
    interaction_z,
    mean_ranks,
    normal_tail,
    rank_sum_z,
    within_blocks_z,
)


def test_mean_ranks_are_scipys():
    """Ranks with ties are those of scipy.stats.rankdata, counted from 0."""
    values = np.random.default_rng(0).integers(0, 9, 50).astype(float)
    np.testing.assert_allclose(mean_ranks(values), stats.rankdata(values) - 1)


def test_normal_tail_is_scipys():
    """The tail is the normal survival function."""
    for z in (-3.0, 0.0, 1.0, 6.0):
        assert normal_tail(z) == pytest.approx(stats.norm.sf(z))


def test_one_block_is_spearmans_test():
    """In a single block the statistic is Spearman's rho times the root of n − 1."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=40), rng.normal(size=40)
    rho = stats.spearmanr(x, y).statistic
    z = within_blocks_z(x, mean_ranks(y), np.zeros(40, dtype=np.int64))
    assert z == pytest.approx(rho * math.sqrt(39))


def test_rank_sum_is_mann_whitneys():
    """The rank sum statistic agrees with scipy's asymptotic Mann-Whitney test, ties included."""
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 20, 30).astype(float), rng.integers(0, 17, 40).astype(float)
    p = stats.mannwhitneyu(
        b, a, alternative="less", method="asymptotic", use_continuity=False
    ).pvalue
    assert normal_tail(rank_sum_z(a, b)) == pytest.approx(p, rel=1e-6)


def test_a_difference_between_blocks_says_nothing():
    """A covariate that only tells the blocks apart is no evidence, however different they are."""
    block = np.repeat([0, 1, 2], 20)
    rng = np.random.default_rng(3)
    x = block + rng.normal(size=60) * 0.01
    rank = mean_ranks(10.0 * block + rng.normal(size=60))
    assert abs(within_blocks_z(x, rank, block)) < 2.5
    assert abs(within_blocks_z(x, rank, np.zeros(60, dtype=np.int64))) > 5  # the judge can fail


def test_missing_covariates_are_left_out():
    """Trials without the covariate change nothing."""
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=30), rng.normal(size=30)
    zeros = np.zeros(30, dtype=np.int64)
    more = np.concatenate([x, np.full(10, np.nan)])
    rank = mean_ranks(np.concatenate([y, rng.normal(size=10)]))
    alone = within_blocks_z(x, mean_ranks(y), zeros)
    assert within_blocks_z(more, rank, np.zeros(40, dtype=np.int64)) == pytest.approx(alone)


def test_adjusted_z_keeps_its_error():
    """With nothing to find, 5 % of the tests are below 0.05 (within 4 standard errors)."""
    rng = np.random.default_rng(5)
    block = np.repeat([0, 1, 2], 20)
    n = 1000
    hits = 0
    for _ in range(n):
        tested, known = rng.normal(size=(60, 1)), rng.normal(size=(60, 4))
        z = adjusted_z(tested, known, mean_ranks(rng.normal(size=60)), block)
        hits += abs(float(z[0])) > stats.norm.isf(0.025)
    assert abs(hits / n - 0.05) < 4 * math.sqrt(0.05 * 0.95 / n)


@pytest.mark.parametrize("n", [25, 40, 200])
@pytest.mark.parametrize("effect", [0.3, 0.8])
def test_adjusted_z_has_the_tail_of_student(n, effect):
    """Of few trials it is heavier than a normal one: that of a partial correlation."""
    rng = np.random.default_rng(n)
    x, known = rng.normal(size=n), rng.normal(size=n)
    ranks = mean_ranks(effect * x + known + rng.normal(size=n))
    (z,) = adjusted_z(x[:, None], known[:, None], ranks, np.zeros(n, dtype=np.int64))
    given = np.column_stack([np.ones(n), known])
    rest = [v - given @ np.linalg.lstsq(given, v, rcond=None)[0] for v in (x, ranks)]
    r, freedom = float(np.corrcoef(*rest)[0, 1]), n - 3
    p = stats.t(freedom).sf(r * math.sqrt(freedom / (1 - r * r)))
    assert normal_tail(float(z)) == pytest.approx(p, rel=0.03)


def test_interaction_sees_a_ridge_and_its_direction():
    """A rising ridge of low values gives a negative statistic, a falling one a positive."""
    rng = np.random.default_rng(6)
    x, y = rng.uniform(size=100), rng.uniform(size=100)
    block = np.repeat(np.arange(5), 20)
    assert interaction_z(x, y, mean_ranks((x - y) ** 2), block) < -5
    assert interaction_z(x, y, mean_ranks((x + y - 1) ** 2), block) > 5


def test_interaction_is_blind_to_a_bowl():
    """Two parameters that each have an optimum of their own do not interact."""
    rng = np.random.default_rng(7)
    x, y = rng.uniform(size=200), rng.uniform(size=200)
    rank = mean_ranks((x - 0.7) ** 2 + (y - 0.4) ** 2)
    assert abs(interaction_z(x, y, rank, np.repeat(np.arange(10), 20))) < 3.5


def test_blocks_end_with_stages_and_after_twenty():
    """A block holds at most twenty trials in a row, all of one stage."""
    labels = blocks_of([0] * 8 + [1] * 28 + [2] * 9)
    assert np.bincount(labels).tolist() == [8, 20, 8, 9]


def test_small_stages_share_a_block():
    """Stages of five trials are too small to compare within, and are taken together."""
    assert np.bincount(blocks_of([0] * 5 + [1] * 5 + [2] * 5 + [3] * 5)).tolist() == [10, 10]


def test_blocks_of_a_study_without_stages():
    """Without stages, twenty in a row."""
    assert np.bincount(blocks_of([None] * 45)).tolist() == [20, 20, 5]
