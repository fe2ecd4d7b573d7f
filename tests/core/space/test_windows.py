"""Windows and places on a scale, by hand."""

import math

import pytest

from tune_bn.core.space import Float, Int
from tune_bn.core.space.quantised import Normal
from tune_bn.core.space.window import Cells


@pytest.mark.parametrize("parameter", [Float(0, 1, step=0.25), Float(1e-3, 1, log=True)])
def test_several_positions_are_those_of_each(parameter):
    """Of stepped ranges, whose cells have one position each, and of others."""
    values = [parameter.at(i) for i in range(5)] if parameter.n_cells else [0.001, 0.3, 1.0]
    assert parameter.positions(values) == [parameter.position(value) for value in values]


def test_cells_have_their_share_of_a_range():
    """Three cells of ten, also where the window reaches beyond an end."""
    assert Cells(Int(0, 9), first=3, count=3).share == 0.3
    assert Cells(Int(0, 9), first=-2, count=3).share == 0.1


def test_a_window_of_a_normal_holds_its_share_of_the_probability():
    """So many of the quantiles around the centre's, and no more beyond the last of them."""
    low, high = Normal(0.0, 1.0).around(0.0, 0.5).bounds
    assert low == pytest.approx(-0.6745, abs=1e-4)  # the quartiles of a standard normal
    assert high == pytest.approx(0.6745, abs=1e-4)
    window = Normal(0.0, 1.0).around(3.0, 0.5)
    assert window.share == pytest.approx(0.25, abs=0.01)
    assert all(math.isfinite(end) for end in window.bounds)
