"""Parameters: every value inside the range, on its scale, in cells of equal weight."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.judges import equal_counts_p, uniform_p
from tune_bn import Categorical, Float, Int, SpaceError
from tune_bn.core.draws.dice import uniforms
from tune_bn.core.space import (
    Multiples,
    Normal,
    Parameter,
    is_same_choice,
    parameter_from_json,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
quantile = st.floats(0, 1, exclude_max=True)
width = st.floats(1e-9, 1)


@st.composite
def floats(draw: st.DrawFn) -> Float:
    """Any Float: each scale, tiny and huge, single points."""
    kind = draw(st.sampled_from(["linear", "log", "one-minus-log", "step"]))
    if kind == "one-minus-log":
        low, high = sorted([draw(st.floats(-1e6, 1 - 1e-9)) for _ in range(2)])
        return Float(low, high, one_minus_log=True)
    if kind == "log":
        low, high = sorted([draw(st.floats(1e-300, 1e300)) for _ in range(2)])
        return Float(low, high, log=True)
    if kind == "step":
        step = draw(st.floats(1e-3, 1e3))
        low = draw(st.floats(-1e6, 1e6))
        return Float(low, low + step * draw(st.integers(0, 1000)), step=step)
    low, high = sorted([draw(finite), draw(finite)])
    return Float(low, high)


@st.composite
def ints(draw: st.DrawFn) -> Int:
    """Any Int: steps, log scales, ranges of 2**62."""
    low, high = sorted([draw(st.integers(-(2**62), 2**62)) for _ in range(2)])
    if draw(st.booleans()):
        low, high = sorted([draw(st.integers(1, 2**62)) for _ in range(2)])
        return Int(low, high, log=True)
    return Int(low, high, step=draw(st.integers(1, 10**6)))


choices = st.lists(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.just(math.nan), st.just([1])),
    min_size=1,
    max_size=6,
).map(Categorical)
parameters = st.one_of(floats(), ints(), choices)


def is_in(parameter: Parameter, value: object) -> bool:
    """Tells whether a value is one of the parameter's, of python's own type."""
    if isinstance(parameter, Categorical):
        return any(value is c for c in parameter.choices)
    if isinstance(parameter, Int):
        offset = value - parameter.low if type(value) is int else -1
        return 0 <= offset <= parameter.high - parameter.low and offset % parameter.step == 0
    assert isinstance(parameter, Float)
    return type(value) is float and parameter.low <= value <= parameter.high


@given(parameters, quantile)
def test_draws_are_inside(parameter, r):
    """Every draw is a value of the parameter."""
    assert is_in(parameter, parameter.draw(r))


@given(parameters, quantile, quantile, width)
def test_draws_near_are_inside(parameter, r_centre, r, w):
    """A draw around any value is a value of the parameter."""
    assert is_in(parameter, parameter.around(parameter.draw(r_centre), w).draw(r))


@given(st.one_of(floats(), ints()), quantile, quantile, width)
def test_draws_near_are_inside_the_window(parameter, r_centre, r, w):
    """What `window` says is where `around` draws, and the centre lies in it."""
    centre = parameter.draw(r_centre)
    low, high = parameter.window(centre, w)
    span = max(abs(low), abs(high)) * 1e-9
    assert low - span <= centre <= high + span
    assert low - span <= parameter.around(centre, w).draw(r) <= high + span


@given(st.one_of(floats(), ints()), st.lists(quantile, min_size=2, max_size=2, unique=True))
def test_draws_are_monotone(parameter, rs):
    """A higher quantile never gives a lower value."""
    low, high = sorted(rs)
    assert parameter.draw(low) <= parameter.draw(high)


@given(parameters, quantile)
def test_nearest_of_a_value_is_the_value(parameter, r):
    """`nearest` moves nothing that is inside already."""
    value = parameter.draw(r)
    assert parameter.nearest(value) is value or parameter.nearest(value) == value


@given(st.one_of(floats(), ints()), finite)
def test_nearest_is_inside(parameter, value):
    """Whatever number a user enqueued, a window can lie around it."""
    assert is_in(parameter, parameter.nearest(value))


@given(parameters, quantile)
def test_positions_lie_on_the_scale(parameter, r):
    """A position is between 0 and 1."""
    assert 0 <= parameter.position(parameter.draw(r)) <= 1


@given(st.floats(0.001, 0.999))
def test_position_inverts_draw(r):
    """On each scale of floats, position(draw(r)) is r."""
    for parameter in (
        Float(-3, 5),
        Float(1e-4, 1, log=True),
        Float(0.9, 0.999, one_minus_log=True),
        Float(-1e308, 1e308),
    ):
        assert math.isclose(parameter.position(parameter.draw(r)), r, rel_tol=1e-9, abs_tol=1e-9)


@given(parameters)
def test_json_round_trip(parameter):
    """A parameter that went to JSON and back is equal."""
    assert parameter_from_json(parameter.to_json()) == parameter


@given(parameters)
def test_bounds_are_what_draws_reach(parameter):
    """The lowest quantile is the lower bound; the choices are all choices."""
    if isinstance(parameter, Categorical):
        assert len(parameter.bounds) == parameter.n_cells
    else:
        assert parameter.draw(0.0) == parameter.bounds[0]
        assert parameter.draw(1 - 2**-53) <= parameter.bounds[1]


def draws(parameter: Parameter, n: int = 2000) -> list:
    return [parameter.draw(uniforms(0, i, "x")[0]) for i in range(n)]


def draws_near(parameter: Parameter, centre: object, w: float, n: int = 2000) -> list:
    return [parameter.around(centre, w).draw(uniforms(0, i, "x")[0]) for i in range(n)]


def test_ints_are_uniform():
    """Every integer of the range is equally likely, both ends included."""
    assert equal_counts_p(draws(Int(0, 9)), range(10)) > 1e-3


def test_steps_are_uniform():
    """Every step is equally likely, both ends included; high is lowered to the last step."""
    assert equal_counts_p(draws(Int(1, 12, step=3)), [1, 4, 7, 10]) > 1e-3
    assert equal_counts_p(draws(Float(0, 1, step=0.25)), [0, 0.25, 0.5, 0.75, 1.0]) > 1e-3


def test_choices_are_uniform():
    """Every choice is equally likely."""
    assert equal_counts_p(draws(Categorical(["a", "b", "c"])), ["a", "b", "c"]) > 1e-3


def test_ints_in_a_window_are_uniform():
    """Whole cells around the centre are equally likely."""
    assert equal_counts_p(draws_near(Int(0, 9), 5, 0.4), range(3, 8)) > 1e-3


@pytest.mark.parametrize("parameter", [Int(0, 9), Float(0, 9, step=1.0), Int(1, 10, log=True)])
@pytest.mark.parametrize("end", [0, -1])
def test_what_lies_beyond_an_end_falls_to_the_value_at_the_end(parameter, end):
    """A window around an end value draws that value as often as all its neighbours together."""
    centre, near = parameter.bounds[end], parameter.window(parameter.bounds[end], 0.4)
    drawn = draws_near(parameter, centre, 0.4)
    assert 0.4 < drawn.count(centre) / len(drawn) < 0.8
    assert {min(drawn), max(drawn)} == set(near)


def test_a_narrow_window_of_ints_holds_the_neighbours():
    """However narrow, a window of integers is at least three wide: search never gets stuck."""
    assert Int(0, 1000).window(500, 1e-9) == (499, 501)
    assert Int(1, 10**6, log=True).window(900_000, 1e-9) == (899_999, 900_001)
    assert Float(0, 10, step=0.5).window(5.0, 1e-9) == (4.5, 5.5)


def test_log_floats_are_log_uniform():
    """α between 1e-4 and 1 is 10**r with r uniform."""
    values = [math.log10(v) for v in draws(Float(1e-4, 1, log=True))]
    assert uniform_p(values, -4, 0) > 1e-3


def test_one_minus_log_floats_are():
    """1 − β is log-uniform for β between 0.9 and 0.999."""
    values = [math.log10(1 - v) for v in draws(Float(0.9, 0.999, one_minus_log=True))]
    assert uniform_p(values, -3, -1) > 1e-3


def test_log_ints_have_the_weight_of_their_cell():
    """k of a log integer has probability log((k + ½)/(k − ½)) / log((high + ½)/(low − ½))."""
    from scipy import stats

    values = draws(Int(1, 6, log=True), 6000)
    weights = [math.log((k + 0.5) / (k - 0.5)) for k in range(1, 7)]
    expected = [6000 * w / sum(weights) for w in weights]
    assert stats.chisquare([values.count(k) for k in range(1, 7)], expected).pvalue > 1e-3


def test_window_is_symmetric_on_the_log_scale():
    """A window reaches as many decades up as down."""
    low, high = Float(1e-4, 1, log=True).window(1e-2, 0.5)
    assert math.isclose(low, 1e-3)
    assert math.isclose(high, 1e-1)


def test_category_is_redrawn_with_probability_width():
    """With width w a category changes its value in a share w·(k − 1)/k of the draws."""
    values = draws_near(Categorical(list("abcd")), "a", 0.5, 4000)
    kept = values.count("a")
    assert abs(kept / 4000 - (0.5 + 0.5 / 4)) < 0.03  # four standard errors
    assert equal_counts_p([v for v in values if v != "a"], ["b", "c", "d"]) > 1e-3


def test_extreme_ranges_do_not_overflow():
    """A range that is wider than the largest float is drawn evenly."""
    values = draws(Float(-1.7e308, 1.7e308))
    assert all(map(math.isfinite, values))
    assert uniform_p([v / 1.7e308 for v in values], -1, 1) > 1e-3
    assert {type(v) for v in draws(Int(-(2**62), 2**62), 100)} == {int}


def test_true_is_not_one():
    """Choices are told apart by type, so that True, 1 and 1.0 can stand side by side."""
    parameter = Categorical([True, 1, 1.0, "1"])
    assert [parameter.index(c) for c in parameter.choices] == [0, 1, 2, 3]


def test_nan_none_and_unhashable_choices():
    """NaN, None, lists and arrays are choices like any other."""
    array = np.arange(3)
    parameter = Categorical([math.nan, None, [1, 2], array])
    assert parameter.index(float("nan")) == 0
    assert parameter.index([1, 2]) == 2
    assert parameter.index(array) == 3
    assert not is_same_choice(array, np.arange(3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(1, 0), r"low <= high, but got low=1 and high=0\. Swap"),
        (lambda: Float(0, 1, log=True), r"log=True needs low > 0, but got low=0\. Raise low"),
        (lambda: Float(0.9, 1.0, one_minus_log=True), r"needs high < 1, but got high=1\.0"),
        (lambda: Float(0, math.inf), r"finite number high, but got high=inf"),
        (lambda: Float(math.nan, 1), r"finite number low, but got low=nan"),
        (lambda: Float("0", 1), r"number low, but got low='0'"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: Float(True, 2), r"number low, but got low=True"),
        (lambda: Float(0, 1, step=0), r"step > 0, but got step=0"),
        (lambda: Float(1, 2, log=True, step=1), r"step needs a linear scale"),
        (lambda: Float(0.1, 0.2, log=True, one_minus_log=True), r"needs one scale"),
        (lambda: Float(0, 1e300, step=1e-300), r"fewer than 2\*\*63 steps"),
        (lambda: Int(0.5, 1), r"whole number low, but got low=0\.5\. Use Float"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: Int(3, 1), r"low <= high, but got low=3 and high=1"),
        (lambda: Int(0, 5, log=True), r"low >= 1 and step=1, but got low=0"),
        (lambda: Int(1, 5, log=True, step=2), r"low >= 1 and step=1, but got low=1 and step=2"),
        (lambda: Int(0, 5, step=0), r"step >= 1, but got step=0"),
        (lambda: Categorical([]), r"at least one choice"),
        (lambda: Categorical("relu"), r"list of choices, but got 'relu'\. Write .*\['relu'\]"),
        (lambda: Categorical(3), r"list of choices, but got 3"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: Categorical(["a"]).nearest("b"), r"has the choices \('a',\), but got 'b'"),
        (lambda: Float(0, 1).nearest("x"), r"needs a number, but got 'x'"),
        (lambda: Int(0, 1).nearest(math.nan), r"needs a number, but got nan"),
        (
            lambda: parameter_from_json({"type": "complex"}),
            r"type of float, int, categorical, multiples, normal.*complex",
        ),
        (lambda: parameter_from_json({"type": "int", "bad": 1}), r"could not be read"),
    ],
)
def test_errors_name_what_is_wrong(make, message):
    """Each wrong option has one clear error, which is also a ValueError."""
    with pytest.raises(SpaceError, match=message) as caught:
        make()
    assert isinstance(caught.value, ValueError)


def test_bounds_of_numpy_are_numbers():
    """They become Python's own, so that they can be saved as JSON; a boolean is none."""
    parameter = Float(np.float32(0.5), np.int64(2), step=np.float32(0.25))  # type: ignore[arg-type]  # numpy's
    assert parameter == Float(0.5, 2, step=0.25)
    assert [type(x) for x in (parameter.low, parameter.high, parameter.step)] == [float] * 3
    assert [type(x) for x in Int(np.int64(1), np.uint8(9)).ends] == [int, int]  # type: ignore[arg-type]  # numpy's
    assert type(Normal(np.float32(0), np.float32(1)).sd) is float  # type: ignore[arg-type]  # numpy's
    with pytest.raises(SpaceError, match="high=True"):
        Float(0, True)


@given(floats(), st.sampled_from([math.inf, -math.inf]))
def test_infinite_values_go_to_an_end(parameter, value):
    """An infinite enqueued value is moved to the end of the range."""
    assume(parameter.low < parameter.high)
    assert parameter.nearest(value) == parameter.bounds[value > 0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Float(0, 10**400),
        lambda: Int(0, 10**400),
        lambda: Int(-(10**308), 10**308),
        lambda: Int(0, 1, step=10**400),
    ],
)
def test_a_range_that_no_float_holds_is_refused(make):
    """At once, with a message that does not print its digits."""
    with pytest.raises(SpaceError, match="finite") as caught:
        make()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("parameter", [Float(0, 1), Float(0, 1, step=0.25), Int(0, 9)])
def test_an_integer_of_any_size_goes_to_an_end(parameter):
    """As an infinite value does."""
    assert parameter.nearest(10**400) == parameter.bounds[1]
    assert parameter.nearest(-(10**400)) == parameter.bounds[0]
    assert parameter.position(math.inf) > 0.5


def test_as_many_steps_as_an_integer_of_64_bits_counts():
    """2**63 are one too many, and half of them are not."""
    assert Float(0, 2.0**62, step=1).n_cells == 2**62 + 1
    with pytest.raises(SpaceError, match="fewer than 2\\*\\*63 steps"):
        Float(0, 2.0**63, step=1)


def test_infinite_values_go_to_an_end_of_integers_too():
    """The low end for minus infinity, the high one for infinity."""
    for parameter in (Int(3, 9), Int(3, 9, step=2), Int(3, 9, log=True)):
        assert parameter.nearest(-math.inf) == 3
        assert parameter.nearest(math.inf) == 9
        assert parameter.position(-math.inf) < 0.5 < parameter.position(math.inf)


def test_the_window_of_a_log_integer_reaches_as_far_on_both_sides():
    """A tenth of the scale, which begins half a cell below 1, to the nearest cell."""
    parameter = Int(1, 10_000, log=True)
    factor = (10_000.5 / 0.5) ** 0.1
    low, high = parameter.window(100, 0.2)
    assert low == pytest.approx(100 / factor, abs=1)
    assert high == pytest.approx(100 * factor, abs=1)
    drawn = [parameter.around(100, 0.2).draw(i / 1000) for i in range(1000)]
    assert (min(drawn), max(drawn)) == (low, high)
    assert 450 < sum(value < 100 for value in drawn) < 550


def test_what_lies_beyond_the_low_end_of_a_log_integer_falls_to_it():
    """Good values often lie at an end: it has more than its own cell's share of the window."""
    parameter = Int(1, 10_000, log=True)
    drawn = [parameter.around(1, 0.5).draw(i / 1000) for i in range(1000)]
    assert 0.5 < drawn.count(1) / 1000 < 0.65


NAN = math.nan


@pytest.mark.parametrize(
    ("a", "b", "is_same"),
    [
        *((x, x, True) for x in (1, True, "a", None, 1.5, (1, NAN), NAN)),
        *((1, True, False), (0, False, False), (1, 1.0, False), ("1", 1, False), (None, 0, False)),
        *((NAN, float("nan"), True), (NAN, 1.0, False), (1.0, NAN, False), (1.0, 2.0, False)),
        *(([1], [1], True), ([1], [2], False), (np.zeros(2), np.zeros(2), False)),
    ],
)
def test_which_choices_are_one(a, b, is_same):
    """Equal and of one type; NaN is NaN, and nothing else is."""
    assert is_same_choice(a, b) is is_same


@pytest.mark.parametrize("parameter", [Int(-3, 9, step=4), Int(2, 30, step=7), Int(0, 5)])
def test_cells_of_an_int_are_its_values_in_order(parameter):
    """Cell by cell it counts from the lowest value in steps."""
    values = [*range(parameter.low, parameter.high + 1, parameter.step or 1)]
    assert [parameter.at(cell) for cell in range(parameter.n_cells)] == values


def test_a_step_that_misses_the_end_ends_before_it():
    """The bounds are values that can be drawn."""
    assert Float(0, 1, step=0.3).bounds == pytest.approx((0.0, 0.9))
    assert Float(0, 0.9, step=0.3).bounds == pytest.approx((0.0, 0.9))


def test_the_ends_of_a_log_scale_are_told_apart_where_logarithms_cannot():
    """Two huge neighbours have one logarithm, and are still the lower and the upper end."""
    low = 1e300
    narrow = Float(low, math.nextafter(low, math.inf), log=True)
    assert (narrow.position(narrow.low), narrow.position(narrow.high)) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("parameter", "scale", "is_whole", "spacing"),
    [
        (Float(0, 1), "linear", False, None),
        (Float(0, 1, step=0.5), "linear", False, 0.5),
        (Float(1e-4, 1, log=True), "log", False, None),
        (Float(0.9, 0.99, one_minus_log=True), "one-minus-log", False, None),
        (Int(1, 9, step=2), "linear", True, 2),
        (Int(1, 9, log=True), "log", True, 1),
        (Multiples(1, 4, 0.5), "linear", False, 0.5),
        (Multiples(1, 4, 3, log=True), "log", True, 3),
        (Normal(0, 1), "normal", False, None),
        (Normal(0, 1, 0.5), "normal", False, 0.5),
        (Categorical([1, 2]), "choices", False, None),
    ],
)
def test_a_parameter_says_of_what_kind_it_is(parameter, scale, is_whole, spacing):
    """Its scale, whether its values are ints, and how far apart they are."""
    assert (parameter.scale, parameter.is_whole, parameter.spacing) == (scale, is_whole, spacing)
    assert all(isinstance(v, int) is is_whole for v in parameter.bounds) or scale == "choices"


@pytest.mark.parametrize(
    ("parameter", "low", "high", "wanted"),
    [
        (Float(0, 1), -1.0, 3, Float(-1.0, 3)),
        (Float(0, 1, step=0.25), 0.5, 2.0, Float(0.5, 2.0, step=0.25)),
        (Float(1e-4, 1, log=True), 1e-2, 2.0, Float(1e-2, 2.0, log=True)),
        (Float(0.9, 0.99, one_minus_log=True), 0.5, 0.9, Float(0.5, 0.9, one_minus_log=True)),
        (Int(0, 9, step=3), 2.5, 11.5, Int(2, 12, step=3)),
        (Int(4, 9, log=True), 0.5, 11.5, Int(1, 12, log=True)),
        (Multiples(1, 4, 0.1), 0.3, 0.7, Multiples(3, 7, 0.1)),
        (Multiples(1, 4, 0.5), 0.6, 2.6, Multiples(1, 6, 0.5)),
        (Multiples(2, 4, 3, log=True), 0, 7, Multiples(1, 3, 3, log=True)),
        (Normal(0, 1), -0.5, 2.0, Float(-0.5, 2.0)),
        (Normal(0, 1, 0.5), -0.6, 2.0, Multiples(-2, 4, 0.5)),
        (Normal(1e300, 1e300, 1e-10), 0.0, 1e300, Float(0.0, 1e300)),
    ],
)
def test_other_ends(parameter, low, high, wanted):
    """The same kind and scale; ends go outwards to a value where there is a spacing."""
    assert parameter.between(low, high) == wanted


@pytest.mark.parametrize(
    ("parameter", "wanted"),
    [
        (Float(0, 100, step=0.5), Float(1, 100, log=True)),
        (Int(0, 100, step=5), Int(1, 100, log=True)),
        (Multiples(0, 50, 2), Multiples(1, 50, 2, log=True)),
        (Float(0, 100, log=False), Float(1, 100, log=True)),
        (Normal(5, 1, 0.5), Multiples(2, 200, 0.5, log=True)),
    ],
)
def test_other_ends_on_another_scale(parameter, wanted):
    """A step that the scale does not go with is dropped, a quantum is kept."""
    assert parameter.between(1, 100, scale="log") == wanted


@pytest.mark.parametrize(
    ("parameter", "low", "high"),
    [
        (Float(1, 2, log=True), 0.0, 1.0),
        (Float(0, 1), 2.0, 1.0),
        (Multiples(0, 1, 1e-300), 0.0, 1e300),
        (Categorical([1, 2]), 1, 2),
    ],
)
def test_ends_that_cannot_be(parameter, low, high):
    """They are refused as in a parameter that is made with them."""
    with pytest.raises(SpaceError):
        parameter.between(low, high)


def test_multiples_beyond_the_largest_float_are_refused():
    """The same multiples of a small quantum are not."""
    with pytest.raises(SpaceError, match=r"needs finite ends, but got q=1e\+200"):
        Multiples(-(10**200), 1, 1e200)
    assert Multiples(-(10**200), 1, 1e-200).ends == (-1.0, 1e-200)
    assert Multiples(-(10**9), 1, 1e-303).ends == (-1e-294, 1e-303)


@given(st.one_of(floats(), ints()))
def test_its_own_ends_make_the_same_parameter(parameter):
    """So that one end can be moved alone."""
    assert parameter.between(*parameter.ends) == parameter
    assert parameter.between(*parameter.ends).bounds == parameter.bounds
