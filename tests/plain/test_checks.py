"""One check for every option: what it takes comes back as python's own, what not is refused."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tune_bn.plain.checks import check_choice, check_number, check_whole
from tune_bn.plain.text import error_line, shortened, shown


@pytest.mark.parametrize("value", [1, np.int64(1), np.uint8(1), 2**70])
def test_whole_numbers_of_any_kind(value: Any):
    """They come back as ints."""
    found = check_whole(ValueError, "A run", "trials", value, least=1)
    assert (type(found), found) == (int, value)


@pytest.mark.parametrize("value", [0, 1.0, True, "1", None, math.nan, -(10**50), np.float64(1)])
def test_what_is_no_whole_number_is_refused(value: Any):
    """With its name and value."""
    with pytest.raises(ValueError, match=r"^A run needs a whole number trials >= 1, but got trial"):
        check_whole(ValueError, "A run", "trials", value, least=1, most=5)


def test_the_end_that_is_missed_is_named():
    """Only that one: the other may be 2**53."""
    with pytest.raises(ValueError, match="seed <= 5, but got seed=an integer of 200 bits"):
        check_whole(ValueError, "A run", "seed", 2**199, least=0, most=5)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int8(1), Fraction(1, 2)])
def test_numbers_of_any_kind(value: Any):
    """They come back as ints or floats."""
    found = check_number(ValueError, "A run", "width", value, above=0, most=1)
    assert type(found) in (int, float)
    assert found == value


@pytest.mark.parametrize(
    ("value", "ends", "between"),
    [
        (0, {"above": 0, "most": 1}, "0 < width <= 1"),
        (1, {"least": 0, "below": 1}, "0 <= width < 1"),
        (-1, {"least": 0}, "width >= 0"),
        (math.nan, {"most": 3}, "width <= 3"),
        (math.inf, {"above": 0}, "width > 0"),
        (10**400, {"above": 0}, "width > 0"),
        (True, {"least": 0}, "width >= 0"),
        ("1", {"least": 0}, "width >= 0"),
        (None, {"least": 0}, "width >= 0"),
        (Decimal(2), {"least": 0}, "width >= 0"),
        (1j, {"least": 0}, "width >= 0"),
    ],
)
def test_what_is_out_of_range_is_refused(value: Any, ends: dict[str, float], between: str):
    """The message holds the range, the name, the value, and the remedy at its end."""
    message = rf"^A run needs a finite number {between}, but got width=.*\. Lower it\.$"
    with pytest.raises(ValueError, match=message):
        check_number(ValueError, "A run", "width", value, remedy="Lower it.", **ends)


@pytest.mark.parametrize("value", ["c", None, 1, ["a"], "A"])
def test_a_word_that_is_none_of_them_is_refused(value: Any):
    """Whatever it is; unhashable values too."""
    with pytest.raises(ValueError, match="A run needs norm to be one of a, b, but got norm="):
        check_choice(ValueError, "A run", "norm", value, ("a", "b"))


def test_a_value_is_shown_at_no_length():
    """Nor is a text."""
    assert len(shown("x" * 1000)) == 60
    assert shortened("x" * 300) == "x" * 199 + "…"


def test_an_error_is_one_line():
    """Its cause's, for people; the type's name where it says nothing."""
    cause = ValueError("\x1b[2Jthe first.\nthe last.")
    outer = RuntimeError("outer")
    outer.__cause__ = cause
    assert error_line(outer) == "\\x1b[2Jthe first"
    assert error_line(outer, is_last=True) == "the last"
    assert error_line(RuntimeError()) == "RuntimeError"
    assert error_line(OSError(28, "No space left on device")) == "no space left on device"
