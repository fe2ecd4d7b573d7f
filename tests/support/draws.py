"""Draws as most tests want them: the stage decided by the schedule, and the values alone."""

from collections.abc import Mapping
from typing import Any

from tune_bn import Narrowing
from tune_bn.core.draws import proposal
from tune_bn.core.draws.narrowing import Plan, stage_for
from tune_bn.core.history.history import History
from tune_bn.core.space import Parameter

__all__ = ["fine_value", "propose"]


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
