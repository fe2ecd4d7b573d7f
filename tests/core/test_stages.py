"""What is kept beside a trial about its stage, and what comes back of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_bn import Float
from tune_bn.core.stages import Mark, group_stages

numbers = st.integers(0, 10**6)


@given(numbers, st.floats(0, 1), st.lists(numbers, max_size=9))
def test_a_mark_keeps_its_width_to_six_digits(stage, width, elites):
    """No more, which nobody reads, and no fewer: the narrowest window is 0.001."""
    written = Mark(stage, width, tuple(elites)).to_json()
    assert abs(written["width"] - width) <= 0.5000001e-6
    assert len(f"{written['width']:.15f}".rstrip("0").split(".")[1]) <= 6
    again = Mark.from_json(written)
    assert again is not None
    assert (again.stage, again.width, again.elites) == (stage, written["width"], tuple(elites))
    assert again.to_json() == written


@pytest.mark.parametrize(
    "data",
    [None, 3, "x", [], {}, {"stage": 1}, {"stage": "one", "width": 1.0, "elites": []}]
    + [{"stage": 1, "width": width, "elites": elites} for width, elites in (("x", []), (1.0, 7))],
)
def test_what_is_no_mark_is_none(data):
    """Whoever may write to a storage may write anything."""
    assert Mark.from_json(data) is None


def test_a_width_of_nothing_is_kept():
    """Zero and tiny widths come back as numbers."""
    for width in (0.0, 5e-324, math.pi * 1e-7):
        mark = Mark.from_json(Mark(1, width, ()).to_json())
        assert mark is not None
        assert mark.width == round(width, 6)


def test_a_stage_spans_the_windows_around_all_its_elites():
    """From the lower end of the lowest window to the upper end of the highest."""
    marks = {i: Mark(0, 1.0) for i in range(2)} | {2: Mark(1, 0.2, (0, 1))}
    params = {0: {"x": 0.3}, 1: {"x": 0.6}, 2: {"x": 0.4}}
    _, fine = group_stages(marks, {"x": Float(0, 1)}, params, {0: 1.0, 1: 2.0, 2: 3.0})
    assert fine.windows["x"] == pytest.approx((0.2, 0.7))
