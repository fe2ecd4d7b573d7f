"""How a trial of Tune's ended, as far as that can be told: by itself, at its goal, or who knows.

Tune tells a search algorithm little of it: a trial that a scheduler stopped looks like one that a
stopper ended. Two things are certain. A function that returns reports nothing more: its end brings
the result that was told before. And a result that meets the ``stop`` of the run ended the trial.
"""

from collections.abc import Callable, Iterable, Mapping
from numbers import Integral
from typing import Any

from ray.tune.result import AUTO_RESULT_KEYS

from tune_bn.core.search.records import End
from tune_bn.ray.folder import found_in, number_in

__all__ = ["Spans", "checked_stop", "end_at", "widen"]

Spans = dict[str, tuple[float, float]]
"""By flat name, the smallest and the largest number that a trial reported so far."""

# Kept by Tune itself; the first two are not in AUTO_RESULT_KEYS.
_COUNTS = {"iterations_since_restore", "timesteps_this_iter", *AUTO_RESULT_KEYS}


def checked_stop(stop: Any) -> dict[str, float]:
    """Returns the bounds in a run's ``stop``; none of a stopper or a function, which say nothing.

    Example:
        >>> checked_stop({"acc": 0.95, "epoch": 3})
        {'acc': 0.95, 'epoch': 3.0}
    """
    if not isinstance(stop, Mapping):
        return {}
    bounds = {str(name): number_in(bound) for name, bound in stop.items()}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def widen(spans: Spans, result: Mapping[str, Any], names: Iterable[str]) -> None:
    """Takes a result into spans, in place.

    Example:
        >>> spans = {"acc": (0.5, 0.75)}
        >>> widen(spans, {"acc": 0.875, "loss": 2}, ["acc"])
        >>> spans
        {'acc': (0.5, 0.875)}
    """
    for name in names:
        value = number_in(found_in(result, name))
        if value is not None:
            low, high = spans.get(name, (value, value))
            spans[name] = min(low, value), max(high, value)


def end_at(
    result: Mapping[str, Any],
    stop: Mapping[str, float],
    *,
    objectives: Mapping[str, str],
    time_attr: str | None,
    span: Callable[[str], tuple[float, float] | None],
) -> End:
    """Returns how a trial with this last result ended, by what the run's ``stop`` says.

    What trials count (Tune's own counters, ``time_attr``, whole numbers) is a budget, and a bound
    on what is minimised a limit: whoever gets there ended by its own rule. A bound on what is
    maximised is a goal. Of any other number, as an accuracy or the norm of a gradient, the name
    says nothing, but the way there does: at a goal an objective is at its best so far, and not at
    a limit, where training went astray.

    Args:
        result: Its last result, nested or flat.
        stop: Result → bound from which on a trial ends.
        objectives: Result → ``"min"`` or ``"max"``.
        time_attr: The result that tells how far a trial trained.
        span: Returns the smallest and the largest number that the trial reported under a name.
    """
    end: End = "unknown"
    for name, bound in stop.items():
        value = found_in(result, name)
        reached = number_in(value)
        if reached is None or not reached >= bound:
            continue
        if name in objectives:
            is_goal = objectives[name] == "max"
        elif name in _COUNTS or name == time_attr or _is_count(value):
            is_goal = False
        elif all(map(float.is_integer, (bound, reached, *(span(name) or ())))):
            is_goal = False  # a count that is kept as a float
        else:
            is_goal = any(
                _is_best(number_in(found_in(result, name)), span(name), mode)
                for name, mode in objectives.items()
            )
        if is_goal:
            return "goal"
        end = "itself"
    return end


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_best(value: float | None, span: tuple[float, float] | None, mode: str) -> bool:
    """Tells whether the last value is the best of several."""
    if value is None or span is None:
        return False
    low, high = min(value, span[0]), max(value, span[1])
    return low < high and value == (high if mode == "max" else low)
