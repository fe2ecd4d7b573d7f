"""The next configuration: a stratified random point, or a random draw around the best trials.

Every function here is a pure function of (seed, trial number, parameter names, schedule, history);
see `tune_bn.core.draw`. That is what gives the same search by hand, through Optuna and through
Ray, and what lets workers agree without talking to each other.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from tune_bn.core.draw import permutation, uniforms
from tune_bn.core.history import History, rank_weights
from tune_bn.core.narrowing import Narrowing, Plan, stage_for
from tune_bn.core.space import Parameter

__all__ = ["coarse_value", "fine_value", "propose"]

_LARGEST_BLOCK = 4096  # a permutation of so many takes milliseconds, and is kept
_MAX_ATTEMPTS = 24
_PATIENCE = 4
_MOST_CANDIDATES = _MAX_ATTEMPTS // 2  # as many attempts are left in other windows
_FEWEST_ZOOMED = 3
_KIND = -1  # the attempt that decides what kind of draw a trial is
_LARGEST_ENUMERATION = 2000
_LARGEST_SPACE = 10**12
# Of a scale. The box of the best trials shrinks without end where the optimum lies at an edge;
# nothing is learned below this, and soon a float could not tell two draws apart.
_NARROWEST_SPAN = 2.0**-30

_Span = tuple[float, float]  # from where to where on a parameter's scale
# name, parameter, centres, their weights, and what a zoom draws from
_Around = tuple[str, Parameter, tuple[Any, ...], tuple[float, ...], _Span | None]
_Kept = tuple[str, Any, float, float]  # name, centre, and the two numbers that would move it


def coarse_value(
    seed: int, number: int, name: str, parameter: Parameter, narrowing: Narrowing
) -> Any:
    """Return the value of a parameter in a trial of the coarse stage.

    Each block of ``coarse_trials`` trials, at most 4,096, is a Latin hypercube (McKay, Beckman &
    Conover 1979): the range is cut into as many strata of equal weight, a permutation keyed by
    (seed, name) assigns one to each trial, and the value is uniform within it. No worker needs to
    know of another one, and a parameter that only some trials have is stratified like any other.
    """
    r = uniforms(seed, number, name)[3]
    if narrowing.coarse_trials is None:
        return parameter.draw(r)
    size = min(narrowing.coarse_trials, _LARGEST_BLOCK)
    block, i = divmod(number, size)
    return parameter.draw((permutation(seed, name, block, size)[i] + r) / size)


@lru_cache(maxsize=64)
def _weights(n: int, power: float) -> tuple[float, ...]:
    return tuple(rank_weights(n, power))


def _centres(
    name: str, parameter: Parameter, history: History, narrowing: Narrowing
) -> tuple[tuple[Any, ...], tuple[float, ...]]:
    """Return the values that windows may lie around and their cumulative weights; () for none."""
    values = history.centres(name, parameter, narrowing.elites)
    if not values:
        return (), ()
    # The trials of a Pareto front are equally good.
    power = narrowing.elite_power if history.n_objectives == 1 else 0.0
    return values, _weights(len(values), power)


def _moved(
    parameter: Parameter, centre: Any, width: float, narrowing: Narrowing, r_width: float, r: float
) -> Any:
    """Return a value drawn uniformly in the window around ``centre``."""
    if parameter.is_unordered:
        return parameter.draw_near(centre, max(width, narrowing.min_choice_width), r)
    return parameter.draw_near(centre, _widened(width, narrowing, r_width), r)


def _widened(width: float, narrowing: Narrowing, r_width: float) -> float:
    """Return the width of one draw: a share of them look wider."""
    return float(width ** (narrowing.spread + (1.0 - narrowing.spread) * r_width))


def _is_held(parameter: Parameter, width: float, narrowing: Narrowing, r_width: float) -> bool:
    """Tell whether a window holds one cell only, so that there is nothing to draw."""
    cells = parameter.n_cells
    if cells is None or parameter.is_unordered:
        return False
    return _widened(width, narrowing, r_width) * cells <= 1.0


def _differs(parameter: Parameter, a: Any, b: Any) -> bool:
    """Tell two values apart. Choices may be arrays, whose ``==`` is no truth value."""
    return a is not b if parameter.is_unordered else bool(a != b)


def fine_value(
    seed: int,
    number: int,
    name: str,
    parameter: Parameter,
    history: History,
    narrowing: Narrowing,
) -> Any:
    """Return the value of one parameter whose companions are not known, redrawn in its window.

    It is uniform over the whole range where no good trial has the parameter.
    """
    r_elite, _, r_width, r = uniforms(seed, number, name)
    values, weights = _centres(name, parameter, history, narrowing)
    if not values:
        return parameter.draw(r)
    plan = stage_for(narrowing, history, number)
    centre = values[bisect_right(weights, r_elite)]
    return _moved(parameter, centre, plan.width, narrowing, r_width, r)


def _windows(
    space: Mapping[str, Parameter], history: History, narrowing: Narrowing
) -> list[_Around]:
    """Return what a draw in windows takes: of each parameter the values they may lie around."""
    # In order of the names: a storage may hand back parameters in any order.
    return [
        (name, space[name], *_centres(name, space[name], history, narrowing), None)
        for name in sorted(space)
    ]


def _zoomed(
    space: Mapping[str, Parameter], history: History, narrowing: Narrowing, is_around_best: bool
) -> list[_Around]:
    """Return what a zoom draws from: of each parameter where the best trials lie.

    That is from the lowest to the highest value of the best ``zoom_trials``; or a window around
    the best trial that is as wide as the best 2 · ``zoom_trials`` reach from it, of parameters
    without cells: one cell is a long way there. While there are few trials, the better half
    stands for the best ``zoom_trials``: a box of all of them would be no zoom. What has no such
    span, or one of next to no width, is drawn as ever around the best trial, or keeps the value of
    a good one.
    """
    zoomed: list[_Around] = []
    n = min(narrowing.zoom_trials, max(history.n_ranked // 2, _FEWEST_ZOOMED))
    for name in sorted(space):
        parameter, span = space[name], None
        if is_around_best:
            found = history.span(name, parameter, 2 * n) if parameter.n_cells is None else None
            if found is not None:
                centre, low, high = found
                reach = max(high - centre, centre - low) / 2
                span = max(centre - reach, 0.0), min(centre + reach, 1.0)
        elif not parameter.is_unordered and (found := history.span(name, parameter, n)) is not None:
            _, low, high = found
            half_cell = 0.5 / parameter.n_cells if parameter.n_cells else 0.0
            span = max(low - half_cell, 0.0), min(high + half_cell, 1.0)
        if span is not None and span[1] - span[0] > _NARROWEST_SPAN:
            zoomed.append((name, parameter, (), (), span))
            continue
        values, weights = _centres(name, parameter, history, narrowing)
        if is_around_best:
            values, weights = values[:1], (1.0,) if values else ()
        zoomed.append((name, parameter, values, weights, None))
    return zoomed


def _of_one_rank(around: Sequence[_Around], r: float) -> list[_Around]:
    """Return the windows around one of the best trials, the same for all parameters."""
    return [
        (name, parameter, values[(i := bisect_right(weights, r)) : i + 1], (1.0,), span)
        if values
        else (name, parameter, values, weights, span)
        for name, parameter, values, weights, span in around
    ]


def _kind(
    seed: int,
    number: int,
    space: Mapping[str, Parameter],
    history: History,
    narrowing: Narrowing,
    chance: float,
) -> tuple[list[_Around], float]:
    """Return what a trial is drawn from, and the chance of a parameter to leave its centre."""
    r_zoom, r_together, r_elite, _ = uniforms(seed, number, "", _KIND)
    # Several objectives have no one best region.
    zoom = narrowing.zoom if history.n_objectives == 1 else 0.0
    if r_zoom < zoom / 2:
        return _zoomed(space, history, narrowing, is_around_best=False), 0.0
    if r_zoom < zoom and any(parameter.n_cells is None for parameter in space.values()):
        return _zoomed(space, history, narrowing, is_around_best=True), chance
    windows = _windows(space, history, narrowing)
    if r_together < narrowing.together:
        return _of_one_rank(windows, r_elite), chance
    return windows, chance


def _fine_params(
    space: Mapping[str, Parameter],
    around: Sequence[_Around],
    plan: Plan,
    chance: float,
    narrowing: Narrowing,
    widening: float,
    rolls: Mapping[str, tuple[float, ...]],
    shift: float,
) -> dict[str, Any]:
    """Return a candidate: what ``rolls`` give for each name, moved on by ``shift``.

    ``""`` stands for the whole trial.
    """
    width = min(plan.width * widening, 1.0)
    chance *= widening
    params: dict[str, Any] = {}
    kept: list[_Kept] = []
    is_changed = is_unique = False
    for name, parameter, values, weights, span in around:
        if span is not None:
            low, high = span
            r = (rolls[name][3] + shift) % 1.0
            params[name] = parameter.draw(low + r * (high - low))
            is_changed, is_unique = True, is_unique or parameter.n_cells is None
            continue
        r_elite, r_vary, r_width, r = rolls[name]
        if shift:
            r_elite, r_vary = (r_elite + shift) % 1.0, (r_vary + shift) % 1.0
            r_width, r = (r_width + shift) % 1.0, (r + shift) % 1.0
        if not values:
            params[name] = parameter.draw(r)
            is_changed, is_unique = True, is_unique or parameter.n_cells is None
            continue
        params[name] = centre = values[bisect_right(weights, r_elite)]
        if r_vary < chance and not _is_held(parameter, width, narrowing, r_width):
            params[name] = _moved(parameter, centre, width, narrowing, r_width, r)
        else:
            kept.append((name, centre, r_width, r))
            continue
        is_changed = is_changed or _differs(parameter, params[name], centre)
        is_unique = is_unique or parameter.n_cells is None
    if is_changed and is_unique:
        return params
    r_pick, r_continuous = ((r + shift) % 1.0 for r in rolls[""][:2])
    if not is_changed and kept:
        name, centre, r_width, r = kept[int(r_pick * len(kept))]
        params[name] = _moved(space[name], centre, width, narrowing, r_width, r)
        is_changed = _differs(space[name], params[name], centre)
        is_unique = space[name].n_cells is None
    # Two workers may change the same category around the same trial. A continuous parameter that
    # moves as little as the schedule ever moves one makes them two configurations.
    continuous = [k for k in kept if space[k[0]].n_cells is None]
    if not is_unique and continuous:
        name, centre, _, r = continuous[int(r_continuous * len(continuous))]
        little = min(narrowing.min_width, width) if is_changed else width
        params[name] = space[name].draw_near(centre, little, r)
    return params


def propose(
    seed: int,
    number: int,
    space: Mapping[str, Parameter],
    history: History,
    narrowing: Narrowing,
) -> tuple[Plan, dict[str, Any]]:
    """Return the plan and the parameter values of the trial with this number.

    In a fine stage a trial is one of two kinds, decided by chance. A share ``narrowing.zoom``
    redraws all parameters, uniformly where the best trials lie (`_zoomed`). Otherwise every
    parameter takes its centre from one of the best trials; about ``narrowing.vary`` parameters
    are redrawn uniformly in the window around it, the others keep it. ``narrowing.candidates``
    such draws are spread evenly over the windows, and the one is proposed that is farthest from
    what was tried in vain. A configuration that was tried before is redrawn, in wider windows
    after a few attempts, and of a small space until all have been tried.

    Args:
        seed: Seed of the search, 0 ≤ seed < 2⁶⁴.
        number: Number of the trial, unique in the search.
        space: The parameters by name. The order does not matter.
        history: The trials finished so far.
        narrowing: The schedule.
    """
    plan = stage_for(narrowing, history, number)
    if plan.stage == 0:
        coarse = {n: coarse_value(seed, number, n, p, narrowing) for n, p in space.items()}
        return plan, coarse
    first: dict[str, Any] = {}
    candidates: list[dict[str, Any]] = []
    dimensions = max(len(history.best.params.keys() & space.keys()), 1)
    chance = 1.0 if narrowing.vary is None else narrowing.vary / dimensions
    around, around_chance = _kind(seed, number, space, history, narrowing, chance)
    is_endless = any(parameter.n_cells is None for parameter in space.values())
    n_candidates = min(narrowing.candidates, _MOST_CANDIDATES)
    rolls: dict[str, tuple[float, ...]] = {}
    for attempt in range(_MAX_ATTEMPTS):
        if attempt == _MAX_ATTEMPTS // 2:  # everything there was tried
            around, around_chance = _windows(space, history, narrowing), chance
        # Candidates are evenly spread: one roll of the dice, moved on by equal steps (Cranley &
        # Patterson, "Randomization of number theoretic methods for multiple integration", 1976).
        block, i = divmod(attempt, n_candidates)
        if i == 0:
            rolls = {name: uniforms(seed, number, name, block) for name in (*space, "")}
        # After a few repetitions of tried configurations look wider, and change more.
        widening, shift = 2.0 ** (attempt // max(_PATIENCE, n_candidates)), i / n_candidates
        params = _fine_params(space, around, plan, around_chance, narrowing, widening, rolls, shift)
        if is_endless or not history.is_tried(space, params):
            candidates.append(params)
            if len(candidates) == n_candidates:
                break
        first = first or params
    if len(candidates) > 1:
        # In vain was also what failed; otherwise a region that fails would look unexplored.
        spared = [trial.number for trial in history.elites(narrowing.spared)]
        return plan, candidates[history.spacing.farthest(candidates, space, spared)]
    if candidates:
        return plan, candidates[0]
    # Where nothing is left to try, a repetition near the best says most about noise.
    return plan, _untried(seed, number, space, history) or first


def _untried(
    seed: int, number: int, space: Mapping[str, Parameter], history: History
) -> dict[str, Any] | None:
    """Return a random one of the configurations that were not tried; None if none is found.

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
