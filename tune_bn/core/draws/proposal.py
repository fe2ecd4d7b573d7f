"""The next configuration: a point of a region, the best of a few candidates.

Every function here is a pure function of (seed, trial number, parameter names, schedule, history);
see `tune_bn.core.draws.dice`. That is what gives the same search by hand, through Optuna and
through Ray, and what lets workers agree without talking to each other.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tune_bn.core.draws.dice import throw, uniforms
from tune_bn.core.draws.narrowing import MOST_CANDIDATES, Narrowing, Plan
from tune_bn.core.draws.regions import (
    AROUND_ONE,
    STRATUM,
    UNTRIED,
    WINDOWS,
    Region,
    Roll,
    choose,
    coarse_window,
    independent_window,
    point,
    rank_roll,
    region_of,
)
from tune_bn.core.history.history import History
from tune_bn.core.space import Parameter
from tune_bn.core.space.window import Window

__all__ = ["Proposal", "coarse_value", "fine_value", "propose", "windows_of"]

_MAX_ATTEMPTS = 24
_PATIENCE = 4
_LARGEST_ENUMERATION = 2000
_LARGEST_SPACE = 10**12


class Proposal(NamedTuple):
    """A configuration, and where it was drawn from.

    Args:
        params: The values by name.
        kind: Kind of the region; see `tune_bn.core.draws.regions`.
        attempt: Which throw of the dice it is, counted from 0.
        chance: The region's probability that a parameter leaves its centre.
        n_best: How many of the best trials span the region's box; 0 of one without.
    """

    params: dict[str, Any]
    kind: str
    attempt: int = 0
    chance: float = 0.0
    n_best: int = 0


def coarse_value(
    seed: int, number: int, name: str, parameter: Parameter, narrowing: Narrowing
) -> Any:
    """Returns the value of a parameter in a trial of the coarse stage."""
    window, r = coarse_window(seed, number, name, parameter, narrowing)
    return window.draw(r)


def fine_value(
    seed: int,
    number: int,
    name: str,
    parameter: Parameter,
    history: History,
    narrowing: Narrowing,
    width: float,
) -> Any:
    """Returns the value of one parameter whose companions are not known, redrawn in its window."""
    window, r = independent_window(seed, number, name, parameter, history, narrowing, width)
    return window.draw(r)


def _candidates(narrowing: Narrowing) -> int:
    return min(narrowing.candidates, MOST_CANDIDATES)


class _Dice(dict[str, Roll]):
    """The dice of each parameter; those of the whole trial, under "", only if they are needed."""

    def __init__(self, seed: int, number: int, names: Iterable[str], block: int) -> None:
        super().__init__(throw(seed, number, names, block))
        self._key = seed, number, block

    def __missing__(self, name: str) -> Roll:
        seed, number, block = self._key
        return uniforms(seed, number, name, block)


def _widening(attempt: int, n_candidates: int) -> float:
    """Returns how much wider to look: after a few repetitions of tried configurations."""
    return 2.0 ** (attempt // max(_PATIENCE, n_candidates))


def propose(
    seed: int,
    number: int,
    space: Mapping[str, Parameter],
    history: History,
    narrowing: Narrowing,
    plan: Plan,
) -> Proposal:
    """Returns the parameter values of the trial with this number.

    In a fine stage ``narrowing.candidates`` points of the trial's region are spread evenly over
    it, and the one is proposed that is farthest from what was tried in vain. A configuration that
    was tried before is redrawn, in wider windows after a few attempts, and of a small space until
    all have been tried.

    Args:
        seed: Seed of the search, 0 ≤ seed < 2⁶⁴.
        number: Number of the trial, unique in the search.
        space: The parameters by name. The order does not matter.
        history: The trials finished so far.
        narrowing: The schedule.
        plan: Stage and width of the trial, as `stage_for` returned them.
    """
    if plan.stage == 0:
        coarse = {n: coarse_value(seed, number, n, p, narrowing) for n, p in space.items()}
        return Proposal(coarse, STRATUM)
    if not space:
        return Proposal({}, WINDOWS)
    dimensions = max(len(history.best.params.keys() & space.keys()), 1)
    chance = 1.0 if narrowing.vary is None else narrowing.vary / dimensions
    region = choose(seed, number, space, history, narrowing, plan.width, chance)
    is_endless = None in [parameter.n_cells for parameter in space.values()]
    most = _candidates(narrowing)
    first: tuple[dict[str, Any], Region, int] | None = None
    found: list[tuple[dict[str, Any], Region, int]] = []
    for attempt in range(_MAX_ATTEMPTS):
        if attempt == _MAX_ATTEMPTS // 2:  # everything there was tried
            width = plan.width
            region = region_of(WINDOWS, space, history, narrowing, width=width, chance=chance)
        block, i = divmod(attempt, most)
        if i == 0:
            rolls = _Dice(seed, number, space, block)
        widening = _widening(attempt, most) if attempt >= most else 1.0
        params = point(region, rolls, i / most, widening, narrowing)
        if is_endless or not history.is_tried(space, params):
            found.append((params, region, attempt))
            if len(found) == most:
                break
        elif first is None:
            first = params, region, attempt
    if found:
        chosen = 0
        if len(found) > 1:
            # In vain was also what failed; otherwise a region that fails would look unexplored.
            spared = history.elites(narrowing.spared)
            chosen = history.spacing.farthest([params for params, _, _ in found], space, spared)
        return _proposal(*found[chosen])
    untried = _untried(seed, number, space, history)
    if untried is not None:
        return Proposal(untried, UNTRIED)
    # Where nothing is left to try, a repetition near the best says most about noise.
    assert first is not None
    return _proposal(*first)


def _proposal(params: dict[str, Any], region: Region, attempt: int) -> Proposal:
    return Proposal(params, region.kind, attempt, region.chance, region.n_best)


def windows_of(
    seed: int,
    number: int,
    space: Mapping[str, Parameter],
    history: History,
    narrowing: Narrowing,
    width: float,
    proposal: Proposal,
) -> tuple[dict[str, Any], dict[str, Window]]:
    """Returns the values of a proposal of a fine stage again, and the window of each.

    Args:
        seed: As for `propose`.
        number: As for `propose`.
        space: As for `propose`.
        history: The trials that span the region, best first.
        narrowing: The schedule.
        width: Width of the stage's windows, as a share of each scale.
        proposal: What `propose` returned; its ``params`` are not looked at.
    """
    kind = proposal.kind
    region = region_of(
        kind,
        space,
        history,
        narrowing,
        width=width,
        chance=proposal.chance,
        n_best=proposal.n_best,
        r_rank=rank_roll(seed, number) if kind == AROUND_ONE else 0.0,
    )
    most = _candidates(narrowing)
    block, i = divmod(proposal.attempt, most)
    windows: dict[str, Window] = {}
    widening = _widening(proposal.attempt, most)
    rolls = _Dice(seed, number, space, block)
    params = point(region, rolls, i / most, widening, narrowing, windows)
    return params, windows


def _untried(
    seed: int, number: int, space: Mapping[str, Parameter], history: History
) -> dict[str, Any] | None:
    """Returns a random one of the configurations that were not tried; None if none is found.

    It looks at no more than `_LARGEST_ENUMERATION` of them, from a random one on: a larger space
    is not exhausted by any search, only its windows are.
    """
    names = sorted(space)
    sizes = [space[name].n_cells or 1 for name in names]  # a continuous one is never tried
    total = math.prod(sizes)
    if total > _LARGEST_SPACE:
        return None
    start = int(uniforms(seed, number, "", _MAX_ATTEMPTS)[2] * total)
    for i in range(min(total, _LARGEST_ENUMERATION)):
        rest = (start + i) % total
        params = {}
        for name, size in zip(names, sizes, strict=True):
            rest, cell = divmod(rest, size)
            params[name] = space[name].at(cell)
        if not history.is_tried(space, params):
            return {name: params[name] for name in space}
    return None
