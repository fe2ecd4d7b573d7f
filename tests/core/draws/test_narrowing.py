"""The schedule is a pure function of its settings and of how many trials are ranked."""

import itertools
import math
import sys
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.draws import propose
from tune_bn import CoarseToFine, Float, Narrowing, NarrowingError
from tune_bn.core.draws.narrowing import stage_for
from tune_bn.core.history.history import History
from tune_bn.core.history.trial import Trial


def history_of(n: int, dimensions: int = 4) -> History:
    """Returns a history of n ranked trials."""
    history = History()
    for i in range(n):
        history.add(Trial(i, {f"x{d}": 0.5 for d in range(dimensions)}, (float(i),)))
    return history


schedules = st.sampled_from(
    [Narrowing(), Narrowing.for_budget(30), Narrowing.for_budget(400), Narrowing.textbook()]
)


def test_off_never_narrows():
    """Plain random search stays coarse however many trials there are."""
    assert stage_for(Narrowing.off(), history_of(500)).stage == 0


@given(schedules)
def test_coarse_stage_ends_when_enough_trials_are_ranked(narrowing):
    """The first fine stage begins with the trial after the coarse ones."""
    assert narrowing.coarse_trials is not None
    assert stage_for(narrowing, history_of(narrowing.coarse_trials - 1)).stage == 0
    assert stage_for(narrowing, history_of(narrowing.coarse_trials)).stage == 1


def widths_of(narrowing: Narrowing, dimensions: int, n: int = 600) -> list[float]:
    """Returns the widths of the first n trials."""
    history, widths = History(), []
    for i in range(n):
        widths.append(stage_for(narrowing, history).width)
        history.add(Trial(i, {f"x{d}": 0 for d in range(dimensions)}, (0.0,)))
    return widths


@given(schedules, st.integers(1, 9))
def test_windows_never_widen_and_never_vanish(narrowing, dimensions):
    """Without reopening the width stays or falls, to the floor and no further."""
    widths = widths_of(replace(narrowing, reopen=None), dimensions)
    assert all(a >= b for a, b in itertools.pairwise(widths))
    assert min(widths) >= narrowing.min_width
    assert widths[-1] < widths[0]


@pytest.mark.parametrize("dimensions", [1, 5])
def test_spent_windows_open_again(dimensions):
    """After the floor the width starts anew at ``reopen``, again and again, at the same rate."""
    narrowing = Narrowing(stage_trials=4, width=0.8, min_width=0.1, reopen=0.4)
    widths = widths_of(narrowing, dimensions)
    tops = [b for a, b in itertools.pairwise(widths) if b > a]
    assert len(tops) > 3
    assert set(tops) == {0.4}
    assert min(widths) == 0.1
    falls = {round(b / a, 9) for a, b in itertools.pairwise(widths) if b < a and b > 0.1}
    assert len(falls - {0.8}) == 1  # 0.8 is the step from the coarse stage to the first fine one


def test_a_reopening_below_the_floor_stays_there():
    """A floor that was raised above ``reopen`` is no mistake."""
    assert set(widths_of(Narrowing(coarse_trials=1, width=1.0, min_width=1.0), 2)) == {1.0}


@given(schedules)
def test_width_changes_only_from_stage_to_stage(narrowing):
    """Within a stage the width is constant."""
    widths: dict[int, set[float]] = {}
    history = History()
    for i in range(200):
        plan = stage_for(narrowing, history)
        widths.setdefault(plan.stage, set()).add(plan.width)
        history.add(Trial(i, {"x": 0, "y": 1}, (0.0,)))
    assert all(len(found) == 1 for found in widths.values())
    assert len(widths) > 3


@given(schedules)
def test_stages_have_the_stated_length(narrowing):
    """Every fine stage lasts ``stage_trials`` ranked trials."""
    assert narrowing.coarse_trials is not None
    stages = [
        stage_for(narrowing, history_of(narrowing.coarse_trials + i)).stage
        for i in range(2 * narrowing.stage_trials)
    ]
    assert stages == [1] * narrowing.stage_trials + [2] * narrowing.stage_trials


@pytest.mark.parametrize("n", [1, 2, 5, 25, 100, 10_000])
def test_any_budget_gives_a_schedule_that_fits(n):
    """A budget of any size leaves more trials for the fine stages than for the coarse one."""
    narrowing = Narrowing.for_budget(n)
    assert narrowing.coarse_trials is not None
    assert narrowing.coarse_trials <= max(n / 2, 1)


@given(schedules)
def test_json_round_trip(narrowing):
    """A schedule that went to plain data and back is equal."""
    assert Narrowing.from_json(narrowing.to_json()) == narrowing


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coarse_trials": 0}, "coarse_trials >= 1, but got coarse_trials=0"),
        ({"coarse_trials": 2.5}, "coarse_trials=2.5"),
        ({"stage_trials": 0}, "stage_trials=0"),
        ({"stage_trials": True}, "stage_trials=True"),
        ({"elites": 0}, "elites=0"),
        ({"width": 0.0}, "width=0.0"),
        ({"width": 1.5}, "width=1.5"),
        ({"width": "wide"}, "width='wide'"),
        ({"width": float("nan")}, "width=nan"),
        ({"min_width": 0.9, "width": 0.5}, "min_width <= width"),
    ],
)
def test_errors_name_the_option(options, message):
    """Every option outside its range is refused by name, with what was got."""
    with pytest.raises(NarrowingError, match=message):
        Narrowing(**options)


@pytest.mark.parametrize("n", [0, -3, 2.5, None, True])
def test_budget_must_be_a_positive_integer(n):
    """A budget that is none is refused."""
    with pytest.raises(NarrowingError, match=f"n_trials >= 1, but got n_trials={n!r}"):
        Narrowing.for_budget(n)


def test_unknown_option_of_a_later_version():
    """A state with an option that this version does not know says what to do."""
    with pytest.raises(NarrowingError, match="no option 'speed'.*update tune-bn"):
        Narrowing.from_json({"speed": 3})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("vary", math.inf),
        ("elite_power", math.inf),
        ("elite_power", 10**400),
        ("shrink", 1e308),
        ("dimension_power", 1e308),
        ("stage_trials", 10**400),
        ("coarse_trials", 2**60),
    ],
)
def test_an_option_without_measure_is_refused(option, value):
    """It would become NaN, overflow, or could not be saved."""
    with pytest.raises(NarrowingError, match=option):
        Narrowing(**{option: value})


def test_a_coarse_stage_of_any_length_is_drawn_at_once():
    """Beyond 4,096 trials the strata are those of blocks, so no draw orders a billion of them."""
    search = CoarseToFine({"x": Float(0, 1)}, seed=0, narrowing=Narrowing(coarse_trials=2**40))
    values = sorted(search.ask().params["x"] for _ in range(4096))
    assert [int(value * 4096) for value in values] == list(range(4096))


def slow_widths(narrowing: Narrowing, dimensions: int, n: int) -> list[float]:
    """Does what `stage_for` does, one stage after the other: narrow, stay a stage, begin anew."""
    assert narrowing.coarse_trials is not None
    factor = math.exp(
        -narrowing.shrink * narrowing.stage_trials / dimensions**narrowing.dimension_power
    )
    widths, width = [1.0] * narrowing.coarse_trials, narrowing.width
    while len(widths) < n:
        widths += [width] * narrowing.stage_trials
        is_spent = width <= narrowing.min_width
        if is_spent and narrowing.reopen is not None and narrowing.reopen > narrowing.min_width:
            width = narrowing.reopen
        else:
            width *= factor
            if width < narrowing.min_width * (1 + 1e-9):
                width = narrowing.min_width
    return widths[:n]


@pytest.mark.parametrize("reopen", [None, 0.1, 0.4, 0.7])
@pytest.mark.parametrize("shrink", [0.01, 0.07, 0.3, 2.0])
@pytest.mark.parametrize("dimensions", [1, 5])
def test_widths_equal_the_reference(reopen, shrink, dimensions):
    """The closed form is what a stage does to the one before, through every reopening."""
    narrowing = Narrowing(
        coarse_trials=3, stage_trials=4, width=0.8, min_width=0.06, shrink=shrink, reopen=reopen
    )
    expected = slow_widths(narrowing, dimensions, 600)
    assert widths_of(narrowing, dimensions) == pytest.approx(expected, rel=1e-9)


def test_the_reference_narrows_and_reopens():
    """The slow version above does what it is there for."""
    narrowing = Narrowing(
        coarse_trials=1, stage_trials=1, width=0.8, min_width=0.1, shrink=math.log(2), reopen=0.4
    )
    expected = [1.0, 0.8, 0.4, 0.2, 0.1, 0.4, 0.2, 0.1, 0.4]
    assert slow_widths(narrowing, 1, 9) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("n", "coarse", "stage", "faster"),
    [
        (1, 1, 5, 1.5),
        (5, 1, 5, 1.5),
        (24, 8, 5, 1.5),
        (50, 8, 5, 1.5),
        (60, 8, 5, (5 / 3) ** 0.6),
        (100, 8, 5, 1.0),
        (400, 8, 20, 0.25**0.6),
        (10_000, 8, 500, 0.01**0.6),
    ],
)
def test_a_budget_sets_the_pace(n, coarse, stage, faster):
    """A hundred trials narrow as the defaults do; four times as many by 4 ** 0.6 more slowly."""
    narrowing = Narrowing.for_budget(n)
    assert narrowing.coarse_trials == coarse
    assert narrowing.stage_trials == stage
    assert narrowing.shrink == pytest.approx(Narrowing().shrink * faster, rel=1e-12)


def test_the_textbook_halves_one_box_around_the_best():
    """Twenty coarse trials, then a box of half the range, halved every twenty, to a hundredth."""
    textbook = Narrowing.textbook()
    # Nothing that would choose among draws, keep values, or look elsewhere.
    assert (textbook.elites, textbook.candidates, textbook.vary) == (1, 1, None)
    assert (textbook.zoom, textbook.spread, textbook.reopen) == (0.0, 1.0, None)
    widths = [1.0, *(max(0.5**k, 0.01) for k in range(1, 20))]
    expected = [width for width in widths for _ in range(20)]
    assert widths_of(textbook, 5, 400) == pytest.approx(expected, rel=1e-12)
    space = {"x": Float(0, 1), "y": Float(0, 1)}
    history = history_of(0)
    for i in range(39):
        history.add(Trial(i, {"x": 0.2 + i / 100, "y": 0.9 - i / 100}, (abs(i - 10.0),)))
    drawn = [propose(0, n, space, history, textbook)[1] for n in range(40, 440)]
    for name, best in (("x", 0.3), ("y", 0.8)):
        values = [params[name] for params in drawn]
        low, high = best - 0.25, min(best + 0.25, 1.0)
        assert low <= min(values) < low + 0.02
        assert high - 0.02 < max(values) <= high
        assert all(value != best for value in values)


TINY = 5e-324
ENDS = {  # of each option: the lowest and the highest value, and some that it does not take
    "coarse_trials": (1, 2**53 - 1, (0, -1, 2**53)),
    "stage_trials": (1, 2**53 - 1, (0, -1, 2**53)),
    "elites": (1, 2**53 - 1, (0, -1, 2**53)),
    "zoom_trials": (2, 2**53 - 1, (1, 2**53)),
    "candidates": (1, 12, (0, 13, 2**53)),
    "spared": (0, 2**53 - 1, (-1, 2**53)),
    "elite_power": (0.0, sys.float_info.max, (-TINY, math.inf)),
    "vary": (TINY, sys.float_info.max, (0.0, math.inf)),
    "together": (0.0, 1.0, (-TINY, 1.0 + 1e-15)),
    "zoom": (0.0, 1.0, (-TINY, 1.0 + 1e-15)),
    "width": (TINY, 1.0, (0.0, 1.0 + 1e-15)),
    "shrink": (0.0, 1000.0, (-TINY, 1000.0 + 1e-12)),
    "dimension_power": (0.0, 10.0, (-TINY, 10.0 + 1e-14)),
    "min_width": (TINY, 1.0, (0.0, 1.0 + 1e-15)),
    "spread": (TINY, 1.0, (0.0, 1.0 + 1e-15)),
    "min_choice_width": (TINY, 1.0, (0.0, 1.0 + 1e-15)),
    "reopen": (TINY, 1.0, (0.0, 1.0 + 1e-15)),
}


def test_every_option_has_its_ends():
    """The table above names all options."""
    assert ENDS.keys() == {f.name for f in fields(Narrowing)}


@pytest.mark.parametrize("option", ENDS)
def test_options_reach_to_their_ends_and_no_further(option):
    """Both ends are taken and go to plain data and back; the next value is refused."""
    low, high, outside = ENDS[option]
    others: dict[str, Any] = {"width": 1.0, "min_width": TINY}
    for value in (low, high):
        narrowing = Narrowing(**{**others, option: value})
        assert Narrowing.from_json(narrowing.to_json()) == narrowing
    for value in outside:
        with pytest.raises(NarrowingError, match=option):
            Narrowing(**{**others, option: value})
