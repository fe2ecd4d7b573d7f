"""The range of an option, checked one way: a refusal names the option and shows its value alone."""

import math
import sys
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from tune_bn.plain.text import shown

__all__ = ["check_choice", "check_number", "check_whole"]


def check_whole(
    error: type[Exception],
    who: str,
    name: str,
    value: Any,
    *,
    least: int | None = None,
    most: int | None = None,
    remedy: str = "",
) -> int:
    """Returns a whole number between two ends, both included, as an int; True is none.

    Args:
        error: What to raise.
        who: What needs it, as the beginning of a sentence.
        name: The option.
        value: What was given.
        least: The lower end; None for none.
        most: The upper end; None for none.
        remedy: What to do, as a sentence.

    Example:
        >>> check_whole(ValueError, "A run", "trials", 0, least=1, remedy="Raise it.")
        Traceback (most recent call last):
        ValueError: A run needs a whole number trials >= 1, but got trials=0. Raise it.
    """
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    is_above = is_whole and most is not None and value > most
    if is_whole and not is_above and (least is None or value >= least):
        return int(value)
    bound = f" <= {most}" if is_above else "" if least is None else f" >= {least}"
    raise error(_refusal(f"{who} needs a whole number {name}{bound}", name, value, remedy))


def check_number(
    error: type[Exception],
    who: str,
    name: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    remedy: str = "",
) -> float:
    """Returns a finite number between two ends, as an int or a float; True is none.

    Args:
        error: What to raise.
        who: What needs it, as the beginning of a sentence.
        name: The option.
        value: What was given.
        above: The lower end, if it is left out.
        least: The lower end, if it is included.
        below: The upper end, if it is left out.
        most: The upper end, if it is included.
        remedy: What to do, as a sentence.

    Example:
        >>> check_number(ValueError, "Narrowing", "width", 2.0, above=0, most=1)
        Traceback (most recent call last):
        ValueError: Narrowing needs a finite number 0 < width <= 1, but got width=2.0.
    """
    number = _python_number(value)
    if (
        number is not None
        and abs(number) <= sys.float_info.max  # neither NaN, nor infinite, nor a huge integer
        and number > (-math.inf if above is None else above)
        and number >= (-math.inf if least is None else least)
        and number < (math.inf if below is None else below)
        and number <= (math.inf if most is None else most)
    ):
        return number
    upper = f" < {below:g}" if below is not None else f" <= {most:g}" if most is not None else ""
    between = f"{name}{upper}"
    if above is not None:
        between = f"{above:g} < {between}" if upper else f"{name} > {above:g}"
    elif least is not None:
        between = f"{least:g} <= {between}" if upper else f"{name} >= {least:g}"
    raise error(_refusal(f"{who} needs a finite number {between}", name, value, remedy))


def _python_number(value: Any) -> float | None:
    if type(value) is float or type(value) is int:
        return value  # as nearly always; an abstract class asks for longer
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return value if isinstance(value, (int, float)) else float(value)


def check_choice(
    error: type[Exception], who: str, name: str, value: Any, choices: Sequence[str]
) -> str:
    """Returns one of a few words.

    Example:
        >>> check_choice(ValueError, "A run", "norm", "c", ("a", "b"))
        Traceback (most recent call last):
        ValueError: A run needs norm to be one of a, b, but got norm='c'. Choose one of these.
    """
    if isinstance(value, str) and value in choices:
        return value
    need = f"{who} needs {name} to be one of {', '.join(choices)}"
    raise error(_refusal(need, name, value, "Choose one of these."))


def _refusal(need: str, name: str, value: Any, remedy: str) -> str:
    return f"{need}, but got {name}={shown(value)}.{f' {remedy}' if remedy else ''}"
