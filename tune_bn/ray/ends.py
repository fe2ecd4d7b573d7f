"""How a trial of Tune's ended, as far as that can be told: by itself, at its goal, or who knows.

Tune tells a search algorithm little of it: a trial that a scheduler stopped looks like one that a
stopper ended. Two things are certain. A function that returns reports nothing more: its end brings
the result that was told before. And a result that meets the ``stop`` of the run ended the trial.
"""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from ray.tune.result import AUTO_RESULT_KEYS

from tune_bn.core.search.search import End
from tune_bn.ray.folder import found_in

__all__ = ["checked_stop", "end_at", "number_in"]

# Kept by Tune itself; the first two are not in AUTO_RESULT_KEYS.
_COUNTS = {"iterations_since_restore", "timesteps_this_iter", *AUTO_RESULT_KEYS}


def number_in(value: Any) -> float | None:
    """Returns a result as a float: of Python, numpy or torch, a Decimal; None for anything else."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


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


def end_at(
    result: Mapping[str, Any],
    stop: Mapping[str, float],
    *,
    objectives: Mapping[str, str],
    time_attr: str | None,
) -> End:
    """Returns how a trial with this last result ended, by what the run's ``stop`` says.

    What trials count (Tune's own counters, ``time_attr``, whole numbers) is a budget, and a result
    that is minimised a limit: whoever gets there ended by its own rule. Anything else is a goal.

    Args:
        result: Its last result, nested or flat.
        stop: Result → bound from which on a trial ends.
        objectives: Result → ``"min"`` or ``"max"``.
        time_attr: The result that tells how far a trial trained.
    """
    end: End = "unknown"
    for name, bound in stop.items():
        value = found_in(result, name)
        reached = number_in(value)
        if reached is None or not reached >= bound:
            continue
        is_count = isinstance(value, Integral) and not isinstance(value, bool)
        if name in objectives:
            is_goal = objectives[name] == "max"
        else:
            is_goal = not (name in _COUNTS or name == time_attr or is_count)
        if is_goal:
            return "goal"
        end = "itself"
    return end
