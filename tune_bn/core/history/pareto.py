"""Ranking by several objectives: Pareto fronts that grow trial by trial, and crowding.

Notation: a trial *dominates* another if it is better in `group_key` (less violation, finite,
complete, further), or equal there, no worse in every loss and better in one; this is the
constrained dominance of Deb et al., "A fast and elitist multiobjective genetic algorithm:
NSGA-II" (IEEE TEVC 2002, section VI). Front 0 is dominated by nobody, front 1 only by trials of
front 0, …

Inserting a trial moves others to later fronts only, never to earlier ones. So the first fronts stay
exact while the others are only remembered as a heap, and a trial costs the same however many there
are. But it may move so many that the first fronts together hold too few; then all are sorted again.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_bn.core.history.trial import Trial, group_key

__all__ = ["Fronts", "crowding_distance", "fronts_of"]

_SPARE = 2  # times the capacity are held, so that all are sorted again seldom


class _Losses:
    """The losses of a front's trials as rows of one array, which grows as they come."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.n = len(trials)
        self._rows = np.array([t.losses for t in trials], dtype=float)

    @property
    def rows(self) -> NDArray[np.float64]:
        """Shape (n, objectives)."""
        return self._rows[: self.n]

    def append(self, losses: tuple[float, ...]) -> None:
        if self.n == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[self.n] = losses
        self.n += 1


class Fronts:
    """The first Pareto fronts of the trials added so far, in whatever order they came.

    All trials of a front are alike in `group_key`: one that is better there would dominate.

    Args:
        capacity: So many trials at least are in `fronts`, or all there are.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.fronts: list[list[Trial]] = []
        self._losses: list[_Losses] = []
        self._others: list[Trial] = []  # in fronts behind these

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restores a pickle; one of version 0.1 has forgotten the other trials."""
        self.__dict__.update({"_others": [], **state})

    def _beats(self, level: int, trial: Trial) -> bool:
        """Tells whether a trial of a front dominates this one."""
        front, own = group_key(self.fronts[level][0]), group_key(trial)
        if front != own:
            return front < own
        rows, losses = self._losses[level].rows, np.array(trial.losses, dtype=float)
        return bool(np.any(np.all(rows <= losses, axis=1) & np.any(rows < losses, axis=1)))

    def _beaten(self, level: int, newcomers: Sequence[Trial]) -> NDArray[np.bool_]:
        """Returns which trials of a front are dominated by a newcomer, shape (n,)."""
        rows, front = self._losses[level].rows, group_key(self.fronts[level][0])
        beaten = np.zeros(len(rows), dtype=bool)
        for trial in newcomers:
            if group_key(trial) != front:
                beaten |= group_key(trial) < front
                continue
            losses = np.array(trial.losses, dtype=float)
            beaten |= np.all(losses <= rows, axis=1) & np.any(losses < rows, axis=1)
        return beaten

    def add(self, trial: Trial) -> bool:
        """Inserts a trial; returns whether it entered `fronts`."""
        level = 0
        while level < len(self.fronts) and self._beats(level, trial):
            level += 1
        if level == len(self.fronts) and self._others:
            self._others.append(trial)
            return False
        # Whom the newcomers of a front dominate moves one front down, together.
        newcomers = [trial]
        while newcomers:
            if level == len(self.fronts):
                if self._others:  # of which some may be in this front, too
                    self._others += newcomers
                else:
                    self._append(newcomers)
                break
            front, beaten = self.fronts[level], self._beaten(level, newcomers)
            if not beaten.any():
                for new in newcomers:
                    front.append(new)
                    self._losses[level].append(new.losses)
                break
            move = [old for old, is_beaten in zip(front, beaten, strict=True) if is_beaten]
            stay = [old for old, is_beaten in zip(front, beaten, strict=True) if not is_beaten]
            self.fronts[level] = stay + newcomers
            self._losses[level] = _Losses(self.fronts[level])
            newcomers = move
            level += 1
        self._keep_enough()
        return True

    def _append(self, front: list[Trial]) -> None:
        self.fronts.append(front)
        self._losses.append(_Losses(front))

    def _keep_enough(self) -> None:
        """Moves fronts that are not needed to the others, or sorts all where too few are left."""
        most = _SPARE * self.capacity
        while sum(map(len, self.fronts[:-1])) >= most:
            self._others += self.fronts.pop()
            del self._losses[-1]
        if self._others and sum(map(len, self.fronts)) < self.capacity:
            known = [*itertools.chain.from_iterable(self.fronts), *self._others]
            self.fronts, self._losses = [], []
            for front in fronts_of(known, most):
                self._append(front)
            kept = {trial.number for front in self.fronts for trial in front}
            self._others = [trial for trial in known if trial.number not in kept]

    def best(self, n: int) -> list[Trial]:
        """Returns the ``n`` best trials: by front, within a front the least crowded first."""
        chosen: list[Trial] = []
        for front, losses in zip(self.fronts, self._losses, strict=True):
            if len(chosen) >= n:
                break
            numbers = np.argsort([t.number for t in front])  # whatever order they came in
            distance = crowding_distance(losses.rows[numbers])
            order = numbers[np.argsort(-distance, kind="stable")]
            chosen += [front[i] for i in order[: n - len(chosen)]]
        return chosen


def fronts_of(trials: Iterable[Trial], capacity: int) -> list[list[Trial]]:
    """Returns the first Pareto fronts of many trials, each by number: those of `Fronts`, at once.

    Args:
        trials: In any order.
        capacity: Fronts behind the first ``capacity`` trials are left out.
    """
    groups: defaultdict[tuple[object, ...], list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[group_key(trial)].append(trial)
    fronts: list[list[Trial]] = []
    n = 0
    for key in sorted(groups):
        alike: defaultdict[tuple[float, ...], list[Trial]] = defaultdict(list)
        for trial in groups[key]:
            alike[trial.losses].append(trial)
        places = sorted(alike)
        rows, left = np.array(places, dtype=float), np.arange(len(places))
        while len(left) and n < capacity:
            chosen, beaten = _first_front(rows, left)
            fronts.append(sorted((t for i in chosen for t in alike[places[i]]), key=_number))
            n += len(fronts[-1])
            left = beaten
    return fronts


def _number(trial: Trial) -> int:
    return trial.number


def _first_front(
    rows: NDArray[np.float64], left: NDArray[np.int64]
) -> tuple[list[int], NDArray[np.int64]]:
    """Returns which of some rows none of them dominates, and the others, both in order.

    Args:
        rows: All different, in lexicographic order, shape (n, objectives): so the first of those
            that are left is dominated by none of them.
        left: Numbers of the rows to look at, in order.
    """
    chosen, beaten = [], [left[:0]]
    at = rows[left]
    while len(left):
        is_beaten = np.all(at[0] <= at, axis=1)
        chosen.append(int(left[0]))
        is_beaten[0] = False
        beaten.append(left[is_beaten])
        is_beaten[0] = True
        left, at = left[~is_beaten], at[~is_beaten]
    return chosen, np.sort(np.concatenate(beaten))


def crowding_distance(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns how far each point's neighbours are, summed over the objectives, shape (N,).

    The ends of each objective are infinitely far (Deb et al. 2002, section III-B). Infinite losses
    count as the nearest finite ones, so no distance is NaN.

    Args:
        points: Losses of N points in M objectives, shape (N, M).

    Example:
        >>> crowding_distance(np.array([(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)])).tolist()
        [inf, 2.0, inf]
    """
    distance = np.zeros(len(points))
    for column in points.T:
        finite = column[np.isfinite(column)]
        scale = np.abs(finite).max(initial=0.0)
        if scale == 0.0:  # all zero or infinite
            values = np.sign(column)
        else:  # scaled first, so that no difference overflows
            values = np.clip(column, finite.min(), finite.max()) / scale
        order = np.argsort(values, kind="stable")
        span = values[order[-1]] - values[order[0]]
        distance[order[0]] = distance[order[-1]] = np.inf
        if span > 0:
            distance[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / span
    return distance
