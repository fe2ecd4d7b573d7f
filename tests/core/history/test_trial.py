"""The order of trials, and Pareto fronts against a slow, obvious reference."""

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_bn.core.errors import TrialError
from tune_bn.core.history.pareto import Fronts, crowding_distance
from tune_bn.core.history.trial import Trial, group_key, rank_key

loss = st.one_of(st.sampled_from([0.0, 1.0, 2.0]), st.floats(allow_nan=False))
violation = st.sampled_from([0.0, 0.0, 0.5, math.inf])


def trials(n_losses: int) -> st.SearchStrategy[list[Trial]]:
    """Lists of trials, numbered in order, with many ties."""
    one = st.tuples(
        st.tuples(*[loss] * n_losses), st.booleans(), st.sampled_from([0.0, 1.0, 9.0]), violation
    )
    return st.lists(one, min_size=1, max_size=25).map(
        lambda rows: [Trial(i, {}, *row) for i, row in enumerate(rows)]
    )


FEASIBLE = Trial(5, {}, (9.0,))


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (FEASIBLE, Trial(0, {}, (1.0,), violation=0.1)),
        (Trial(5, {}, (9.0,), violation=0.1), Trial(0, {}, (1.0,), violation=0.2)),
        (FEASIBLE, Trial(0, {}, (1.0,), is_complete=False, progress=100)),
        (
            Trial(5, {}, (9.0,), is_complete=False, progress=9),
            Trial(0, {}, (1.0,), is_complete=False, progress=3),
        ),
        (Trial(5, {}, (9.0,), progress=9), Trial(0, {}, (1.0,), progress=3)),
        (Trial(5, {}, (1.0,)), Trial(0, {}, (9.0,))),
        (Trial(0, {}, (1.0,)), Trial(5, {}, (1.0,))),
        (Trial(5, {}, (1e308,)), Trial(0, {}, (math.inf,))),
        (Trial(5, {}, (1e308,)), Trial(0, {}, (-math.inf,))),
        (
            Trial(5, {}, (9.0,), is_complete=False, progress=1),
            Trial(0, {}, (-math.inf,), progress=9),
        ),
        (FEASIBLE, Trial(0, {}, (math.inf,), goal=1.0)),
        (Trial(5, {}, (9.0,), progress=2, goal=2.0), Trial(0, {}, (1.0,), progress=9)),
        (Trial(5, {}, (1.0,), goal=9.0), Trial(0, {}, (9.0,), goal=2.0)),
        (Trial(5, {}, (1.0,), goal=2.0), Trial(0, {}, (1.0,), goal=9.0)),
    ],
    ids=[
        "feasible first",
        "then the smaller violation",
        "complete before stopped",
        "stopped later before stopped sooner",
        "trained longer before trained less",
        "the smaller loss",
        "the earlier of equals",
        "inf is the worst loss",
        "-inf is no better",
        "nor if it alone is complete",
        "nor if it reached a goal",
        "a goal reached before none",
        "of goals the smaller loss",
        "of equal ones the sooner",
    ],
)
def test_order(better, worse):
    """Each rule of the order, with every later rule against it."""
    assert rank_key(better) < rank_key(worse)


@given(trials(1))
def test_no_two_trials_tie(found):
    """The order is total."""
    assert len({rank_key(t) for t in found}) == len(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"losses": (math.nan,)}, "Report a failed trial as failed"),
        ({"losses": (0.0,), "violation": -1.0}, "violation >= 0, but got -1.0"),
        ({"losses": (0.0,), "violation": math.nan}, "violation >= 0, but got nan"),
        ({"losses": (0.0,), "progress": math.nan}, "progress, but got NaN"),
    ],
)
def test_what_cannot_be_ranked_is_refused(options, message):
    """NaN never enters the ranking."""
    with pytest.raises(TrialError, match=message):
        Trial(0, {}, **options)


def slow_fronts(found: list[Trial]) -> list[set[int]]:
    """Returns Pareto fronts by their definition, peeled one after the other."""

    def dominates(a: Trial, b: Trial) -> bool:
        if group_key(a) != group_key(b):
            return group_key(a) < group_key(b)
        pairs = list(zip(a.losses, b.losses, strict=True))
        return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)

    fronts, rest = [], list(found)
    while rest:
        front = [t for t in rest if not any(dominates(other, t) for other in rest)]
        fronts.append({t.number for t in front})
        rest = [t for t in rest if t not in front]
    return fronts


@given(st.one_of(trials(2), trials(3)), st.integers(1, 30), st.randoms(use_true_random=False))
def test_fronts_equal_the_reference(found, capacity, rng):
    """Fronts that grow trial by trial, in any order, equal the definition, cut at the end."""
    order = list(found)
    rng.shuffle(order)
    fronts = Fronts(capacity)
    for trial in order:
        fronts.add(trial)
    expected = slow_fronts(found)
    kept = [{t.number for t in front} for front in fronts.fronts]
    assert kept == expected[: len(kept)]
    assert sum(map(len, kept)) >= min(capacity, len(found))


def in_order(found: list[Trial], capacity: int) -> Fronts:
    fronts = Fronts(capacity)
    for trial in found:
        fronts.add(trial)
    return fronts


@given(
    st.one_of(trials(2), trials(3)),
    st.integers(1, 8),
    st.randoms(use_true_random=False),
)
def test_best_does_not_depend_on_the_order_of_arrival(found, capacity, rng):
    """Workers that finish in another order agree on the best trials, and so does one with room."""
    shuffled = list(found)
    rng.shuffle(shuffled)
    expected = [t.number for t in in_order(found, 1000).best(capacity)]
    for order in (found, found[::-1], shuffled):
        assert [t.number for t in in_order(order, capacity).best(capacity)] == expected


def test_a_front_that_shrinks_lets_others_in_again():
    """A trial behind enough others is needed again when one that is better beats most of these."""
    points = [(float(i), 8.0 - i) for i in range(9)]
    behind = Trial(9, {}, (0.5, 8.5))  # beaten by the first alone
    fronts = in_order([Trial(i, {}, point) for i, point in enumerate(points)], capacity=4)
    assert fronts.add(behind)
    assert not fronts.add(Trial(11, {}, (9.0, 9.0)))  # there are enough before it
    assert fronts.add(Trial(10, {}, (1.0, 0.0)))  # beats all but the first
    assert [[t.number for t in front] for front in fronts.fronts] == [[0, 10], [*range(1, 9), 9]]
    assert 9 in [t.number for t in fronts.best(4)]


def test_a_pickle_of_version_0_1_goes_on():
    """It lacks the trials behind the fronts."""
    fronts = in_order([Trial(i, {}, (float(i), 0.0)) for i in range(5)], capacity=4)
    state = dict(vars(fronts))
    del state["_others"]
    again = Fronts.__new__(Fronts)
    again.__setstate__(state)
    assert again.add(Trial(5, {}, (-1.0, 0.0)))
    assert [t.number for t in again.best(2)] == [5, 0]


def test_least_crowded_of_a_front_come_first():
    """Of one front, the ends come first, then the trials with the farthest neighbours."""
    points = [(0.0, 10.0), (1.0, 4.0), (1.1, 3.9), (1.2, 3.8), (10.0, 0.0)]
    fronts = Fronts(10)
    for i, losses in enumerate(points):
        fronts.add(Trial(i, {}, losses))
    assert [t.number for t in fronts.best(3)] == [0, 4, 3]


@given(st.lists(st.tuples(loss, loss), min_size=1, max_size=12))
def test_crowding_is_never_nan(points):
    """Infinite and equal losses have a distance too."""
    assert not np.isnan(crowding_distance(np.array(points))).any()


def test_memory_is_bounded():
    """Of 5,000 trials that dominate each other only about the capacity is held."""
    rng = random.Random(0)
    fronts = Fronts(64)
    for i in range(5000):
        fronts.add(Trial(i, {}, (rng.random(), rng.random())))
    held = sum(map(len, fronts.fronts))
    assert 64 <= held <= 200


def test_slow_fronts_can_fail():
    """The reference tells a wrong ranking: one front for all is not accepted."""
    chain = [Trial(i, {}, (float(i), float(i))) for i in range(3)]
    assert slow_fronts(chain) == [{0}, {1}, {2}]
    assert all(a != b for a, b in itertools.pairwise(slow_fronts(chain)))
