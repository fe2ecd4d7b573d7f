"""How lonely a point of a front is, wherever its scales begin and however long they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_bn.core.pareto import crowding_distance

whole = st.integers(-100, 100)
fronts = st.lists(st.tuples(whole, whole), min_size=1, max_size=9, unique=True)


@given(fronts, whole, st.sampled_from([0.25, 1.0, 64.0]))
def test_distances_do_not_depend_on_the_scale(points, shift, factor):
    """Every objective is measured by its own range."""
    moved = [tuple(factor * (value + shift) for value in point) for point in points]
    assert crowding_distance(moved) == pytest.approx(crowding_distance(points))


def test_the_lonelier_of_two_has_the_larger_distance():
    """So that the judge above says something: distances are not all alike."""
    found = crowding_distance([(0, 10), (1, 9), (5, 5), (10, 0)])
    assert found[1] == pytest.approx(1.0)
    assert found[2] == pytest.approx(1.8)
