"""Where a trial is drawn from: every draw is a point of one region.

The story, step by step. *Which kind* of region a trial gets is chance (`choose`): a stratum of the
whole space in the coarse stage; later the box that the best trials span, a box around the best
trial, windows around the good values of each parameter, or around those of one trial; and of a
space in which nearly all was tried, what is left. *How wide* its windows are is the schedule's. A
region has a side for each parameter: an interval of its scale, in which every draw redraws it; or
the values of good trials, one of which is the centre: then a draw keeps it, or redraws it in a
window around it. `point` throws the dice and returns a point of the region, and on request the
window of each value: what it was drawn from. Nothing here looks at an objective value; the history
has the trials in order, and that is all that is used.

Notation, for one parameter:

=========  =====================================================================================
u          a place on its scale, 0 ≤ u ≤ 1; the scale is linear, log or one-minus-log
roll       (r_centre, r_leave, r_width, r), four numbers uniform on [0, 1): which centre, whether
           to leave it, how much wider to look, and where in the window
shift      0 ≤ shift < 1, added to each of the four modulo 1: candidates are one roll of the dice
           moved on in equal steps (Cranley & Patterson, "Randomization of number theoretic
           methods for multiple integration", SIAM J. Numer. Anal. 13, 1976)
chance     probability to leave a centre, the ``vary`` of the schedule over the dimensions
width      share of the scale, 0 < width ≤ 1; a draw's own is width ** e with e uniform in
           [spread, 1], so that a few look much wider
widening   2 ** (attempts in vain // 4): wider windows where everything nearby was tried
=========  =====================================================================================

Where each idea comes from. Strata: McKay, Beckman & Conover, "A comparison of three methods for
selecting values of input variables", Technometrics 21, 1979. The box of the best, drawn anew stage
by stage: Ng, Deep Learning Specialization, course 2, week 3 ("coarse to fine"). Windows around good
values that shrink with the number of trials, each parameter around a centre of its own: hyperopt's
``anneal`` (Bergstra et al., https://github.com/hyperopt/hyperopt), the nearest relative; it draws
the rank of the centre from a geometric distribution, and redraws all parameters at once. Changing
few parameters at a time: mutation in evolution strategies (Rechenberg 1973). The best of several
candidates: Mitchell 1991 (`tune_bn.core.history.spacing`).
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from tune_bn.core.draws.dice import permutation, uniforms
from tune_bn.core.draws.narrowing import Narrowing
from tune_bn.core.history.history import History, rank_weights
from tune_bn.core.space import Parameter
from tune_bn.core.space.window import Interval, Kept, Stratum, Window

__all__ = [
    "AROUND_ONE",
    "AROUND_THE_BEST",
    "BOX",
    "KINDS",
    "STRATUM",
    "UNTRIED",
    "WINDOWS",
    "Region",
    "Roll",
    "Side",
    "choose",
    "coarse_window",
    "independent_window",
    "point",
    "rank_roll",
    "region_of",
]

STRATUM = "stratum"
BOX = "box of the best"
AROUND_THE_BEST = "around the best"
WINDOWS = "windows"
AROUND_ONE = "around one trial"
UNTRIED = "what is left untried"
KINDS = (STRATUM, BOX, AROUND_THE_BEST, WINDOWS, AROUND_ONE, UNTRIED)

_LARGEST_BLOCK = 4096  # a permutation of so many takes milliseconds, and is kept
_FEWEST_ZOOMED = 3
_KIND = -1  # the attempt whose dice decide the kind
# Of a scale. The box of the best trials shrinks without end where the optimum lies at an edge;
# nothing is learned below this, and soon a float could not tell two draws apart.
_NARROWEST_SPAN = 2.0**-30

Roll = tuple[float, float, float, float]


@dataclass(slots=True)
class Side:
    """What a region says of one parameter.

    Args:
        name: Name of the parameter.
        parameter: The parameter.
        interval: In which every draw redraws it; None if it has centres.
        centres: Values of good trials, best first, one of which a draw keeps or looks around.
        weights: Their cumulative probabilities.
        trials: Numbers of the trials that they are from.
    """

    name: str
    parameter: Parameter
    interval: Interval | None
    centres: tuple[Any, ...] = ()
    weights: tuple[float, ...] = ()
    trials: tuple[int, ...] = ()


@dataclass(slots=True)
class Region:
    """Where a trial is drawn from.

    Args:
        kind: One of `KINDS`.
        sides: A side for each parameter, in order of the names: a storage may hand back
            parameters in any order.
        width: Width of its windows, as a share of each scale.
        chance: Probability that a parameter leaves its centre.
        n_best: How many of the best trials span its box; 0 of a region without one.
    """

    kind: str
    sides: list[Side]
    width: float
    chance: float
    n_best: int = 0


@lru_cache(maxsize=64)
def _weights(n: int, power: float) -> tuple[float, ...]:
    return tuple(rank_weights(n, power))


def coarse_window(
    seed: int, number: int, name: str, parameter: Parameter, narrowing: Narrowing
) -> tuple[Window, float]:
    """Returns the stratum of a parameter in a coarse trial, and the quantile that is drawn in it.

    Each block of ``coarse_trials`` trials, at most 4,096, is a Latin hypercube: the range is cut
    into as many strata of equal weight, a permutation keyed by (seed, name) assigns one to each
    trial, and the value is uniform within it. No worker needs to know of another one, and a
    parameter that only some trials have is stratified like any other.
    """
    r = uniforms(seed, number, name)[3]
    if narrowing.coarse_trials is None:
        return Interval(parameter), r
    size = min(narrowing.coarse_trials, _LARGEST_BLOCK)
    block, i = divmod(number, size)
    return Stratum(parameter, permutation(seed, name, block, size)[i], size), r


def _around_good(name: str, parameter: Parameter, history: History, narrowing: Narrowing) -> Side:
    """Returns the side around the values of the best trials; the whole scale if none has any."""
    values, trials = history.centres(name, parameter, narrowing.elites)
    if not values:
        return Side(name, parameter, Interval(parameter))
    # The trials of a Pareto front are equally good.
    power = narrowing.elite_power if history.n_objectives == 1 else 0.0
    return Side(name, parameter, None, values, _weights(len(values), power), trials)


def _of_one_rank(side: Side, r: float) -> Side:
    """Returns the side around the value of one rank only."""
    if side.interval is not None:
        return side
    i = bisect_right(side.weights, r)
    centres, trials = side.centres[i : i + 1], side.trials[i : i + 1]
    return Side(side.name, side.parameter, None, centres, (1.0,), trials)


def _box(name: str, parameter: Parameter, history: History, n_best: int) -> Interval | None:
    """Returns from the lowest to the highest value of the best trials, whole cells included."""
    found = None if parameter.is_unordered else history.span(name, parameter, n_best)
    if found is None:
        return None
    _, low, high = found
    cells = parameter.n_cells
    if cells is None:
        return Interval(parameter, low, high)
    return Interval(parameter, max(low - 0.5 / cells, 0.0), min(high + 0.5 / cells, 1.0))


def _ball(name: str, parameter: Parameter, history: History, n_best: int) -> Interval | None:
    """Returns an interval around the best value, half as far as twice as many trials reach.

    Of parameters without cells only: one cell is a long way there.
    """
    found = history.span(name, parameter, 2 * n_best) if parameter.n_cells is None else None
    if found is None:
        return None
    centre, low, high = found
    reach = max(high - centre, centre - low) / 2
    return Interval(parameter, max(centre - reach, 0.0), min(centre + reach, 1.0))


def region_of(
    kind: str,
    space: Mapping[str, Parameter],
    history: History,
    narrowing: Narrowing,
    *,
    width: float,
    chance: float,
    n_best: int = 0,
    r_rank: float = 0.0,
) -> Region:
    """Returns the region of a kind, of a fine stage.

    A parameter for which there is no box, or one of next to no width, is drawn as ever around the
    best trial, or keeps the value of a good one.

    Args:
        kind: `BOX`, `AROUND_THE_BEST`, `WINDOWS`, `AROUND_ONE` or `UNTRIED`.
        space: The parameters by name. The order does not matter.
        history: The trials finished so far.
        narrowing: The schedule.
        width: As for `Region`.
        chance: As for `Region`.
        n_best: As for `Region`.
        r_rank: Which of the good trials, for `AROUND_ONE`; 0 ≤ r_rank < 1.
    """
    chance = 0.0 if kind == BOX else chance
    if kind == AROUND_ONE:
        sides = _sides(WINDOWS, space, history, narrowing, 0)
        return Region(kind, [_of_one_rank(side, r_rank) for side in sides], width, chance, n_best)
    return Region(kind, _sides(kind, space, history, narrowing, n_best), width, chance, n_best)


def _sides(
    kind: str,
    space: Mapping[str, Parameter],
    history: History,
    narrowing: Narrowing,
    n_best: int,
) -> list[Side]:
    """Returns the sides of a region; those made last, while the best trials are the same."""
    known = history.sides.get(kind)
    if known is not None:
        of_space, of_narrowing, version, n, found = known
        is_made_of = of_space is space and of_narrowing is narrowing
        if is_made_of and version == history.version and n == n_best:
            return cast(list[Side], found)
    sides: list[Side] = []
    find = {BOX: _box, AROUND_THE_BEST: _ball}.get(kind)
    for name in sorted(space):
        parameter = space[name]
        if find is not None:
            box = find(name, parameter, history, n_best)
            if box is not None and box.high - box.low > _NARROWEST_SPAN:
                sides.append(Side(name, parameter, box))
                continue
        elif kind == UNTRIED:
            sides.append(Side(name, parameter, Interval(parameter)))
            continue
        side = _around_good(name, parameter, history, narrowing)
        sides.append(_of_one_rank(side, 0.0) if kind == AROUND_THE_BEST else side)
    history.sides[kind] = space, narrowing, history.version, n_best, sides
    return sides


def rank_roll(seed: int, number: int) -> float:
    """Returns the number that decides around which trial a trial of `AROUND_ONE` is drawn."""
    return uniforms(seed, number, "", _KIND)[2]


def choose(
    seed: int,
    number: int,
    space: Mapping[str, Parameter],
    history: History,
    narrowing: Narrowing,
    width: float,
    chance: float,
) -> Region:
    """Returns the region of a fine trial: which kind of draw it is, is chance.

    While there are few trials, the better half stands for the best ``zoom_trials``: a box of all
    of them would be no zoom.
    """
    r_zoom, r_together, r_rank, _ = uniforms(seed, number, "", _KIND)
    # Several objectives have no one best region.
    zoom = narrowing.zoom if history.n_objectives == 1 else 0.0
    n_best = min(narrowing.zoom_trials, max(history.n_ranked // 2, _FEWEST_ZOOMED))
    if r_zoom < zoom / 2:
        kind = BOX
    elif r_zoom < zoom and any(p.n_cells is None for p in space.values()):
        kind = AROUND_THE_BEST
    else:
        kind, n_best = AROUND_ONE if r_together < narrowing.together else WINDOWS, 0
    return region_of(
        kind,
        space,
        history,
        narrowing,
        width=width,
        chance=chance,
        n_best=n_best,
        r_rank=r_rank,
    )


def _widened(width: float, narrowing: Narrowing, r_width: float) -> float:
    """Returns the width of one draw: a share of them look wider."""
    return float(width ** (narrowing.spread + (1.0 - narrowing.spread) * r_width))


def _window(
    parameter: Parameter, centre: Any, width: float, narrowing: Narrowing, r_width: float
) -> Window:
    """Returns the window of one draw around a centre."""
    if parameter.is_unordered:
        return parameter.around(centre, max(width, narrowing.min_choice_width))
    return parameter.around(centre, _widened(width, narrowing, r_width))


def _differs(parameter: Parameter, a: Any, b: Any) -> bool:
    """Tells two values apart. Choices may be arrays, whose ``==`` is no truth value."""
    return a is not b if parameter.is_unordered else bool(a != b)


def point(
    region: Region,
    rolls: Mapping[str, Roll],
    shift: float,
    widening: float,
    narrowing: Narrowing,
    windows: dict[str, Window] | None = None,
) -> dict[str, Any]:
    """Returns a point of a region: a value for each parameter.

    A point differs from the trials that it keeps values of, where it can: if chance moved nothing,
    one parameter moves. And because two workers may change the same category around the same
    trial, a parameter without cells moves as well, by as little as the schedule ever moves one.

    Args:
        region: Where to draw.
        rolls: The dice of each parameter by name; of the whole trial under ``""``.
        shift: Added to all of them, modulo 1.
        widening: By how much to widen windows and chance, ≥ 1.
        narrowing: The schedule.
        windows: Gets for each parameter the window that its value was drawn from, if given.
    """
    width, chance = min(region.width * widening, 1.0), region.chance * widening
    params: dict[str, Any] = {}
    kept: list[tuple[Side, Any, Roll]] = []
    is_changed = is_unique = False
    spread, rest = narrowing.spread, 1.0 - narrowing.spread
    for side in region.sides:
        name, parameter, interval = side.name, side.parameter, side.interval
        r_centre, r_leaves, r_width, r = roll = rolls[name]
        r = (r + shift) % 1.0
        if interval is not None:
            low = interval.low
            params[name] = parameter.draw(low + r * (interval.high - low))
            is_changed, is_unique = True, is_unique or parameter.n_cells is None
            if windows is not None:
                windows[name] = interval
            continue
        i = bisect_right(side.weights, (r_centre + shift) % 1.0)
        params[name] = centre = side.centres[i]
        cells, r_width = parameter.n_cells, (r_width + shift) % 1.0
        leaves = (r_leaves + shift) % 1.0 < chance
        if leaves and cells is not None and not parameter.is_unordered:
            # A window that holds the one cell only keeps it.
            leaves = _widened(width, narrowing, r_width) * cells > 1.0
        if not leaves:
            kept.append((side, centre, roll))
            if windows is not None:
                windows[name] = Kept(parameter, centre, side.trials[i])
            continue
        if cells is None:  # without the detour of `_window`: most draws are such
            window = parameter.around(centre, width ** (spread + rest * r_width))
            params[name] = value = window.draw(r)
            is_unique, is_changed = True, is_changed or value != centre
        else:
            window = _window(parameter, centre, width, narrowing, r_width)
            params[name] = value = window.draw(r)
            is_changed = is_changed or _differs(parameter, value, centre)
        if windows is not None:
            windows[name] = window
    if is_changed and is_unique:
        return params
    r_pick, r_continuous = ((r + shift) % 1.0 for r in rolls[""][:2])
    if not is_changed and kept:
        side, centre, roll = kept[int(r_pick * len(kept))]
        name, parameter = side.name, side.parameter
        window = _window(parameter, centre, width, narrowing, (roll[2] + shift) % 1.0)
        params[name] = window.draw((roll[3] + shift) % 1.0)
        if windows is not None:
            windows[name] = window
        is_changed = _differs(parameter, params[name], centre)
        is_unique = parameter.n_cells is None
    continuous = [k for k in kept if k[0].parameter.n_cells is None]
    if not is_unique and continuous:
        side, centre, roll = continuous[int(r_continuous * len(continuous))]
        name, parameter = side.name, side.parameter
        little = min(narrowing.min_width, width) if is_changed else width
        window = parameter.around(centre, little)
        params[name] = window.draw((roll[3] + shift) % 1.0)
        if windows is not None:
            windows[name] = window
    return params


def independent_window(
    seed: int,
    number: int,
    name: str,
    parameter: Parameter,
    history: History,
    narrowing: Narrowing,
    width: float,
) -> tuple[Window, float]:
    """Returns the window of one parameter whose companions are not known, and its quantile.

    It lies around the value of a good trial; it is the whole range where none has the parameter.
    """
    r_centre, _, r_width, r = uniforms(seed, number, name)
    side = _around_good(name, parameter, history, narrowing)
    if side.interval is not None:
        return side.interval, r
    centre = side.centres[bisect_right(side.weights, r_centre)]
    return _window(parameter, centre, width, narrowing, r_width), r
