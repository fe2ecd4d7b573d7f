"""Ranking by several objectives: Pareto fronts that grow trial by trial, and crowding.

Notation: a trial *dominates* another if it is better in `group_key` (less violation, finite,
complete, further), or equal there, no worse in every loss and better in one; this is the
constrained dominance of Deb et al., "A fast and elitist multiobjective genetic algorithm:
NSGA-II" (IEEE TEVC 2002, section VI). Front 0 is dominated by nobody, front 1 only by trials of
front 0, …

Inserting a trial moves others to later fronts only, never to earlier ones. So the first fronts stay
exact when the last ones are forgotten, and the memory of a search of any length is bounded.
"""

from collections.abc import Sequence

import numpy as np

from tune_bn.core.history.trial import Trial, group_key

__all__ = ["Fronts", "crowding_distance"]


def _dominates(a: Trial, b: Trial) -> bool:
    group_a, group_b = group_key(a), group_key(b)
    if group_a != group_b:
        return group_a < group_b
    return a.losses != b.losses and all(x <= y for x, y in zip(a.losses, b.losses, strict=True))


class Fronts:
    """The first Pareto fronts of the trials added so far.

    Args:
        capacity: Fronts behind the first ``capacity`` trials are forgotten.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.fronts: list[list[Trial]] = []

    def add(self, trial: Trial) -> bool:
        """Inserts a trial; returns whether it entered the fronts that are kept."""
        level = 0
        while level < len(self.fronts) and any(_dominates(t, trial) for t in self.fronts[level]):
            level += 1
        if level == len(self.fronts) and sum(map(len, self.fronts)) >= self.capacity:
            return False
        # Whom the newcomers of a front dominate moves one front down, together.
        newcomers = [trial]
        while newcomers:
            if level == len(self.fronts):
                self.fronts.append(newcomers)
                break
            stay: list[Trial] = []
            move: list[Trial] = []
            for old in self.fronts[level]:
                beaten = any(_dominates(new, old) for new in newcomers)
                (move if beaten else stay).append(old)
            self.fronts[level] = stay + newcomers
            newcomers = move
            level += 1
        while sum(map(len, self.fronts[:-1])) >= self.capacity:
            del self.fronts[-1]
        return True

    def best(self, n: int) -> list[Trial]:
        """Returns the ``n`` best trials: by front, within a front the least crowded first."""
        chosen: list[Trial] = []
        for front in self.fronts:
            if len(chosen) >= n:
                break
            by_number = sorted(front, key=lambda t: t.number)  # whatever order they came in
            distance = crowding_distance([t.losses for t in by_number])
            order = sorted(range(len(front)), key=lambda i: -distance[i])
            chosen += [by_number[i] for i in order]
        return chosen[:n]


def crowding_distance(losses: Sequence[tuple[float, ...]]) -> list[float]:
    """Returns how far each point's neighbours are, summed over the objectives.

    The ends of each objective are infinitely far (Deb et al. 2002, section III-B). Infinite losses
    count as the nearest finite ones, so no distance is NaN.

    Args:
        losses: N points of M objectives each.

    Example:
        >>> crowding_distance([(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)])
        [inf, 2.0, inf]
    """
    points = np.asarray(losses, dtype=float)
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
    return [float(d) for d in distance]
