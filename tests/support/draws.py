"""Draws as most tests want them: the stage decided by the schedule, and the values alone.

With a space that has a parameter of each kind, a good trial in it, and narrow windows around that.
"""

from collections.abc import Mapping
from typing import Any

from tune_bn import Categorical, Float, Int, Narrowing
from tune_bn.core.draws import proposal
from tune_bn.core.draws.narrowing import Plan, stage_for
from tune_bn.core.history.history import History
from tune_bn.core.history.trial import Trial
from tune_bn.core.space import Parameter

__all__ = ["CENTRE", "FINE", "SPACE", "fine_value", "history_of", "propose"]

SPACE = {
    "alpha": Float(1e-4, 1.0, log=True),
    "beta": Float(0.9, 0.999, one_minus_log=True),
    "layers": Int(1, 8),
    "rate": Float(0.0, 0.5, step=0.1),
    "kind": Categorical(["relu", "tanh", None]),
}
CENTRE = {"alpha": 0.01, "beta": 0.99, "layers": 4, "rate": 0.2, "kind": "tanh"}
FINE = Narrowing(coarse_trials=1, elites=1, width=0.1, min_width=0.01, spread=1.0, zoom=0.0)


def history_of(*params: dict[str, Any]) -> History:
    """Returns a history in which earlier configurations are better."""
    history = History()
    for i, p in enumerate(params):
        history.add(Trial(i, p, (float(i),)))
    return history


def propose(
    seed: int,
    number: int,
    space: Mapping[str, Parameter],
    history: History,
    narrowing: Narrowing,
) -> tuple[Plan, dict[str, Any]]:
    """Returns stage and values of the trial with this number."""
    plan = stage_for(narrowing, history, number)
    return plan, proposal.propose(seed, number, space, history, narrowing, plan).params


def fine_value(
    seed: int,
    number: int,
    name: str,
    parameter: Parameter,
    history: History,
    narrowing: Narrowing,
) -> Any:
    """Returns a value drawn without its companions, in the stage of the trial with this number."""
    width = stage_for(narrowing, history, number).width
    return proposal.fine_value(seed, number, name, parameter, history, narrowing, width)
