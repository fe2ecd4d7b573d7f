"""A range from the values that were seen, where nobody recorded what was searched."""

import json
import math
from collections.abc import Sequence
from typing import Any

from tune_bn.core.space import Categorical, Float, Int, Parameter
from tune_bn.plain.reading import is_number
from tune_bn.report.errors import ReportError

__all__ = ["SCALES", "seen_parameter"]

SCALES = ("linear", "log", "one-minus-log", "choice")
_WIDE = 100  # positive values that span this ratio are taken for log-distributed


def seen_parameter(values: Sequence[Any], scale: str | None = None) -> Parameter | None:
    """Returns the parameter of which these could be values; None where all are the same.

    Numbers are on a scale: a log one where the largest is a hundred times the smallest, a
    one-minus-log one where their distances from 1 are, above one half. Everything else is a choice.

    Args:
        values: What was seen, at least one.
        scale: One of ``"linear"``, ``"log"``, ``"one-minus-log"``, ``"choice"``; None to guess it.

    Raises:
        ReportError: If the values do not fit the scale.
    """
    are_numbers = all(map(is_number, values))
    if scale == "choice" or (scale is None and not are_numbers):
        return _choices(values)
    finite = [v for v in values if are_numbers and math.isfinite(v)]
    if not finite:
        if scale is None:
            return None
        raise ReportError(f"A scale {scale!r} needs numbers, but got {values[0]!r}.")
    low, high = min(finite), max(finite)
    if low == high:
        return None
    if scale is None:
        scale = _guess(low, high)
    if (scale == "log" and low <= 0) or (scale == "one-minus-log" and high >= 1):
        limit = "above 0" if scale == "log" else "below 1"
        raise ReportError(f"A scale {scale!r} needs values {limit}, but got {low!r} to {high!r}.")
    if all(isinstance(v, int) for v in finite) and (scale != "log" or low >= 1):
        return Int(int(low), int(high), log=scale == "log")
    return Float(
        float(low), float(high), log=scale == "log", one_minus_log=scale == "one-minus-log"
    )


def _guess(low: float, high: float) -> str:
    if low >= 0.5 and high < 1 and (1 - low) / (1 - high) >= _WIDE:
        return "one-minus-log"
    return "log" if low > 0 and high / low >= _WIDE else "linear"


def _choices(values: Sequence[Any]) -> Parameter | None:
    choices: dict[str, Any] = {}
    for value in values:
        try:
            key = json.dumps(value, sort_keys=True)
        except (TypeError, ValueError):
            key = repr(value)
        choices.setdefault(key, value)
    return Categorical(list(choices.values())) if len(choices) > 1 else None
