"""Where a trial was drawn from, read off its mark: the dice are thrown again.

A mark and the trials that it names are all that is needed. The windows are worked out without
looking at the values that the trial has; these are then compared with what the dice give, so that a
value that was enqueued, fixed, or changed by hand is known as such.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tune_bn.core.draws.digest import digest_of, trial_digest
from tune_bn.core.draws.mark import Mark
from tune_bn.core.draws.proposal import Proposal, windows_of
from tune_bn.core.draws.regions import UNTRIED, coarse_window, independent_window
from tune_bn.core.errors import SpaceError
from tune_bn.core.history.history import History
from tune_bn.core.history.trial import Trial
from tune_bn.core.space import Parameter
from tune_bn.core.space.window import Interval, Kept, Window

__all__ = ["Origin", "Origins"]

_CLOSE = 1e-9  # of a scale: as far as logarithms of two machines may lie apart
_MOST_HISTORIES = 8


@dataclass(frozen=True)
class Origin:
    """Where a trial was drawn from.

    Args:
        mark: What the trial recorded.
        windows: For each parameter whose value was drawn the window it was drawn in; None if that
            cannot be told: the trials that the mark names are gone or changed, or the mark is of
            a version that did not record it.
        given: Names of the parameters whose value is not what was drawn: it was enqueued or fixed.
        trials: Numbers of the trials that the region was made of, best first.
        alone: Names of the parameters that were drawn one by one, in a fine stage: when the others
            were drawn together, no good trial had them, or nobody had asked for them.
    """

    mark: Mark
    windows: Mapping[str, Window] | None
    given: tuple[str, ...] = ()
    trials: tuple[int, ...] = field(default=())
    alone: tuple[str, ...] = ()

    @property
    def moved(self) -> dict[str, Window]:
        """The windows of the parameters that were redrawn."""
        windows = self.windows or {}
        return {name: w for name, w in windows.items() if not isinstance(w, Kept)}

    @property
    def kept(self) -> dict[str, Kept]:
        """The parameters that have the value of another trial."""
        windows = self.windows or {}
        return {name: w for name, w in windows.items() if isinstance(w, Kept)}


class Origins:
    """Reads the origins of many trials; what they have in common is worked out once.

    Args:
        trials: Values by name, of every trial that a mark may name, by number.
        parameters: All parameters that the search knows, by name, as the values are coded by.
    """

    def __init__(
        self,
        trials: Mapping[int, Mapping[str, Any]],
        parameters: Mapping[str, Parameter],
    ) -> None:
        self._params = trials
        self._parameters = parameters
        self._histories: dict[tuple[Any, ...], tuple[History, str]] = {}
        self._known: dict[int, tuple[Trial, int]] = {}

    def _history(self, mark: Mark) -> History | None:
        """Returns a mark's trials as a history; None if they are not what they were."""
        known = self._histories.get(mark.trials)
        if known is None:
            named = []
            for number in mark.trials:
                one = self._known.get(number)
                if one is None:
                    params = self._params.get(number)
                    if params is None:
                        return None
                    digest = trial_digest(params, self._parameters)
                    one = self._known[number] = Trial(number, params, ()), digest
                named.append(one)
            found, digests = [trial for trial, _ in named], [digest for _, digest in named]
            if len(self._histories) >= _MOST_HISTORIES:
                self._histories.pop(next(iter(self._histories)))
            known = self._histories[mark.trials] = (History.of(found), digest_of(digests))
        history, check = known
        return history if check == mark.check else None

    def together(self, mark: Mark) -> list[str]:
        """Returns the names that the best trials have: a study draws these together."""
        best = mark.trials[: mark.narrowing.elites]
        names: dict[str, Any] = {}
        for number in best:
            names |= self._params.get(number, {})
        return [name for name in names if name not in mark.without]

    def drawn(self, mark: Mark, together: Mapping[str, Parameter]) -> dict[str, Any] | None:
        """Returns the values that were drawn together; None if they cannot be told.

        Args:
            mark: What the trial recorded; of a fine stage.
            together: As for `origin`.
        """
        history = self._history(mark)
        if history is None:
            return None
        return self._together(mark, together, history)[0] if together else {}

    def _together(
        self, mark: Mark, together: Mapping[str, Parameter], history: History
    ) -> tuple[dict[str, Any], dict[str, Window]]:
        number = mark.number if mark.dice is None else mark.dice
        proposal = Proposal({}, mark.kind, mark.attempt, mark.chance, mark.n_best)
        return windows_of(
            mark.seed, number, together, history, mark.narrowing, mark.width, proposal
        )

    def origin(
        self,
        mark: Mark,
        params: Mapping[str, Any],
        space: Mapping[str, Parameter],
        together: Mapping[str, Parameter],
        fixed: Collection[str] = (),
    ) -> Origin:
        """Returns where a trial was drawn from.

        Args:
            mark: What it recorded.
            params: Its values by name.
            space: The parameters as the trial has them, by name.
            together: The parameters that were drawn together, in the ranges used for that.
            fixed: Names of the parameters that were certainly given.
        """
        if not mark.kind:
            return Origin(mark, None, (), mark.trials)
        history = self._history(mark) if mark.stage else History()
        if history is None or not mark.is_whole:
            return Origin(mark, None, (), mark.trials)
        dice = mark.number if mark.dice is None else mark.dice
        narrowing, seed = mark.narrowing, mark.seed
        drawn: dict[str, Any] = {}
        found: dict[str, Window] = {}
        if mark.stage and together:
            if mark.kind == UNTRIED and not mark.attempt:  # of a version that did not say which
                found = {n: Interval(p) for n, p in together.items()}
                drawn = {n: params[n] for n in together if n in params}
            else:
                drawn, found = self._together(mark, together, history)
        windows: dict[str, Window] = {}
        given, alone = [], []
        for name, parameter in space.items():
            if name not in params:
                continue
            if name in fixed or name in mark.given:
                given.append(name)
                continue
            is_together = name in drawn and _is_inside(parameter, drawn[name])
            if is_together and _is_same(parameter, params[name], drawn[name]):
                windows[name] = found[name]
                continue
            # One by one: in the coarse stage, of a name that no good trial has, or because another
            # sampler, to which this one is an assistant, drew the rest.
            if mark.stage:
                window, r = independent_window(
                    seed, dice, name, parameter, history, narrowing, mark.width
                )
            else:
                window, r = coarse_window(seed, dice, name, parameter, narrowing)
            if _is_same(parameter, params[name], window.draw(r)):
                windows[name] = window
                if mark.stage:
                    alone.append(name)
            else:
                given.append(name)
        return Origin(mark, windows, tuple(given), mark.trials, tuple(alone))


def _is_inside(parameter: Parameter, value: Any) -> bool:
    """Tells whether a value is one of the parameter's."""
    if parameter.is_unordered:
        return True
    low, high = parameter.bounds
    if not low <= value <= high:
        return False
    return parameter.n_cells is None or math.isclose(parameter.nearest(value), value)


def _is_same(parameter: Parameter, a: Any, b: Any) -> bool:
    """Tells whether two values are one: the same cell, or as close as two machines may differ."""
    try:
        apart = abs(parameter.position(a) - parameter.position(b))
    except (SpaceError, TypeError, ValueError, ArithmeticError):
        return False
    return apart <= (_CLOSE if parameter.n_cells is None else 0.0)
