"""Parameters that exist only where another one has a certain choice.

``{"momentum": ("optimizer", 1)}`` says that there is a momentum where the optimizer is its choice
number 1. A draw then has the parameters that its own choices open, and no others: a value that
nobody uses would count as a change that the search made.
"""

from collections.abc import Mapping
from typing import Any

from tune_bn.core.draws.narrowing import Narrowing, Plan
from tune_bn.core.draws.proposal import Proposal, coarse_value, fine_value, propose
from tune_bn.core.errors import SpaceError
from tune_bn.core.history.history import History
from tune_bn.core.space import Categorical, Parameter
from tune_bn.plain.reading import decode_number

__all__ = ["Conditions", "checked_conditions", "decode_conditions", "is_open", "propose_open"]

Conditions = Mapping[str, tuple[str, int]]
_MOST_PASSES = 8


def checked_conditions(
    space: Mapping[str, Parameter], conditions: Mapping[str, tuple[str, Any]]
) -> dict[str, tuple[str, int]]:
    """Returns (name of the other parameter, number of its choice) for each conditional one.

    Raises:
        SpaceError: If a name is unknown, or the other parameter is no Categorical, lacks the
            choice, or does not come first in the space.
    """
    order = {name: i for i, name in enumerate(space)}
    checked = {}
    for name, (parent, choice) in conditions.items():
        other = space.get(parent)
        if name not in space or not isinstance(other, Categorical) or order[parent] > order[name]:
            raise SpaceError(
                "CoarseToFine needs conditions on a Categorical that comes before the parameter "
                f"in the space, but got {name!r}: {(parent, choice)!r}."
            )
        checked[name] = (parent, other.index(choice))
    return checked


def decode_conditions(space: Mapping[str, Parameter], data: Any) -> dict[str, tuple[str, Any]]:
    """Returns conditions as `checked_conditions` takes them from ``{name: [other, number]}``.

    Raises:
        SpaceError: If the other parameter is no Categorical.
        ValueError: If a choice is no place among the choices.
        AttributeError: If the data are no mapping.
        LookupError: If a name or a choice is unknown.
    """
    found = {}
    for name, (parent, index) in data.items():
        other = space[parent]
        if not isinstance(other, Categorical):
            raise SpaceError(f"{name!r} depends on {parent!r}, which is no Categorical")
        found[name] = (parent, other.choices[decode_number(index)])
    return found


def is_open(
    name: str,
    space: Mapping[str, Parameter],
    conditions: Conditions,
    params: Mapping[str, Any],
) -> bool:
    """Tells whether a parameter exists where the choices are these."""
    if name not in conditions:
        return True
    parent, index = conditions[name]
    choice = space[parent]
    assert isinstance(choice, Categorical)
    return (
        parent in params
        and is_open(parent, space, conditions, params)
        and choice.index(params[parent]) == index
    )


def propose_open(
    seed: int,
    number: int,
    space: Mapping[str, Parameter],
    history: History,
    narrowing: Narrowing,
    plan: Plan,
    conditions: Conditions,
    fixed: Mapping[str, Any],
) -> tuple[Proposal, dict[str, Any]]:
    """Returns what `propose` returns, of the parameters that the choices of the trial open.

    It takes what that takes, and ``conditions``, which `checked_conditions` returned; in the space
    a condition's parameter comes before those that depend on it. Of the values that are ``fixed``,
    those whose condition does not hold are left out.

    Returns:
        The proposal, and the values of the trial. These have other names than the proposal only
        where choices and what they open did not settle; the rest was then drawn one by one.
    """
    if not conditions:
        proposal = propose(seed, number, space, history, narrowing, plan, fixed)
        return proposal, {**proposal.params, **fixed} if fixed else proposal.params
    # How a parameter is drawn depends on how many there are, and these on the choices: repeat
    # until they agree, nearly always the second time.
    names = list(space)
    for _ in range(_MOST_PASSES):
        part = {name: space[name] for name in names}
        given = {name: fixed[name] for name in names if name in fixed}
        proposal = propose(seed, number, part, history, narrowing, plan, given)
        params = {name: fixed.get(name, value) for name, value in proposal.params.items()}
        names = [name for name in space if is_open(name, space, conditions, params)]
        if names == list(params):
            return proposal, params
    values: dict[str, Any] = {}
    for name, parameter in space.items():
        if not is_open(name, space, conditions, values):
            continue
        if name in fixed or name in params:
            values[name] = fixed.get(name, params.get(name))
        elif plan.stage == 0:
            values[name] = coarse_value(seed, number, name, parameter, narrowing)
        else:
            values[name] = fine_value(seed, number, name, parameter, history, narrowing, plan.width)
    return proposal, values
