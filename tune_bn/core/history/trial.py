"""What a search remembers of a trial, and which of two trials is the better one.

The order, from the best: feasible before infeasible (by total violation), finite before infinite,
a goal that was reached before one that was not, complete before stopped early, the one that got
further before the one that was stopped sooner, then the loss, then (of those that reached the goal)
the sooner, then the trial number, so that two trials never tie. An infinite loss is what a diverged
objective leaves, whatever its sign; so it is never the best where a finite one exists. With several
objectives the loss is replaced by Pareto rank and crowding (`tune_bn.core.history.pareto`). Values
are losses here: smaller is better, and an adapter turns the sign of what is maximised.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tune_bn.core.errors import TrialError

__all__ = ["Trial", "group_key", "rank_key"]


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that ended with something to rank.

    Args:
        number: Its number in the search, 0 ≤ number.
        params: Value of every parameter that it used, by name.
        losses: Objective values, smaller is better; ±inf is allowed and ranks last, NaN is not.
        is_complete: False if it was stopped early, by a pruner or a scheduler.
        progress: How far it got, in any unit that is the same for all trials (epochs, say).
            Compared before the loss: a loss after one epoch says little beside one after ten.
        violation: Sum of the amounts by which constraints are violated; 0 is feasible.
        goal: How far it got when it reached the goal at which trials end; None if it did not.

    Raises:
        TrialError: If a loss is NaN, or ``violation`` is negative or NaN.
    """

    number: int
    params: Mapping[str, Any]
    losses: tuple[float, ...]
    is_complete: bool = True
    progress: float = 0.0
    violation: float = 0.0
    goal: float | None = None

    def __post_init__(self) -> None:
        for loss in self.losses:
            if loss != loss:  # NaN, without a call: this runs for every trial of a study
                raise TrialError(
                    f"Trial {self.number} needs losses that can be ranked, but got "
                    f"{self.losses!r}. Report a failed trial as failed."
                )
        if not self.violation >= 0:
            raise TrialError(
                f"Trial {self.number} needs violation >= 0, but got {self.violation!r}. "
                "Sum only the positive parts of the constraints."
            )
        if math.isnan(self.progress):
            raise TrialError(f"Trial {self.number} needs a progress, but got NaN. Use 0.")


def group_key(trial: Trial) -> tuple[float, bool, bool, bool, float]:
    """Returns what is compared before any loss: violation, finiteness, goal, end, progress."""
    return (
        trial.violation,
        math.inf in trial.losses or -math.inf in trial.losses,
        trial.goal is None,
        not trial.is_complete,
        -trial.progress,
    )


def rank_key(trial: Trial) -> tuple[Any, ...]:
    """Returns a key by which ``sorted`` puts the best trial of one objective first.

    Example:
        >>> slow = Trial(0, {}, (0.5,))
        >>> stopped = Trial(1, {}, (0.1,), is_complete=False, progress=3)
        >>> min([stopped, slow], key=rank_key).number
        0
    """
    return (*group_key(trial), trial.losses, trial.goal or 0.0, trial.number)
