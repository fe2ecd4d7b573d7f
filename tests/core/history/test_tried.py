"""What counts as tried: what was run, branch by branch, and what has no result yet."""

import math

import numpy as np
import pytest

from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing
from tune_bn.core.history.tried import Tried

SPACE = {"n": Int(1, 4), "kind": Categorical(["a", "b"])}
LAYERS = {"layers": Int(1, 2), "units_0": Int(1, 9), "units_1": Int(1, 9)}
ONE = {"n": 1, "kind": "a"}


def test_what_has_a_result_is_tried():
    """In whatever order the parameters come; and what differs in one value is not."""
    tried = Tried()
    tried.add(SPACE, ONE)
    assert tried.has(SPACE, {"kind": "a", "n": 1})
    assert not tried.has(SPACE, {"kind": "b", "n": 1})


def test_floats_are_told_apart_to_their_last_digit():
    """Steps are not: a range that changed may have them elsewhere by a hair."""
    tried = Tried()
    tried.add({"x": Float(0, 1)}, {"x": np.float64(0.3)})
    tried.add({"y": Float(0, 1, step=0.1)}, {"y": 0.3})
    above = math.nextafter(0.3, 1)
    assert tried.has({"x": Float(0, 1)}, {"x": 0.3})
    assert not tried.has({"x": Float(0, 1)}, {"x": np.float64(above)})
    assert tried.has({"y": Float(0, 1, step=0.1)}, {"y": above})


def test_what_a_trial_of_another_branch_did_not_use_does_not_matter():
    """A draw that agrees with a trial in all that this trial used is that trial again."""
    tried = Tried()
    tried.add(LAYERS, {"layers": 1, "units_0": 5})
    assert tried.has(LAYERS, {"layers": 1, "units_0": 5, "units_1": 7})
    assert not tried.has(LAYERS, {"layers": 2, "units_0": 5, "units_1": 7})
    assert not tried.has(LAYERS, {"layers": 1, "units_0": 5, "units_1": 7}, by_branch=False)


@pytest.mark.parametrize("kind", ["failed", "running"])
def test_without_a_result_is_tried_until_nothing_else_is_left(kind):
    """Up to three trials without a result may be given to a configuration."""
    tried = Tried()
    for number in range(3):
        assert not tried.has(SPACE, ONE, without_result=False)
        if kind == "failed":
            tried.fail(SPACE, ONE)
        else:
            tried.run(number, SPACE, ONE)
        assert tried.has(SPACE, ONE)
    assert tried.has(SPACE, ONE, without_result=False)


def test_a_running_trial_counts_with_what_it_has_now():
    """What it had before, and what ended, leaves no trace."""
    tried = Tried()
    tried.run(7, SPACE, {"n": 1})
    tried.run(7, SPACE, ONE)
    assert tried.has(SPACE, ONE)
    tried.end(7)
    assert not tried.has(SPACE, ONE)
    assert not tried.is_any_without_result


def test_what_fails_before_the_last_parameter_counts_against_each_way_to_complete_it():
    """Three times as many trials as there are ways; until then it is in nobody's way."""
    tried = Tried()
    for _ in range(6):
        assert not tried.has(SPACE, ONE)
        tried.fail(SPACE, {"n": 1})
    assert tried.has(SPACE, ONE)
    assert not tried.has(SPACE, {"n": 2, "kind": "a"})
    endless = {**SPACE, "x": Float(0, 1)}
    assert not tried.has(endless, {**ONE, "x": 0.5})


def test_a_configuration_that_failed_is_tried_again_before_any_is_repeated():
    """One that always fails takes three trials; the others once each before."""
    search = CoarseToFine(SPACE, seed=0, narrowing=Narrowing(coarse_trials=1))
    asked = []
    for _ in range(18):
        trial = search.ask()
        asked.append(tuple(trial.params.values()))
        if trial.params == {"n": 3, "kind": "b"}:
            search.tell(trial, None)
        else:
            search.tell(trial, abs(trial.params["n"] - 2) + (trial.params["kind"] == "b"))
    assert len(set(asked[:8])) == 8
    assert asked[8:10] == [(3, "b")] * 2


def test_a_given_value_counts_as_what_it_is():
    """With one of two parameters given, all values of the other are tried before any twice."""
    search = CoarseToFine(SPACE, seed=1, narrowing=Narrowing(coarse_trials=1))
    search.tell(search.ask({"n": 1, "kind": "a"}), 0.0)
    second = search.ask({"kind": "a"})
    search.tell(second, 1.0)
    values = [second.params["n"]]
    for _ in range(2):
        trial = search.ask({"kind": "a"})
        search.tell(trial, 1.0)
        values.append(trial.params["n"])
    assert sorted(values) == [2, 3, 4]
