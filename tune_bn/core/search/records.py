"""What a search takes and gives: its options checked, suggestions, and trials that ended."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, get_args

from tune_bn.core.draws.dice import fresh_seed
from tune_bn.core.draws.narrowing import Narrowing
from tune_bn.core.errors import TrialError
from tune_bn.plain.checks import check_whole

__all__ = [
    "ENDS",
    "Direction",
    "End",
    "Finished",
    "State",
    "Suggestion",
    "checked_end",
    "checked_narrowing",
    "checked_seed",
]

Direction = Literal["minimize", "maximize"]
State = Literal["complete", "stopped", "failed"]
End = Literal["unknown", "itself", "goal"]
ENDS: tuple[End, ...] = get_args(End)


@dataclass(frozen=True)
class Suggestion:
    """A configuration to try.

    Args:
        number: Number of the trial, counted from 0; pass it (or this object) to `tell`.
        params: Value of every parameter, by name.
        stage: Index of the stage it was drawn in; 0 is the coarse one.
        width: Width of its windows, as a share of each scale.
    """

    number: int
    params: Mapping[str, Any]
    stage: int
    width: float


@dataclass(frozen=True)
class Finished:
    """A trial that was told.

    Args:
        number: Number of the trial.
        params: Value of every parameter, by name.
        values: Objective values as they were told; empty if it failed.
        state: ``"complete"``, ``"stopped"`` (early) or ``"failed"``.
        progress: How far it got, as it was told; None is as far as the furthest.
        violation: By how much it violates constraints, as it was told.
        end: Why it ended, as it was told.
    """

    number: int
    params: Mapping[str, Any]
    values: tuple[float, ...]
    state: State
    progress: float | None = 0.0
    violation: float = 0.0
    end: End = "unknown"

    @property
    def value(self) -> float:
        """The objective value of a search with one objective.

        Raises:
            TrialError: If the trial failed, or the search has several objectives.
        """
        if len(self.values) != 1:
            what = f"{len(self.values)} of them" if self.values else "none: it failed"
            raise TrialError(
                f"Finished.value needs a trial with one value, but trial {self.number} has {what}. "
                "Look at `state` and `values`."
            )
        return self.values[0]


def checked_end(
    number: int,
    params: Mapping[str, Any],
    value: float | Sequence[float] | None,
    state: State,
    progress: float | None,
    violation: float,
    end: End,
    *,
    n_values: int,
) -> Finished:
    """Returns a trial that ended, as it was told; without a value, or with NaN, it has failed.

    Raises:
        TrialError: If state or end are unknown, or it has another number of values.
    """
    if end not in ENDS:
        raise TrialError(
            f"A trial needs 'unknown', 'itself' or 'goal' as its end, but trial {number} got "
            f"{end!r}."
        )
    if state not in ("complete", "stopped", "failed"):
        raise TrialError(
            "A trial needs 'complete', 'stopped' or 'failed' as its state, but trial "
            f"{number} got {state!r}."
        )
    values: tuple[float, ...] = ()
    if value is not None and state != "failed":
        given = (value,) if isinstance(value, (int, float)) else tuple(value)
        if len(given) != n_values:
            raise TrialError(f"Trial {number} needs {n_values} value(s), but got {value!r}.")
        values = tuple(float(v) for v in given)
    if not values or any(math.isnan(v) for v in values):
        state, values = "failed", ()
    reached = None if progress is None else float(progress)
    return Finished(number, params, values, state, reached, float(violation), end)


def checked_seed(seed: object, who: str) -> int:
    """Returns the seed as the draws need it; a fresh one for None.

    Raises:
        TypeError: If it is neither None nor an int.
        ValueError: If it is negative or has more than 64 bits.
    """
    if seed is None:
        return fresh_seed()
    is_whole = isinstance(seed, Integral) and not isinstance(seed, bool)
    error = ValueError if is_whole else TypeError
    return check_whole(error, who, "seed", seed, least=0, most=2**64 - 1)


def checked_narrowing(narrowing: Any, who: str) -> Narrowing:
    """Returns the schedule; for None the default one.

    Raises:
        TypeError: If it is something else.
    """
    if narrowing is None:
        return Narrowing()
    if not isinstance(narrowing, Narrowing):
        raise TypeError(
            f"{who} needs a Narrowing as narrowing, but got narrowing={narrowing!r}. "
            "Use Narrowing(), Narrowing.for_budget(n), Narrowing.textbook() or Narrowing.off()."
        )
    return narrowing
