"""What searches are compared on: a loss over a space.

Every loss is minimised. What is known of the optimum is kept apart from the loss, so that only the
tables of results use it, never a search.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tune_bn.core.space import Parameter

__all__ = ["Params", "Problem"]

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """A loss to minimise over a space.

    Args:
        suite: Name of the suite it belongs to.
        name: Name within the suite.
        space: The parameters by name; of a conditional space, all there can be.
        loss: The loss of a configuration, lower is better.
        optimum: The lowest loss there is; None if it is not known.
        observe: What a search sees instead of the loss where measurements are noisy, as a function
            of (configuration, seed of the run, trial number).
        branch: The names that a configuration needs, given the values so far; None if it needs
            all of them. It is called again and again until it names nothing new.
    """

    suite: str
    name: str
    space: Mapping[str, Parameter]
    loss: Callable[[Params], float]
    optimum: float | None = None
    observe: Callable[[Params, int, int], float] | None = None
    branch: Callable[[Params], tuple[str, ...]] | None = None

    def observed(self, params: Params, seed: int, number: int) -> float:
        """Returns what a search sees in trial ``number`` of the run with this seed."""
        if self.observe is None:
            return self.loss(params)
        return self.observe(params, seed, number)
