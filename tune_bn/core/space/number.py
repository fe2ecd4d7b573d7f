"""What a value means as a number, however it was written."""

import re
from numbers import Number
from typing import Any

__all__ = ["as_number"]

_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def as_number(value: Any) -> int | float | None:
    """Returns the int or float that a value means; None if it means none.

    Numpy's scalars, fractions and decimals are numbers, and so is a text that is one, as a CSV file
    has them. Booleans, dates, lists and NaN are none. Whole numbers stay ints, of any size.

    Example:
        >>> as_number("0.30"), as_number(True)
        (0.3, None)
    """
    kind = type(value)
    if kind is float or kind is int:
        return None if value != value else value
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return as_number(float(value))
    if isinstance(value, str):
        text = value.strip()
        if not _DECIMAL.fullmatch(text):
            return None
        return int(text) if text.lstrip("+-").isdigit() else as_number(float(text))
    if getattr(value, "shape", None) == ():  # a numpy scalar, or an array without dimensions
        plain = value.item()
    else:
        plain = _as_float(value) if isinstance(value, Number) else None
    return as_number(plain) if type(plain) in (int, float) else None


def _as_float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):  # complex, or larger than any float
        return None
