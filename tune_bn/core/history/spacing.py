"""How far a configuration lies from the trials that did not do well.

Of several configurations drawn alike, the one farthest from what was tried covers a space better
(Mitchell, "Spectrally optimal sampling for distribution ray tracing", SIGGRAPH 1991: the best of
several candidates). Around good trials one wants to be near, so these are left out: what is kept
away from is only what was tried in vain. Nothing is fitted; no value of an objective is used.
"""

from bisect import insort
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_bn.core.errors import SpaceError
from tune_bn.core.history.trial import Trial
from tune_bn.core.space import Parameter

__all__ = ["Spacing"]

_UNALIKE = 0.5
"""Distance of two choices, and of a value from none, as a share of a scale."""


class Spacing:
    """The latest trials, and which of several configurations is farthest from them.

    Args:
        capacity: How many trials are held, those with the highest numbers. So the cost of a
            question does not grow, and the answer does not depend on the order of arrival.
    """

    def __init__(self, capacity: int = 64) -> None:
        self.capacity = capacity
        self._trials: dict[int, Mapping[str, Any]] = {}
        self._numbers: list[int] = []
        self._slots: dict[int, int] = {}
        # (1 + parameters, 1, trials): where on its scale; NaN where a trial has no such value. The
        # first row is a parameter of which candidates have 0, all trials that count have 0, and
        # the others infinity: a spared trial, or a slot without one, is never the nearest.
        self._positions: NDArray[np.float64] = np.full((1, 1, capacity), np.inf)
        self._parameters: dict[str, Parameter] = {}
        self._rows: dict[str, int] = {}
        self._all_rows = [0]
        self._is_any_missing = False
        # Asked with the same ones again and again: these, and their numbers.
        self._spared: tuple[Trial, ...] = ()
        self._spared_numbers: set[int] = set()

    def add(self, number: int, params: Mapping[str, Any]) -> None:
        """Takes a trial into account; of one that was repeated, the last."""
        slot = self._slots.get(number, len(self._numbers))
        if slot == self.capacity:
            if number < self._numbers[0]:
                return
            oldest = self._numbers.pop(0)
            slot = self._slots.pop(oldest)
            del self._trials[oldest]
        if number not in self._slots:
            insort(self._numbers, number)
            self._positions[0, 0, slot] = np.inf if number in self._spared_numbers else 0.0
        self._slots[number] = slot
        self._trials[number] = params
        positions, parameters = self._positions, self._parameters
        for name, row in self._rows.items():
            positions[row, 0, slot] = position = _position(parameters[name], name, params)
            self._is_any_missing = self._is_any_missing or position != position

    def _row(self, name: str, parameter: Parameter) -> int:
        known = self._parameters.get(name)
        if known is not None and (known is parameter or known == parameter):
            return self._rows[name]
        if name not in self._rows:
            self._rows[name] = len(self._all_rows)
            self._all_rows.append(self._rows[name])
            self._positions = np.vstack([self._positions, np.zeros((1, 1, self.capacity))])
        self._parameters[name] = parameter
        for number, params in self._trials.items():
            self._place(name, number, params)
        return self._rows[name]

    def farthest(
        self,
        candidates: Sequence[Mapping[str, Any]],
        space: Mapping[str, Parameter],
        spared: tuple[Trial, ...],
    ) -> int:
        """Returns which candidate is farthest from the nearest trial; the first of equals.

        The distance is Euclidean over the scales of the parameters, each of length 1; two
        different choices are half a scale apart.

        Args:
            candidates: Configurations with all parameters of ``space``; at least one.
            space: The parameters by name. The order does not matter.
            spared: The trials that it does no harm to be near.
        """
        if self._spared is not spared:
            self._spare(spared)
        rows = [0]
        at = [0.0] * len(candidates)
        unordered: list[int] = []
        for name in sorted(space):  # in one order, because sums of floats depend on it
            parameter = space[name]
            is_known = self._parameters.get(name) is parameter
            if parameter.is_unordered:
                unordered.append(len(rows))
            rows.append(self._rows[name] if is_known else self._row(name, parameter))
            at += parameter.positions([candidate[name] for candidate in candidates])
        positions = self._positions
        if rows != self._all_rows:  # a parameter that this draw does not have, or another order
            positions = positions[rows]
        # (1 + parameters, candidates, trials); few steps, for each costs more than its numbers
        apart = positions - np.array(at).reshape(len(rows), -1, 1)
        for i in unordered:
            apart[i] = np.where(apart[i] == 0.0, 0.0, _UNALIKE)
        if self._is_any_missing:
            apart[np.isnan(apart)] = _UNALIKE
        apart *= apart
        nearest = np.minimum.reduce(np.add.reduce(apart, axis=0), axis=1)
        return int(nearest.argmax())

    def _spare(self, spared: tuple[Trial, ...]) -> None:
        numbers = {trial.number for trial in spared}
        for number in numbers ^ self._spared_numbers:
            slot = self._slots.get(number)
            if slot is not None:
                self._positions[0, 0, slot] = np.inf if number in numbers else 0.0
        self._spared, self._spared_numbers = spared, numbers

    def _place(self, name: str, number: int, params: Mapping[str, Any]) -> None:
        position = _position(self._parameters[name], name, params)
        self._positions[self._rows[name], 0, self._slots[number]] = position
        self._is_any_missing = self._is_any_missing or position != position


def _position(parameter: Parameter, name: str, params: Mapping[str, Any]) -> float:
    """Returns where on its scale a trial has a parameter; NaN if it has no such value."""
    try:
        value = params[name]
        if type(value) is not float and type(value) is not int and not parameter.is_unordered:
            value = parameter.meant(value)
        return parameter.position(value)
    except (KeyError, TypeError, SpaceError):
        return np.nan
