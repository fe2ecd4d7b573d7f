"""What a study says, read at the price of what is new in it.

A `StudyRecord` follows one study: at each look it takes in the trials that finished since the
last one. It holds nothing that another process could not read from the storage.
"""

import math
from collections.abc import Callable, Collection, Iterable
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from tune_bn.core.draws.marker import Marker
from tune_bn.core.draws.narrowing import Plan
from tune_bn.core.history.history import History
from tune_bn.core.history.trial import Trial
from tune_bn.core.space import Parameter
from tune_bn.optuna.distributions import holds_lists, is_same_distribution, parameter_for

if TYPE_CHECKING:
    from optuna import Study

__all__ = ["Drawn", "StudyRecord", "Together", "ranked_trial"]

_OLD_CONSTRAINTS_KEY = "constraints"
_FEW = 32  # trials that are read one by one
_MOST_DRAWN = 4096  # running trials whose draw is kept at hand; others are worked out again


class Together(NamedTuple):
    """Parameters that are drawn together, as Optuna and as the core have them."""

    distributions: dict[str, BaseDistribution]
    parameters: dict[str, Parameter]


_NOTHING: tuple[tuple[Trial, ...], Collection[str], Together] = ((), {}.keys(), Together({}, {}))


class Drawn(NamedTuple):
    """What was decided for a trial before it asked for its first parameter.

    Args:
        plan: Its stage and width.
        distributions: The parameters that were drawn together, in the ranges used.
        params: Their values.
        line: What the trial recorded of it.
        version: Of the history at that time.
        spanning: The trials from which its region was made.
    """

    plan: Plan
    distributions: dict[str, BaseDistribution]
    params: dict[str, Any]
    line: str
    version: int
    spanning: tuple[Trial, ...]


class StudyRecord:
    """The finished trials of a study, as a draw needs them.

    Args:
        n_objectives: Number of objectives of the study.
        marker: Makes the marks of its trials.
    """

    def __init__(self, n_objectives: int, marker: Marker) -> None:
        self.marker = marker
        self._n_objectives = n_objectives
        self._begin(counts=False)

    def _begin(self, *, counts: bool) -> None:
        """Knows nothing of the study but whether its trials rank by how much they reported."""
        self._counts = counts
        self.history = History(self._n_objectives)
        # The latest distribution of every parameter: a range that the user changed is followed.
        self.distributions: dict[str, BaseDistribution] = {}
        self.parameters: dict[str, Parameter] = {}
        self._distribution_from: dict[str, int] = {}
        self.has_lists = False
        """Whether some choices are lists, which the objective may have as tuples."""
        self._n_seen = 0
        self._caught_up_for = -1
        # Of each trial that has not ended what was seen of it; None for nothing yet.
        self._unfinished: dict[int, FrozenTrial | None] = {}
        # The best trials, the names of their parameters, and these.
        self._space_of: tuple[tuple[Trial, ...], Collection[str], Together] = _NOTHING
        self.changed: dict[str, int] = {}
        """For each parameter whose range has changed, the trial that brought the present one."""
        self.drawn: dict[int, Drawn] = {}
        """What was decided for the trials that are running, by number."""

    def together(self, n: int) -> Together:
        """Returns all parameters that one of the ``n`` best trials has."""
        elites = self.history.elites(n)
        if self._space_of[0] is not elites:
            names = dict.fromkeys(chain.from_iterable([trial.params for trial in elites]))
            together = self._space_of[2]
            if names.keys() != self._space_of[1]:
                known = self.distributions
                found = {name: known[name] for name in names if not known[name].single()}
                together = Together(found, {name: self.parameters[name] for name in found})
            self._space_of = elites, names.keys(), together
        return self._space_of[2]

    def keep(self, number: int, drawn: Drawn) -> None:
        """Keeps what was decided for a trial at hand until it has ended."""
        if len(self.drawn) >= _MOST_DRAWN:  # trials that were never told: killed, or forgotten
            del self.drawn[next(iter(self.drawn))]
        self.drawn[number] = drawn

    def catch_up(self, study: "Study", number: int) -> None:
        """Takes in the trials that finished since the last call.

        Args:
            study: The study, or what a pruner shows of it.
            number: Number of the trial that is about to be drawn. Asked again for the same one,
                nothing is read.
        """
        if number == self._caught_up_for:
            return
        # All is read before anything is noted: a storage that fails in between loses no trial.
        trials, missing, n_seen = self._new_trials(study, number)
        if not self._counts and any(t.state.is_finished() and is_out_of_order(t) for t in trials):
            self._begin(counts=True)  # all that were pruned rank otherwise
            trials, missing, n_seen = self._new_trials(study, number)
        self._caught_up_for, self._n_seen = number, n_seen
        self._unfinished.update(dict.fromkeys(missing))
        running = []
        for trial in trials:
            if trial.state.is_finished():
                self._unfinished.pop(trial.number, None)
                self.drawn.pop(trial.number, None)
                self.history.tried.end(trial.number)
                self._take_in(study.directions, trial)
            else:
                running.append(trial)
        for trial in running:  # now that all parameters are known
            # What another worker is trying should not be tried twice; no trial is in its own way.
            is_known = trial.number == number or self.history.tried.run(
                trial.number, self.parameters, trial.params
            )
            self._unfinished[trial.number] = trial if is_known else None

    def _new_trials(self, study: "Study", number: int) -> tuple[list[FrozenTrial], list[int], int]:
        """Returns what is new, the numbers that cannot be had yet, and how many are seen then."""
        storage, study_id = study._storage, study._study_id
        new = range(self._n_seen, number)
        # Even a shallow list of all trials costs time in proportion to their number, and of a
        # database a query. The trials before `number` exist; later ones will be seen when they
        # matter.
        if isinstance(storage, InMemoryStorage) and len(self._unfinished) <= _FEW:
            to_id = storage.get_trial_id_from_study_id_trial_number
            found = [storage.get_trial(to_id(study_id, n)) for n in (*self._unfinished, *new)]
            return found, [], max(self._n_seen, number)
        cached = _cached_trials(storage, study_id)
        if cached is not None:
            # What another process began since `Study.ask` looked is missing; it is not finished.
            wanted = [*self._unfinished, *new]
            missing = [n for n in wanted if n not in cached]
            found = [cached[n] for n in new if n in cached]
            return self._changed(cached.get) + found, missing, max(self._n_seen, number)
        trials = study._get_trials(deepcopy=False, use_cache=True)
        if not isinstance(storage, InMemoryStorage):
            new = range(self._n_seen, len(trials))
        found = self._changed(trials.__getitem__)
        return found + trials[new.start : new.stop], [], max(self._n_seen, new.stop)

    def _changed(self, get: Callable[[int], FrozenTrial | None]) -> list[FrozenTrial]:
        """Returns the trials that are not as they were seen: thousands may have been killed."""
        return [
            trial
            for number, old in self._unfinished.items()
            if (trial := get(number)) is not old
            and trial is not None
            and (old is None or trial.state.is_finished() or trial.params != old.params)
        ]

    def _take_in(self, directions: list[StudyDirection], trial: FrozenTrial) -> None:
        number, latest = trial.number, self._distribution_from
        for name, distribution in trial.distributions.items():
            known = self.distributions.get(name)
            if known is not None:
                if number < latest[name]:
                    continue
                latest[name] = number
                if is_same_distribution(known, distribution):
                    continue
                self.changed[name] = number
            latest[name] = number
            self.distributions[name] = distribution
            self.has_lists = self.has_lists or holds_lists(distribution)
            self.parameters[name] = parameter_for(distribution)
            self._space_of = _NOTHING
        ranked = ranked_trial(directions, trial, counts=self._counts)
        if ranked is not None:
            self.history.add(ranked)
            self.history.remember(self.parameters, trial.params)
        elif trial.params:
            self.history.avoid(trial.number, self.parameters, trial.params)


def _cached_trials(storage: BaseStorage, study_id: int) -> dict[int, FrozenTrial] | None:
    """Returns what Optuna's cache of a database holds, by number, running trials included.

    `Study.ask` has brought it up to date just before it calls a sampler; to read the trials again
    is one more query for each trial. None if there is no such cache, or it is not what it was: it
    is no public class, so that it goes by its name.
    """
    if type(storage).__name__ != "_CachedStorage":
        return None
    known: Any = getattr(getattr(storage, "_studies", {}).get(study_id), "trials", None)
    return known if isinstance(known, dict) else None


def is_out_of_order(trial: FrozenTrial) -> bool:
    """Tells whether a trial's steps are no progress: instances in any order, say.

    Steps of a training are as far apart as the ones before them, or farther; the last may be
    nearer. With `optuna.pruners.WilcoxonPruner` they are numbers of instances that come shuffled,
    so that a trial which was stopped early has irregular ones. Fewer than four steps say nothing.
    """
    steps = sorted(trial.intermediate_values)
    gaps = [b - a for a, b in pairwise(steps)][:-1]
    return any(b < a for a, b in pairwise(gaps))


def reported(trial: FrozenTrial, *, counts: bool) -> tuple[float, float]:
    """Returns how far a trial got, and the value that it had there; -inf and NaN without a report.

    Args:
        trial: The trial.
        counts: Whether steps are no progress in this study (`is_out_of_order`): then that is how
            many reports it made, and the mean of them.
    """
    values = trial.intermediate_values
    if not values:
        return -math.inf, math.nan
    if counts:
        return float(len(values)), sum(values.values()) / len(values)
    step = max(values)
    return float(step), values[step]


def ranked_trial(
    directions: Iterable[StudyDirection], trial: FrozenTrial, *, counts: bool = False
) -> Trial | None:
    """Returns a finished trial as the core ranks it; None if it has nothing to rank.

    A complete trial counts with its values. One stopped early counts with its last intermediate
    value and, before that, with how far it got; NaN counts as the worst value. A failed one does
    not count.

    Args:
        directions: Those of the study.
        trial: The trial.
        counts: As for `reported`.
    """
    if trial.state == TrialState.COMPLETE:
        losses = []
        for value, direction in zip(trial.values, directions, strict=True):
            if value != value:
                return None
            losses.append(-value if direction is StudyDirection.MAXIMIZE else value)
        return Trial(trial.number, trial.params, tuple(losses), violation=_violation(trial))
    if trial.state == TrialState.PRUNED:
        progress, value = reported(trial, counts=counts)
        sign = -1.0 if next(iter(directions)) == StudyDirection.MAXIMIZE else 1.0
        loss = math.inf if math.isnan(value) else sign * value
        return Trial(
            trial.number,
            trial.params,
            (loss,),
            is_complete=False,
            progress=progress,
            violation=_violation(trial),
        )
    return None


def _violation(trial: FrozenTrial) -> float:
    """Returns the sum of the positive parts of a trial's constraints; none is feasible."""
    if not trial.system_attrs:  # where both versions of Optuna keep them
        return 0.0
    constraints: Any = getattr(trial, "constraints", None)
    if constraints:  # Optuna 5: Trial.set_constraint(key, value)
        values = constraints.values() if isinstance(constraints, dict) else constraints
    else:  # a sampler's constraints_func, before Optuna 5
        values = trial.system_attrs.get(_OLD_CONSTRAINTS_KEY) or ()
    return sum((math.inf if math.isnan(v) else max(v, 0.0) for v in values), 0.0)
