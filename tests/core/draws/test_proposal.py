"""A proposal: what is redrawn, around which trials, how far."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.draws import CENTRE, FINE, SPACE, fine_value, history_of, propose
from tests.support.judges import uniform_p
from tune_bn import Categorical, Float, Narrowing
from tune_bn.core.history.history import History
from tune_bn.core.history.trial import Trial


@given(st.integers(0, 2**64 - 1), st.integers(0, 10**9))
def test_draws_stay_in_the_space(seed, number):
    """Whatever seed and number, a proposal has every parameter, inside its range."""
    for narrowing in (Narrowing(), FINE, Narrowing.textbook()):
        _, params = propose(seed, number, SPACE, history_of(*[CENTRE] * 30), narrowing)
        assert params.keys() == SPACE.keys()
        assert all(p.nearest(params[n]) == params[n] for n, p in SPACE.items())


def test_a_proposal_is_a_function_of_its_arguments():
    """The same seed, number and history give the same proposal; another seed or number do not."""
    history = history_of(CENTRE)
    first = propose(0, 5, SPACE, history, FINE)
    assert propose(0, 5, dict(reversed(SPACE.items())), history_of(CENTRE), FINE) == first
    assert propose(0, 6, SPACE, history, FINE) != first
    assert propose(1, 5, SPACE, history, FINE) != first


def changed(params: dict) -> list[str]:
    """Returns the names of the parameters that differ from the centre."""
    return [n for n in SPACE if params[n] != CENTRE[n]]


@pytest.mark.parametrize("vary", [1.0, 2.0, 3.0])
def test_about_vary_parameters_are_redrawn(vary):
    """The mean number of redrawn parameters is ``vary`` or a little more (at least one)."""
    space = {f"x{i}": Float(0, 1) for i in range(10)}
    centre = dict.fromkeys(space, 0.5)
    narrowing = Narrowing(coarse_trials=1, elites=1, vary=vary, width=0.3, zoom=0.0)
    counts = []
    for n in range(1000):
        _, params = propose(0, n + 8, space, history_of(centre), narrowing)
        counts.append(sum(params[name] != 0.5 for name in space))
    assert min(counts) == 1
    expected = vary + (1 - vary / 10) ** 10  # binomial, with its zeros lifted to one
    assert abs(sum(counts) / 1000 - expected) < 0.2  # four standard errors


def test_vary_none_redraws_all():
    """The textbook scheme redraws every number at once."""
    space = {f"x{i}": Float(0, 1) for i in range(10)}
    centre = dict.fromkeys(space, 0.5)
    narrowing = Narrowing(coarse_trials=1, elites=1, vary=None, width=0.3)
    _, params = propose(0, 7, space, history_of(centre), narrowing)
    assert all(v != 0.5 for v in params.values())


def test_redrawn_values_are_uniform_in_the_window():
    """With a constant width the draws of a parameter fill its window evenly, on its own scale."""
    space = {"alpha": SPACE["alpha"]}
    history = history_of({"alpha": 0.01})
    low, high = map(math.log10, SPACE["alpha"].window(0.01, 0.1))
    values = [math.log10(propose(0, n + 8, space, history, FINE)[1]["alpha"]) for n in range(2000)]
    assert uniform_p(values, low, high) > 1e-3


def test_spread_draws_some_wider_windows():
    """With a spread below 1 some draws leave the window, and none leaves the widest one."""
    narrowing = Narrowing(coarse_trials=1, elites=1, width=0.1, spread=0.5)
    space = {"x": Float(0, 1)}
    history = history_of({"x": 0.5})
    distances = [
        abs(propose(0, n + 8, space, history, narrowing)[1]["x"] - 0.5) for n in range(500)
    ]
    assert max(distances) > 0.05
    assert max(distances) <= 0.1**0.5 / 2


def test_better_trials_are_centres_more_often():
    """The r-th best trial is a centre with weight r ** −power, chosen for each parameter."""
    narrowing = Narrowing(
        coarse_trials=1, elites=3, elite_power=1.0, vary=1.0, width=0.01, zoom=0.0, together=0.0
    )
    space = {f"x{i}": Float(0, 1) for i in range(20)}
    found = [dict.fromkeys(space, v) for v in (0.2, 0.5, 0.8)]
    counts: Counter[float] = Counter()
    for n in range(100):
        _, params = propose(0, n + 8, space, history_of(*found), narrowing)
        counts.update(min((0.2, 0.5, 0.8), key=lambda c: abs(c - v)) for v in params.values())
        assert len({round(v, 1) for v in params.values()}) > 1
    total = 1 + 1 / 2 + 1 / 3
    for centre, weight in ((0.2, 1.0), (0.5, 1 / 2), (0.8, 1 / 3)):
        assert abs(counts[centre] / 2000 - weight / total) < 0.05  # four standard errors


def test_together_takes_all_centres_from_one_trial():
    """Whatever its rank, one trial gives the values of all parameters that are not redrawn."""
    narrowing = Narrowing(
        coarse_trials=1, elites=3, vary=1.0, width=0.01, spread=1.0, zoom=0.0, together=1.0
    )
    space = {f"x{i}": Float(0, 1) for i in range(20)}
    found = [dict.fromkeys(space, v) for v in (0.2, 0.5, 0.8)]
    centres = set()
    for n in range(50):
        _, params = propose(0, n + 8, space, history_of(*found), narrowing)
        centres.add(frozenset(round(v, 1) for v in params.values()))
    assert centres == {frozenset([0.2]), frozenset([0.5]), frozenset([0.8])}


def test_parameters_that_no_good_trial_has_are_drawn_from_the_whole_range():
    """A parameter of another branch starts wide."""
    history = history_of({"x": 0.5})
    values = [fine_value(0, n + 8, "y", Float(0, 1), history, FINE) for n in range(2000)]
    assert uniform_p(values) > 1e-3


def test_a_parameter_drawn_alone_is_redrawn_in_its_window():
    """Where the companions are unknown the value is drawn around a good trial's."""
    values = [
        fine_value(0, n + 8, "x", Float(0, 1), history_of({"x": 0.5}), FINE) for n in range(200)
    ]
    assert all(0.45 <= v <= 0.55 for v in values)


def test_centres_outside_the_range_are_moved_into_it():
    """An enqueued best outside the space, or a range that shrank, gives draws inside."""
    history = history_of({"x": 7.0})
    _, params = propose(0, 1, {"x": Float(0, 1)}, history, FINE)
    assert 0.95 <= params["x"] <= 1.0


def test_centres_that_are_no_longer_a_choice_are_ignored():
    """A category that was taken out of the space is no centre."""
    _, params = propose(0, 1, {"k": Categorical(["a", "b"])}, history_of({"k": "gone"}), FINE)
    assert params["k"] in ("a", "b")


def test_of_several_objectives_the_front_is_where_centres_come_from():
    """Each parameter takes its centre from any trial of the front, all alike; from no other."""
    history = History(2)
    space = {f"x{i}": Float(0, 1) for i in range(20)}
    history.add(Trial(0, dict.fromkeys(space, 0.1), (0.0, 1.0)))
    history.add(Trial(1, dict.fromkeys(space, 0.9), (1.0, 0.0)))
    history.add(Trial(2, dict.fromkeys(space, 0.5), (2.0, 2.0)))
    narrowing = Narrowing(coarse_trials=1, elites=1, width=0.1, spread=1.0)
    centres: Counter[float] = Counter()
    for n in range(100):
        _, params = propose(0, n + 8, space, history, narrowing)
        centres.update(min((0.1, 0.5, 0.9), key=lambda c: abs(c - v)) for v in params.values())
    assert centres[0.5] == 0
    assert abs(centres[0.1] / 2000 - 0.5) < 0.05  # four standard errors


def test_choices_may_be_arrays():
    """Choices whose comparison is no truth value are drawn like any others."""
    import numpy as np

    arrays = [np.arange(3), np.arange(4)]
    space = {"a": Categorical(arrays), "x": Float(0, 1)}
    history = history_of({"a": arrays[0], "x": 0.5})
    for n in range(20):
        _, params = propose(0, n + 8, space, history, FINE)
        assert any(params["a"] is a for a in arrays)
        history.remember(space, params)
