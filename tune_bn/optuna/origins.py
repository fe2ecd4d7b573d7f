"""Where the trials of a study were drawn from, from the study alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from tune_bn.core.draws.mark import MARK_KEY, Mark
from tune_bn.core.draws.narrowing import Plan
from tune_bn.core.draws.origin import Origin, Origins
from tune_bn.core.draws.regions import UNTRIED
from tune_bn.core.history.trial import Trial
from tune_bn.core.space import Parameter
from tune_bn.optuna.distributions import is_same_distribution, parameter_for
from tune_bn.optuna.record import Drawn

__all__ = ["Records", "StudyOrigins", "drawn_again", "latest_parameters", "marks_of"]


def marks_of(trials: Sequence[FrozenTrial]) -> dict[int, Mark | None]:
    """Returns what each trial recorded of its own draw, by number; None for nothing."""
    return {t.number: Mark.read(t.user_attrs.get(MARK_KEY), t.number) for t in trials}


def latest_parameters(trials: Sequence[FrozenTrial]) -> dict[str, Parameter]:
    """Returns every parameter of a study, in the range that the latest trial has."""
    latest: dict[str, BaseDistribution] = {}
    for trial in trials:
        latest.update(trial.distributions)
    return {name: parameter_for(distribution) for name, distribution in latest.items()}


class Records:
    """What the trials of a study recorded of their draws, at the price of what is new in it.

    A trial that has ended does not change any more, and those that it names have ended. Where one
    did change, or is gone, all are read again.
    """

    def __init__(self) -> None:
        self._ended: dict[int, tuple[FrozenTrial, Mark | None, Origin | None]] = {}

    def of(self, trials: Sequence[FrozenTrial]) -> tuple[dict[int, Mark | None], dict[int, Origin]]:
        """Returns the marks of all trials of a study, and the origins of those that have one."""
        now = {trial.number: trial for trial in trials}
        if any(now.get(number) is not old for number, (old, _, _) in self._ended.items()):
            self._ended = {}
        new = marks_of([trial for trial in trials if trial.number not in self._ended])
        drawn = StudyOrigins(trials).all(new)
        found = self._ended | {n: (now[n], mark, drawn.get(n)) for n, mark in new.items()}
        self._ended = {n: one for n, one in found.items() if one[0].state.is_finished()}
        return (
            {number: found[number][1] for number in now},
            {n: origin for n in now if (origin := found[n][2]) is not None},
        )


class _Parameters:
    """Parameters of distributions; equal distributions are one parameter."""

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[BaseDistribution, Parameter]]] = {}

    def of(self, name: str, distribution: BaseDistribution) -> Parameter:
        known = self._known.setdefault(name, [])
        for other, parameter in known:
            if is_same_distribution(other, distribution):
                return parameter
        known.append((distribution, parameter_for(distribution)))
        return known[-1][1]


class StudyOrigins:
    """Reads where trials were drawn from, at the price of one throw of the dice for each.

    Args:
        trials: All trials of a study.
    """

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        self._trials = {t.number: t for t in trials}
        self._parameters = _Parameters()
        named: dict[str, Parameter] = {}
        for trial in trials:
            for name, distribution in trial.distributions.items():
                if name not in named:
                    named[name] = self._parameters.of(name, distribution)
        self.reader = Origins({t.number: t.params for t in trials}, named)
        self._together_of: dict[Any, dict[str, tuple[BaseDistribution, Parameter]]] = {}

    def together(self, mark: Mark) -> dict[str, tuple[BaseDistribution, Parameter]]:
        """Returns the parameters that were drawn together, in the ranges used for that."""
        key = mark.trials, mark.without, mark.names, tuple(mark.ranges.items())
        found = self._together_of.get(key)
        if found is not None:
            return found
        found = {}
        names = self.reader.together(mark) if mark.names is None else mark.names
        for name in names:
            where = (mark.ranges[name],) if name in mark.ranges else (*mark.trials, mark.number)
            for number in where:
                trial = self._trials.get(number)
                distribution = None if trial is None else trial.distributions.get(name)
                if distribution is not None:
                    if mark.names is not None or not distribution.single():
                        found[name] = distribution, self._parameters.of(name, distribution)
                    break
        if len(self._together_of) > 64:
            self._together_of.clear()
        self._together_of[key] = found
        return found

    def origin(self, trial: FrozenTrial, mark: Mark) -> Origin:
        """Returns where a trial was drawn from."""
        space = {n: self._parameters.of(n, d) for n, d in trial.distributions.items()}
        fixed: Any = trial.system_attrs.get("fixed_params") or ()
        together = {} if mark.stage == 0 else self.together(mark)
        parameters = {name: parameter for name, (_, parameter) in together.items()}
        # Optuna asks no sampler where there is one value only.
        asked = {n: p for n, p in space.items() if not trial.distributions[n].single()}
        return self.reader.origin(mark, trial.params, asked, parameters, fixed)

    def all(self, marks: Mapping[int, Mark | None]) -> dict[int, Origin]:
        """Returns where each trial was drawn from, of those that recorded it."""
        return {
            number: self.origin(self._trials[number], mark)
            for number, mark in marks.items()
            if mark is not None
        }


def drawn_again(trials: Sequence[FrozenTrial], mark: Mark) -> Drawn | None:
    """Returns what was decided for a trial, worked out again from its mark.

    None if that cannot be: trials that it names are gone or changed.
    """
    if not mark.kind or not mark.is_whole or (mark.kind == UNTRIED and not mark.attempt):
        return None
    origins = StudyOrigins(trials)
    plan = Plan(mark.stage, mark.width)
    if mark.stage == 0:
        return Drawn(plan, {}, {}, mark.to_text(), -1, ())
    together = origins.together(mark)
    drawn = origins.reader.drawn(mark, {name: p for name, (_, p) in together.items()})
    if drawn is None:
        return None
    params = {t.number: t.params for t in trials}
    spanning = tuple(Trial(number, params[number], ()) for number in mark.trials)
    distributions = {name: distribution for name, (distribution, _) in together.items()}
    return Drawn(plan, distributions, drawn, mark.to_text(), -1, spanning)
