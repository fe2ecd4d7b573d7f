"""The coarse stage: stratified draws over the whole space, the same whatever has finished."""

import pytest

from tests.support.draws import CENTRE, SPACE, fine_value, history_of, propose
from tests.support.judges import equal_counts_p, uniform_p
from tune_bn import Float, Narrowing
from tune_bn.core.draws.proposal import coarse_value
from tune_bn.core.history.history import History


@pytest.mark.parametrize("size", [1, 5, 8, 30])
@pytest.mark.parametrize("block", [0, 2])
def test_coarse_trials_are_a_latin_hypercube(size, block):
    """In each block of coarse trials every stratum of each parameter is drawn from exactly once."""
    narrowing = Narrowing(coarse_trials=size)
    for name in ("x", "y"):
        numbers = range(block * size, (block + 1) * size)
        values = [coarse_value(0, n, name, Float(0, 1), narrowing) for n in numbers]
        assert sorted(int(v * size) for v in values) == list(range(size))


def test_a_slow_worker_draws_the_coarse_point_of_its_number():
    """Whatever others finished before it began, one seed gives the same coarse points."""
    narrowing = Narrowing(coarse_trials=3)
    history = history_of(*[CENTRE] * 5)
    plan, params = propose(0, 2, SPACE, history, narrowing)
    assert plan.stage == 0
    assert (plan, params) == propose(0, 2, SPACE, History(), narrowing)
    assert fine_value(0, 3, "beta", SPACE["beta"], history, narrowing) != params["beta"]
    assert propose(0, 3, SPACE, history, narrowing)[0].stage > 0


def test_coarse_points_are_uniform_over_seeds():
    """Over seeds the first trial lies anywhere."""
    values = [coarse_value(s, 0, "x", Float(0, 1), Narrowing()) for s in range(2000)]
    assert uniform_p(values) > 1e-3


def test_coarse_strata_of_two_parameters_are_unrelated():
    """Pairs of strata of two parameters are equally likely: no diagonal designs."""
    pairs = []
    for seed in range(500):
        narrowing = Narrowing(coarse_trials=3)
        x, y = (coarse_value(seed, 0, n, Float(0, 3), narrowing) for n in "xy")
        pairs.append((int(x), int(y)))
    assert equal_counts_p(pairs, [(i, j) for i in range(3) for j in range(3)]) > 1e-3


def test_without_narrowing_draws_are_independent():
    """Plain random search may draw a stratum twice, as chance has it."""
    off = Narrowing.off()
    values = [coarse_value(0, n, "x", Float(0, 1), off) for n in range(2000)]
    assert uniform_p(values) > 1e-3
    assert len({int(v * 8) for v in values[:8]}) < 8
