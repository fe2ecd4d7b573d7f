"""Windows and places on a scale, by hand."""

import math

import pytest

from tune_bn.core.space import Categorical, Float, Int
from tune_bn.core.space.quantised import Normal
from tune_bn.core.space.window import Cells, Interval, Stratum

LAST = 1.0 - 2.0**-53  # the largest number that is drawn


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


@pytest.mark.parametrize("size", [1, 3, 8, 30])
@pytest.mark.parametrize(
    "parameter",
    [Int(0, 7), Int(1, 300, log=True), Float(0, 1, step=0.125), Categorical(list("abcdefgh"))],
    ids=str,
)
def test_a_stratum_shows_what_it_draws_and_no_more(parameter, size):
    """The next cell begins where a stratum ends: it is neither shown nor drawn."""
    quantiles = [i / 1000 for i in range(1000)] + [LAST]
    for part in range(size):
        window = Stratum(parameter, part, size)
        drawn = {window.draw(r) for r in quantiles}
        if parameter.is_unordered:
            assert drawn == set(window.bounds)
        else:
            assert (min(drawn), max(drawn)) == window.bounds


def test_eight_strata_of_eight_cells_have_one_each():
    """Also of categories."""
    assert [Stratum(Int(0, 7), i, 8).bounds for i in range(8)] == [(i, i) for i in range(8)]
    kinds = Categorical(list("abcdefgh"))
    assert [Stratum(kinds, i, 8).bounds for i in range(8)] == [(c,) for c in "abcdefgh"]


def test_an_interval_ends_before_the_next_cell():
    """Two cells of eight, whose upper end is where a third begins."""
    window = Interval(Int(0, 7), 0.25, 0.5)
    assert window.bounds == (2, 3)
    assert window.draw(LAST) == 3


@pytest.mark.parametrize("sd", [0.01, 0.1, 1.0])
def test_the_neighbours_of_a_multiple_are_always_in_its_window(sd):
    """However narrow: the next multiple on each side can be drawn, and no farther one need be."""
    window = Normal(0.0, sd, q=sd).around(sd, 1e-9)
    drawn = {round(window.draw(i / 1000) / sd) for i in range(1000)}
    assert {0, 1, 2} <= drawn <= {-1, 0, 1, 2, 3}


def test_an_interval_of_no_width_is_one_place():
    """What it draws is what it shows."""
    window = Interval(Float(0, 1), 0.3, 0.3)
    assert window.bounds == (0.3, 0.3)
    assert {window.draw(r) for r in (0.0, 0.5, LAST)} == {0.3}
