"""Plain data that anybody may have written: what reading them can raise, and numbers as JSON."""

import math
from typing import Any

from tune_bn.plain.checks import check_whole
from tune_bn.plain.text import shortened

__all__ = ["UNREADABLE", "brief", "decode_number", "encode_number", "is_number", "read_integer"]

UNREADABLE = (
    ArithmeticError,  # an integer that no float holds
    AttributeError,
    LookupError,
    RecursionError,  # nested thousands of levels deep
    TypeError,
    ValueError,
)
"""What reading plain data that anybody may have written can raise."""

_MOST_TRIALS = 2**62  # draws count in 64 bits


def brief(error: BaseException) -> str:
    """Returns what an error says, on one line and short enough to read.

    Example:
        >>> brief(KeyError("x"))
        "KeyError('x')"
    """
    return shortened(repr(error))


def is_number(value: Any) -> bool:
    """Tells whether plain data are a number, which True and False are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def encode_number(value: float) -> float | str:
    """Returns the number, or its name where JSON has none.

    Example:
        >>> encode_number(float("inf"))
        'inf'
    """
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def read_integer(digits: str) -> int | float:
    """Returns an integer of JSON, for ``json.loads(parse_int=)``.

    One that no float holds is infinite, as a number like ``1e999`` is.

    Example:
        >>> read_integer("42"), read_integer("9" * 400)
        (42, inf)
    """
    number = float(digits)
    return number if math.isinf(number) else int(digits)


def decode_number(data: Any) -> int:
    """Returns the number of a trial.

    Raises:
        ValueError: If it is no whole number, negative, or too large to be counted on.
    """
    return check_whole(ValueError, "A trial", "number", data, least=0, most=_MOST_TRIALS - 1)
