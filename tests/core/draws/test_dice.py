"""Draws are uniform, independent of each other, and functions of their arguments alone."""

import subprocess
import sys

import numpy as np
import pytest

from tests.support.judges import uniform_p
from tune_bn.core.draws.dice import fresh_seed, permutation, uniforms


@pytest.mark.parametrize("which", range(4))
def test_each_of_the_four_is_uniform_over_trials(which):
    """Over trial numbers, every one of the four numbers is uniform."""
    assert uniform_p([uniforms(0, n, "x")[which] for n in range(2000)]) > 1e-3


@pytest.mark.parametrize(
    "vary",
    [
        lambda i: uniforms(i, 0, "x")[0],
        lambda i: uniforms(0, 0, f"x{i}")[0],
        lambda i: uniforms(0, 0, "x", i)[0],
    ],
    ids=["seed", "name", "attempt"],
)
def test_uniform_over_seeds_names_and_attempts(vary):
    """Whatever counts, the numbers are uniform."""
    assert uniform_p([vary(i) for i in range(2000)]) > 1e-3


def test_neighbouring_trials_are_uncorrelated():
    """Consecutive trial numbers, and the four numbers of one trial, do not depend on each other."""
    draws = np.array([uniforms(3, n, "lr") for n in range(4000)])
    shifted = np.hstack([draws[:-1], draws[1:]])
    correlation = np.corrcoef(shifted.T) - np.eye(8)
    assert np.abs(correlation).max() < 4.5 / np.sqrt(4000)  # 28 pairs at 4.5 standard errors


def test_all_below_one():
    """The largest possible number is below 1, so that a cell index never overflows."""
    assert ((2**64 - 1) >> 11) * 2.0**-53 < 1.0


def test_golden_values():
    """The draws of a version are those of every later one: users reproduce old searches.

    Made by ``python -c "from tune_bn.core.draws.dice import *; print(uniforms(7, 11, 'lr', 2))"``.
    """
    assert uniforms(7, 11, "lr", 2) == GOLDEN_UNIFORMS
    assert permutation(7, "lr", 0, 6) == GOLDEN_PERMUTATION


@pytest.mark.heavy
def test_same_in_another_process_with_another_hash_seed():
    """Nothing depends on PYTHONHASHSEED."""
    code = (
        "from tune_bn.core.draws.dice import *; "
        "print(uniforms(1, 2, 'x'), permutation(1, 'x', 3, 9))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert outputs == {f"{uniforms(1, 2, 'x')} {permutation(1, 'x', 3, 9)}\n"}


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_permutation_has_every_number_once(size):
    """A permutation is one."""
    assert sorted(permutation(0, "x", 0, size)) == list(range(size))


def test_permutations_of_blocks_and_names_differ():
    """Each block and each parameter has an order of its own."""
    orders = {permutation(0, name, block, 12) for name in "abc" for block in range(3)}
    assert len(orders) == 9


def test_any_name_can_be_drawn_for():
    """Names may be empty, long, not ASCII, or hold a lone surrogate."""
    for name in ("", "ü" * 500, "\ud800", "a/b", "\x00"):
        assert 0 <= uniforms(0, 0, name)[0] < 1


def test_fresh_seeds_differ():
    """Two searches without a seed are two searches."""
    assert fresh_seed() != fresh_seed()


GOLDEN_UNIFORMS = (0.8658892629712579, 0.24226802512557488, 0.18865166880961537, 0.6101883265814402)
GOLDEN_PERMUTATION = (5, 3, 4, 0, 1, 2)
