"""One value, however it is written: numpy's scalars, texts of a CSV file, 0.3 for 3·0.1."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing, SpaceError
from tune_bn.core.history.history import History
from tune_bn.core.history.trial import Trial
from tune_bn.core.space import Multiples, Normal, Parameter
from tune_bn.core.space.number import as_number

HALVES: list[Any] = [0.5, np.float64(0.5), np.float32(0.5), np.array(0.5), "0.5", " 5e-1"]
HALVES += [Decimal("0.5"), Fraction(1, 2)]
EIGHTS: list[Any] = [8, 8.0, np.int64(8), np.int8(8), np.uint64(8), np.float32(8), "8", "+8.0"]
NONE: list[Any] = [True, np.bool_(True), None, "", "x", "1_0", "nan", "0x1", [1], float("nan")]
NONE += [np.float64("nan"), np.array([1.0]), 1j, "1,5"]


def name_of(value: Any) -> str:
    """Returns how a value is written."""
    return f"{type(value).__name__} {value!r}"


@pytest.mark.parametrize("value", HALVES, ids=name_of)
def test_a_half_is_a_half(value):
    """As a value of a real, a stepped, a quantised and a normal parameter."""
    steps = Float(0, 1, step=0.25)
    parameters: list[Parameter] = [Float(0, 1), steps, Multiples(0, 4, 0.25), Normal(0, 1)]
    for parameter in parameters:
        for found in (parameter.nearest(value), parameter.meant(value)):
            assert found == 0.5
            assert type(found) is float


@pytest.mark.parametrize("value", EIGHTS, ids=name_of)
def test_eight_is_eight(value):
    """As a value of an integer parameter, and as a choice."""
    for parameter in (Int(1, 9), Int(1, 900, log=True), Categorical([4, 8, None])):
        assert parameter.meant(value) == 8
        assert type(parameter.meant(value)) is int


@pytest.mark.parametrize("value", NONE, ids=name_of)
def test_what_means_no_number_is_refused(value):
    """Booleans and what only looks like a number are none; the message shows what it got."""
    assert as_number(value) is None
    for parameter in (Float(0, 1), Int(0, 9), Multiples(0, 4, 0.5), Normal(0, 1)):
        with pytest.raises(SpaceError, match=r"needs a (finite )?number, but got"):
            parameter.meant(value)


def test_a_cell_is_met_within_rounding_only():
    """0.3 is 3·0.1; what lies between two cells, or outside of the range, stays what it is."""
    tenths = Float(0, 1, step=0.1)
    assert tenths.meant(0.3) == tenths.meant("0.30") == tenths.at(3) != 0.3
    assert tenths.meant(0.34) == 0.34
    assert tenths.meant(1.7) == 1.7
    assert Int(0, 9).meant(float("inf")) == float("inf")


SPACE = {"n": Int(1, 9), "rate": Float(0, 1, step=0.1), "kind": Categorical([16, 32])}


@pytest.mark.parametrize(
    "written",
    [
        {"n": np.int64(3), "rate": np.float64(0.3), "kind": np.int64(32)},
        {"n": "3", "rate": "0.30", "kind": "32"},
        {"n": 3.0, "rate": 0.1 + 0.2, "kind": 32.0},
    ],
    ids=["numpy", "text", "floats"],
)
def test_a_trial_added_as_it_was_written_is_the_trial(written):
    """The search draws, saves and shows the same as of a trial in python's own numbers."""
    plain, other = (CoarseToFine(SPACE, seed=0, narrowing=Narrowing(coarse_trials=1)) for _ in "ab")
    plain.add({"n": 3, "rate": 0.3, "kind": 32}, 1.0)
    other.add(written, 1.0)
    for _ in range(40):
        a, b = plain.ask(), other.ask()
        assert a == b
        assert a.params != plain.trials[0].params
        plain.tell(a, a.params["rate"])
        other.tell(b, b.params["rate"])
    assert plain.to_json() == other.to_json()
    assert plain.stages() == other.stages()


def test_centres_are_found_however_they_are_written():
    """A good trial of a data frame attracts as any other."""
    history = History()
    history.add(Trial(0, {"n": np.int64(3)}, (0.0,)))
    history.add(Trial(1, {"n": "4"}, (1.0,)))
    assert history.centres("n", Int(1, 9), 5) == ((3, 4), (0, 1))
