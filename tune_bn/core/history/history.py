"""What the finished trials say, kept up to date trial by trial.

Adding a trial costs the same however many there are, and only the best few and the latest few are
held: a study of 100,000 trials needs hardly more memory here than one of 100 (of several objectives
all are held, since a new one may bring others among the best again). Nothing is kept that could not
be worked out again from the trials.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

from tune_bn.core.errors import SpaceError
from tune_bn.core.history.pareto import Fronts
from tune_bn.core.history.spacing import Spacing
from tune_bn.core.history.trial import Trial, rank_key
from tune_bn.core.history.tried import Tried
from tune_bn.core.space import Float, Parameter

__all__ = ["History"]

_KEPT = 64


class History:
    """The ranked trials of a search, best first, as far as a draw can need them.

    Args:
        n_objectives: Number of losses of every trial.
    """

    def __init__(self, n_objectives: int = 1) -> None:
        self.n_objectives = n_objectives
        self.n_ranked = 0
        self.spacing = Spacing()
        self.tried = Tried()
        self._best: list[Trial] = []
        self._keys: list[tuple[Any, ...]] = []  # of one objective: what they are ordered by
        self._fronts = Fronts(_KEPT) if n_objectives > 1 else None
        self._centres: dict[
            tuple[str, int], tuple[Parameter, tuple[tuple[Any, ...], tuple[int, ...]]]
        ] = {}
        self._elites: dict[int, tuple[Trial, ...]] = {}
        # How many of the best the two above depend on: only a trial among these changes them.
        self._centres_depth = self._elites_depth = 0
        self.version = 0
        """Changes whenever the best trials that are held do."""
        self.digests: dict[int, int] = {}
        """Of the values of trials by number, kept for `tune_bn.core.draws.marker`."""
        self.sides: dict[str, tuple[Any, ...]] = {}
        """Of the last region of each kind, kept for `tune_bn.core.draws.regions`."""
        # How many of the best trials have all of these parameters.
        self._whole: tuple[frozenset[str], int] = frozenset(), 0
        # Where on its scale the best trials have a parameter, in their order; NaN for none.
        self._positions: dict[str, tuple[Parameter, list[float]]] = {}
        self._spans: dict[tuple[str, int], tuple[Parameter, tuple[float, float, float] | None]] = {}

    def add(self, trial: Trial) -> None:
        """Takes a ranked trial into account."""
        self.n_ranked += 1
        self.spacing.add(trial.number, trial.params)
        if self._fronts is not None:
            if self._fronts.add(trial):
                self.version += 1
                self._centres.clear()
                self._positions.clear()
                self._spans.clear()
                self._elites.clear()
                self._best = self._fronts.best(_KEPT)
            return
        key = rank_key(trial)
        place = bisect_left(self._keys, key)
        if place >= _KEPT:
            return
        self.version += 1
        names, n_whole = self._whole
        if place <= n_whole:
            has_all = names <= trial.params.keys()
            self._whole = names, min(n_whole + 1, _KEPT) if has_all else place
        self._best.insert(place, trial)
        self._keys.insert(place, key)
        del self._best[_KEPT:], self._keys[_KEPT:]
        self._spans.clear()
        for name, (parameter, at) in self._positions.items():
            at.insert(place, _position(parameter, trial.params.get(name)))
            del at[_KEPT:]
        if place < self._centres_depth:
            self._centres.clear()
            self._centres_depth = 0
        if place < self._elites_depth:
            self._elites.clear()
            self._elites_depth = 0

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> "History":
        """Returns a history of one objective in which these trials are the best, in this order."""
        history = cls()
        history._best = list(trials)
        history.n_ranked = len(trials)
        return history

    def avoid(self, number: int, space: Mapping[str, Parameter], params: Mapping[str, Any]) -> None:
        """Notes a trial that failed: it has no rank, but draws keep away from it."""
        self.spacing.add(number, params)
        self.tried.fail(space, params)

    @property
    def best(self) -> Trial:
        """The best trial. Needs at least one."""
        return self._best[0]

    def elites(self, n: int) -> tuple[Trial, ...]:
        """Returns the ``n`` best trials or all there are; of several objectives the whole front."""
        found = self._elites.get(n)
        if found is None:
            size = n
            if self._fronts is not None and self._fronts.fronts:
                size = max(n, min(len(self._fronts.fronts[0]), _KEPT))
            found = self._elites[n] = tuple(self._best[:size])
            self._elites_depth = max(self._elites_depth, size)
        return found

    def centres(
        self, name: str, parameter: Parameter, n: int
    ) -> tuple[tuple[Any, ...], tuple[int, ...]]:
        """Returns the values of a parameter in the ``n`` best trials that have it, best first.

        Each is moved into the range of ``parameter``; what cannot be, is left out. With them come
        the numbers of the trials they are from.
        """
        found = self._centres.get((name, n))
        if found is None or found[0] is not parameter:
            size = n if self._fronts is None else max(n, len(self.elites(n)))
            holders: list[Trial] = []
            needed = _KEPT  # fewer than asked for depend on every trial that may still come
            if name in self._whole[0] and self._whole[1] >= size:  # as nearly always
                holders, needed = self._best[:size], size
            else:
                for depth, trial in enumerate(self._best, start=1):
                    if name in trial.params:
                        holders.append(trial)
                        if len(holders) == size:
                            needed = depth
                            break
            values, numbers = [], []
            for trial in holders:
                try:
                    values.append(parameter.nearest(trial.params[name]))
                except SpaceError:  # no longer a choice
                    continue
                numbers.append(trial.number)
            found = self._centres[(name, n)] = (parameter, (tuple(values), tuple(numbers)))
            self._centres_depth = max(self._centres_depth, needed)
        return found[1]

    def span(self, name: str, parameter: Parameter, n: int) -> tuple[float, float, float] | None:
        """Returns where a parameter's `centres` lie on its scale: the first, lowest and highest.

        None if none of the best trials has it.
        """
        known = self._spans.get((name, n))
        if known is not None and known[0] is parameter:
            return known[1]
        found = self._positions.get(name)
        if found is None or found[0] is not parameter:
            at = [_position(parameter, trial.params.get(name)) for trial in self._best]
            found = self._positions[name] = (parameter, at)
        at = found[1][:n]
        if (total := sum(at)) != total:  # NaN: not all of them have it
            at = [position for position in found[1] if position == position][:n]
        span = (at[0], min(at), max(at)) if at else None
        self._spans[name, n] = (parameter, span)
        return span

    def spanning(
        self, parameters: Mapping[str, Parameter], n: int, n_best: int = 0
    ) -> tuple[Trial, ...]:
        """Returns the trials from which all sides of a region are made, best first.

        These are the ``n`` best; of each parameter the ``n`` best that have it; and of each the
        ``n_best`` best that have a place on its scale. From them alone, `centres` and `span` are
        the same again.

        Args:
            parameters: All parameters that the search knows, by name.
            n: How many good values a parameter may be drawn around.
            n_best: How many values span a box; 0 for no box.
        """
        best = self._best
        size = n if self._fronts is None else max(n, len(self.elites(n)))
        deep = max(size, n_best)
        if self._fronts is None and self._n_whole(parameters) >= deep:
            return tuple(best[:deep])  # as nearly always: the best have all parameters
        places = set(range(min(size, len(best))))
        for name, parameter in parameters.items():
            places.update(self._holders(name, size))
            if n_best and not parameter.is_unordered:
                places.update(self._holders(name, n_best))
        return tuple([best[i] for i in sorted(places)])

    def _n_whole(self, parameters: Mapping[str, Parameter]) -> int:
        """Returns how many of the best trials, from the first on, have all of these parameters."""
        if self._whole[0] != parameters.keys():
            names, n = frozenset(parameters), 0
            for trial in self._best:
                if not names <= trial.params.keys():
                    break
                n += 1
            self._whole = names, n
        return self._whole[1]

    def _holders(self, name: str, n: int) -> list[int]:
        """Returns the ranks of the ``n`` best trials with a parameter, with a place or without.

        A value that is none of the parameter's has no place on its scale; it does not count for a
        box, so that one more is needed.
        """
        places = []
        at = self._positions[name][1] if name in self._positions else None
        for i, trial in enumerate(self._best):
            if name in trial.params:
                places.append(i)
                n -= at is None or at[i] == at[i]
                if not n:
                    break
        return places

    def remember(self, space: Mapping[str, Parameter], params: Mapping[str, Any]) -> None:
        """Notes a configuration as tried, with a result, so that it is not drawn again."""
        self.tried.add(space, params)


def _position(parameter: Parameter, value: Any) -> float:
    """Returns where on its scale a value lies; NaN if it is none of the parameter's."""
    if type(parameter) is Float and type(value) is float and parameter.n_cells is None:
        return parameter.position(value)  # NaN stays NaN; what lies outside is moved to an end
    try:
        return parameter.position(parameter.nearest(value))
    except SpaceError:
        return math.nan


def rank_weights(n: int, power: float) -> Sequence[float]:
    """Returns cumulative weights of ranks 1…n with weight r ** −power, the last exactly 1.

    Example:
        >>> rank_weights(2, 0.0)
        (0.5, 1.0)
    """
    weights = [r**-power for r in range(1, n + 1)]
    total, running, result = sum(weights), 0.0, []
    for weight in weights:
        running += weight / total
        result.append(running)
    result[-1] = 1.0
    return tuple(result)
