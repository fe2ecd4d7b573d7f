"""The next configuration: a point of a region, the best of a few candidates.

Every function here is a pure function of (seed, trial number, parameter names, schedule, history);
see `tune_bn.core.draws.dice`. That is what gives the same search by hand, through Optuna and
through Ray, and what lets workers agree without talking to each other.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
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
from tune_bn.core.space.window import Interval, Window

__all__ = ["Proposal", "coarse_value", "fine_value", "propose", "windows_of"]

_MAX_ATTEMPTS = 24
_PATIENCE = 4
_LARGEST_ENUMERATION = 2000
_LARGEST_SPACE = 10**12
_NOTHING: Mapping[str, Any] = {}


class Proposal(NamedTuple):
    """A configuration, and where it was drawn from.

    Args:
        params: The values by name.
        kind: Kind of the region; see `tune_bn.core.draws.regions`.
        attempt: Which throw of the dice it is, counted from 0. Of what was left untried the place
            among all configurations, counted from 1.
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
    given: Mapping[str, Any] = _NOTHING,
    others: Mapping[str, Parameter] | None = None,
) -> Proposal:
    """Returns the parameter values of the trial with this number.

    In a fine stage ``narrowing.candidates`` points of the trial's region are spread evenly over
    it, and the one is proposed that is farthest from what was tried in vain. A configuration that
    was tried before is redrawn, in wider windows after a few attempts, and of a small space until
    all have been tried. Then those are tried again that failed or still run
    (`tune_bn.core.history.tried`).

    Args:
        seed: Seed of the search, 0 ≤ seed < 2⁶⁴.
        number: Number of the trial, unique in the search.
        space: The parameters by name. The order does not matter.
        history: The trials finished so far.
        narrowing: The schedule.
        plan: Stage and width of the trial, as `stage_for` returned them.
        given: Values that the trial will have in place of those that are drawn.
        others: Parameters that the trial may have beside these, drawn by `fine_value`; None if it
            has all of ``space`` and no others.
    """
    if plan.stage == 0:
        coarse = {n: coarse_value(seed, number, n, p, narrowing) for n, p in space.items()}
        return Proposal(coarse, STRATUM)
    if not space:
        return Proposal({}, WINDOWS)
    dimensions = max(len(history.best.params.keys() & space.keys()), 1)
    chance = 1.0 if narrowing.vary is None else narrowing.vary / dimensions
    most = _candidates(narrowing)
    whole = {**space, **others} if others else space
    cells = [p.n_cells for name, p in whole.items() if name not in given]
    is_endless = None in cells
    # A draw always moves a continuous parameter, if only a little; another branch may not use it.
    can_repeat = bool(cells)
    if is_endless:
        can_repeat = others is not None and history.tried.has_shorter_branch(whole)
    if is_endless and not can_repeat:  # as nearly always: the first throws, without more ado
        region = choose(seed, number, space, history, narrowing, plan.width, chance)
        rolls = _Dice(seed, number, space, 0)
        points = [point(region, rolls, i / most, 1.0, narrowing) for i in range(most)]
        i = _farthest(points, space, history, narrowing)
        return Proposal(points[i], region.kind, i, region.chance, region.n_best)
    attempts = _attempts(seed, number, space, history, narrowing, plan, chance)
    if can_repeat and others:
        beside = {
            name: fine_value(seed, number, name, parameter, history, narrowing, plan.width)
            for name, parameter in others.items()
        }
        given = {**beside, **given}

    def is_tried(params: dict[str, Any], without_result: bool = True) -> bool:
        params = {**params, **given} if given else params
        return history.tried.has(
            whole, params, by_branch=others is not None, without_result=without_result
        )

    if is_endless:
        found = list(islice(attempts, most))
        chosen = _chosen(found, space, history, narrowing)
        if is_tried(chosen.params):  # of another branch than what it changes
            left = [attempt for attempt in found if not is_tried(attempt.params)]
            left = left or [next((a for a in attempts if not is_tried(a.params)), chosen)]
            chosen = _chosen(left, space, history, narrowing)
        return chosen.proposal()
    repeated: list[_Attempt] = []
    found = []
    for attempt in attempts:
        (repeated if can_repeat and is_tried(attempt.params) else found).append(attempt)
        if len(found) == most:
            break
    if found:
        return _chosen(found, space, history, narrowing).proposal()
    # Where nothing is left to try, a repetition near the best says most about noise.
    untried = _untried(seed, number, space, history, is_tried)
    return repeated[0].proposal() if untried is None else untried


class _Attempt(NamedTuple):
    """A point of a region, and which throw of the dice it is."""

    params: dict[str, Any]
    region: Region
    attempt: int

    def proposal(self) -> Proposal:
        region = self.region
        return Proposal(self.params, region.kind, self.attempt, region.chance, region.n_best)


def _attempts(
    seed: int,
    number: int,
    space: Mapping[str, Parameter],
    history: History,
    narrowing: Narrowing,
    plan: Plan,
    chance: float,
) -> Iterator[_Attempt]:
    """Yields points of a trial's region, wider and wider; from half of them on, of its windows."""
    region = choose(seed, number, space, history, narrowing, plan.width, chance)
    most = _candidates(narrowing)
    for attempt in range(_MAX_ATTEMPTS):
        if attempt == _MAX_ATTEMPTS // 2:  # everything there was tried
            width = plan.width
            region = region_of(WINDOWS, space, history, narrowing, width=width, chance=chance)
        block, i = divmod(attempt, most)
        if i == 0:
            rolls = _Dice(seed, number, space, block)
        widening = _widening(attempt, most) if attempt >= most else 1.0
        yield _Attempt(point(region, rolls, i / most, widening, narrowing), region, attempt)


def _chosen(
    found: Sequence[_Attempt],
    space: Mapping[str, Parameter],
    history: History,
    narrowing: Narrowing,
) -> _Attempt:
    return found[_farthest([attempt.params for attempt in found], space, history, narrowing)]


def _farthest(
    points: Sequence[Mapping[str, Any]],
    space: Mapping[str, Parameter],
    history: History,
    narrowing: Narrowing,
) -> int:
    """Returns which of several points is farthest from what was tried in vain."""
    if len(points) == 1:
        return 0
    # In vain was also what failed; otherwise a region that fails would look unexplored.
    return history.spacing.farthest(points, space, history.elites(narrowing.spared))


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
    if kind == UNTRIED:
        left = {name: Interval(parameter) for name, parameter in space.items()}
        return _configuration(space, proposal.attempt - 1), {**left}
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
    seed: int,
    number: int,
    space: Mapping[str, Parameter],
    history: History,
    is_tried: Callable[..., bool],
) -> Proposal | None:
    """Returns a random one of the configurations that were not tried; None if none is found.

    It looks at no more than `_LARGEST_ENUMERATION` of them, from a random one on: a larger space
    is not exhausted by any search, only its windows are. If all were tried, it is one of those
    that have no result.
    """
    total = math.prod([parameter.n_cells or 1 for parameter in space.values()])
    if total > _LARGEST_SPACE:
        return None
    start = int(uniforms(seed, number, "", _MAX_ATTEMPTS)[2] * total)
    for without_result in (True, False) if history.tried.is_any_without_result else (True,):
        for i in range(min(total, _LARGEST_ENUMERATION)):
            place = (start + i) % total
            params = _configuration(space, place)
            if not is_tried(params, without_result):
                return Proposal(params, UNTRIED, place + 1)
    return None


def _configuration(space: Mapping[str, Parameter], place: int) -> dict[str, Any]:
    """Returns the configuration at a place among all of them, counted from 0."""
    params = {}
    for name in sorted(space):
        parameter = space[name]
        place, cell = divmod(place, parameter.n_cells or 1)
        # A continuous one is here only where its value is given.
        params[name] = parameter.draw(0.5) if parameter.n_cells is None else parameter.at(cell)
    return {name: params[name] for name in space}
