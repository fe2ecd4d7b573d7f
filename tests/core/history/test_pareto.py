"""How lonely a point of a front is, wherever its scales begin and however long they are."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_bn.core.history.pareto import Fronts, crowding_distance, fronts_of
from tune_bn.core.history.trial import Trial

whole = st.integers(-100, 100)
fronts = st.lists(st.tuples(whole, whole), min_size=1, max_size=9, unique=True)


@given(fronts, whole, st.sampled_from([0.25, 1.0, 64.0]))
def test_distances_do_not_depend_on_the_scale(points, shift, factor):
    """Every objective is measured by its own range."""
    points = np.array(points, dtype=float)
    moved = crowding_distance(factor * (points + shift))
    assert moved == pytest.approx(crowding_distance(points))


def test_the_lonelier_of_two_has_the_larger_distance():
    """So that the judge above says something: distances are not all alike."""
    found = crowding_distance(np.array([(0, 10), (1, 9), (5, 5), (10, 0)]))
    assert found[1] == pytest.approx(1.0)
    assert found[2] == pytest.approx(1.8)


@pytest.mark.parametrize("seed", range(20))
def test_fronts_are_those_of_a_slow_search(seed):
    """Also where a newcomer pushes several trials back, and these some of the next front."""
    random = np.random.default_rng(seed)
    trials = [Trial(i, {}, tuple(map(float, random.integers(0, 12, 2)))) for i in range(40)]
    fronts = Fronts(1000)
    for trial in trials:
        fronts.add(trial)
    left, expected = list(trials), []
    while left:
        front = [
            t
            for t in left
            if not any(
                o.losses != t.losses
                and all(a <= b for a, b in zip(o.losses, t.losses, strict=True))
                for o in left
            )
        ]
        expected.append({t.number for t in front})
        left = [t for t in left if t.number not in expected[-1]]
    assert [{t.number for t in front} for front in fronts.fronts] == expected
    assert [{t.number for t in front} for front in fronts_of(trials[::-1], 1000)] == expected


value = st.integers(0, 4).map(float) | st.just(math.inf)
many = st.lists(
    st.tuples(st.tuples(value, value, value), st.booleans(), st.integers(0, 2)), max_size=60
)


@given(many, st.integers(1, 30))
def test_fronts_at_once_are_those_that_grew(losses, capacity):
    """With ties, infinite values, infeasible trials and ones that were stopped."""
    trials = [
        Trial(i, {}, at, is_complete, violation=float(violation))
        for i, (at, is_complete, violation) in enumerate(losses)
    ]
    grown = Fronts(capacity)
    for trial in trials:
        grown.add(trial)
    expected = [sorted(t.number for t in front) for front in grown.fronts]
    at_once = [[t.number for t in front] for front in fronts_of(trials, capacity)]
    assert at_once == expected[: len(at_once)]
    assert sum(map(len, at_once)) >= min(capacity, len(trials))
