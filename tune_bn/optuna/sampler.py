"""The sampler: coarse-to-fine random search for any Optuna study."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from tune_bn.core.draws.dice import seed_of
from tune_bn.core.draws.mark import MARK_KEY, Mark
from tune_bn.core.draws.marker import Marker
from tune_bn.core.draws.narrowing import Narrowing, Plan, stage_for
from tune_bn.core.draws.proposal import coarse_value, fine_value, propose
from tune_bn.core.history.history import History
from tune_bn.core.search.records import checked_narrowing, checked_seed
from tune_bn.core.space import Parameter
from tune_bn.optuna.distributions import (
    as_asked,
    fixed_params,
    holds_lists,
    is_same_distribution,
    is_stored_as,
    parameter_for,
    within,
)
from tune_bn.optuna.origins import drawn_again
from tune_bn.optuna.record import Drawn, StudyRecord, Together

if TYPE_CHECKING:
    from optuna import Study

__all__ = ["CoarseToFineSampler"]


class CoarseToFineSampler(BaseSampler):
    """Random search that starts wide and zooms in around the best trials.

    A drop-in for ``RandomSampler`` and ``TPESampler``, for one objective or several. It fits no
    model: a coarse stage covers the space with stratified random points, then each stage draws at
    random in narrower windows around the few best trials (`tune_bn.Narrowing`). `stages` shows
    what it did. Each trial carries the user attribute ``"tune_bn:stage"``, a line of text: its
    stage, the kind of region that it was drawn from, and the trials of which that was made.

    A draw depends on the seed, the trial's number and the trials in the storage, never on the
    sampler object. So one seed gives the same coarse points sequentially, with ``n_jobs=2`` and in
    two processes; two workers with one seed never draw the same point, as long as one parameter is
    a real number without steps (of a finite space they may, if they ask at the same moment); and a
    new sampler continues an old study, also one that another sampler began.

    Args:
        seed: Seed of all draws, 0 ≤ seed < 2⁶⁴. None takes one from the operating system; then each
            study that the sampler, or a copy of it, draws for has a seed of its own, made of this
            one and the study's name.
        narrowing: The schedule.

    Raises:
        TypeError: If ``seed`` is no int or ``narrowing`` no `Narrowing`, or for another option.
        ValueError: If ``seed`` is negative or has more than 64 bits.

    Example:
        >>> import optuna
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
        >>> study.optimize(lambda t: (t.suggest_float("x", -10, 10) - 2) ** 2, n_trials=50)
        >>> abs(study.best_params["x"] - 2) < 0.1
        True
    """

    _is_seeded = True  # so are samplers in pickles of versions that did not say

    def __init__(
        self, *, seed: int | None = None, narrowing: Narrowing | None = None, **others: Any
    ) -> None:
        for name in others:
            why = f"CoarseToFineSampler takes seed and narrowing, but got {name}."
            if name == "constraints_func":  # which Optuna deprecates
                why += (
                    " It reads each trial's own constraints: call "
                    "trial.set_constraint(key, value) in the objective (Optuna 5); a value "
                    "above 0 violates."
                )
            raise TypeError(why)
        self._is_seeded = seed is not None
        self._seed = checked_seed(seed, "CoarseToFineSampler")
        self._narrowing = checked_narrowing(narrowing, "CoarseToFineSampler")
        self._forget()

    @classmethod
    def for_budget(cls, n_trials: int, seed: int | None = None) -> "CoarseToFineSampler":
        """Returns a sampler whose windows get narrow by the end of ``n_trials`` trials.

        Args:
            n_trials: How many trials the study will have, ≥ 1. More or fewer do no harm.
            seed: As for the class.

        Raises:
            NarrowingError: If ``n_trials`` is no positive integer.
        """
        return cls(seed=seed, narrowing=Narrowing.for_budget(n_trials))

    @property
    def narrowing(self) -> Narrowing:
        """The schedule."""
        return self._narrowing

    @property
    def seed(self) -> int:
        """The seed; where none was given, that of which each study's own is made."""
        return self._seed

    def __repr__(self) -> str:
        return f"CoarseToFineSampler(seed={self._seed}, narrowing={self._narrowing})"

    def _forget(self) -> None:
        self._lock = threading.RLock()
        self._records: WeakKeyDictionary[BaseStorage, dict[tuple[int, str], StudyRecord]] = (
            WeakKeyDictionary()
        )
        # What a trial asks for first is asked three times in a row.
        self._now: tuple[ref[Study], int, StudyRecord, Drawn] | None = None
        self._latest: tuple[ref[BaseStorage], tuple[int, str], ref[StudyRecord]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # What is known of the studies can be read again, and must not tie copies together.
        return {
            "_seed": self._seed,
            "_is_seeded": self._is_seeded,
            "_narrowing": self._narrowing,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def reseed_rng(self) -> None:
        """Does nothing: workers differ by their trials' numbers, so the seed stays what it is."""

    def _record(self, study: "Study") -> StudyRecord:
        """Returns what is known of a study. Call it with the lock held."""
        storage, key = study._storage, (study._study_id, study.study_name)
        record = None
        if self._latest is not None:  # nearly always the one wanted, and a weak dictionary is slow
            latest_storage, latest_key, latest = self._latest
            if latest_key == key and latest_storage() is storage:
                record = latest()
        if record is None:
            records = self._records.setdefault(storage, {})
            record = records.get(key)
            if record is None:
                seed = self._seed if self._is_seeded else seed_of(self._seed, study.study_name)
                marker = Marker(seed, self._narrowing)
                record = records[key] = StudyRecord(len(study.directions), marker)
            self._latest = (ref(storage), key, ref(record))
        return record

    def before_trial(self, study: "Study", trial: FrozenTrial) -> None:
        """Decides stage and region of the trial, and records them in it."""
        with self._lock:
            self._drawn(study, trial)

    def infer_relative_search_space(
        self, study: "Study", trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Returns the parameters of the best trials; none in the coarse stage.

        Coarse points are drawn parameter by parameter, and so are parameters that no good trial
        has, those of another branch of a conditional space.
        """
        with self._lock:
            record, drawn = self._drawn(study, trial)
            return _shown(record, drawn).copy()

    def sample_relative(
        self, study: "Study", trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Returns values for all parameters of ``search_space``."""
        with self._lock:
            record, drawn = self._drawn(study, trial)
            if not _is_same_space(search_space, _shown(record, drawn)):
                # Another sampler around this one fixes some, or has a space of its own.
                drawn = self._draw_others(study, trial, record, drawn, search_space)
            given, params = fixed_params(trial), drawn.params
            if record.has_lists:
                params = {name: params[name] for name in search_space}
            return {n: given.get(n, v) for n, v in params.items()} if given else params

    def sample_independent(
        self,
        study: "Study",
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Returns a value for one parameter, drawn without knowledge of the others."""
        with self._lock:
            record, drawn = self._drawn(study, trial)
            given = fixed_params(trial)
            if param_name in given:  # else Optuna would not ask
                return within(param_distribution, param_name, given[param_name])
            known = record.distributions.get(param_name)
            if known is not None and is_same_distribution(known, param_distribution):
                if record.has_lists and _is_hidden(known, drawn, param_name):
                    return drawn.params[param_name]
                parameter = record.parameters[param_name]
            elif record.has_lists and known is not None and is_stored_as(param_distribution, known):
                stored = self.sample_independent(study, trial, param_name, known)
                return as_asked(param_distribution, known, stored)
            else:
                parameter = parameter_for(param_distribution)
            return self._alone(record, drawn, trial.number, param_name, parameter)

    def _alone(
        self, record: StudyRecord, drawn: Drawn, number: int, name: str, parameter: Parameter
    ) -> Any:
        """Returns a value that is drawn alone."""
        seed, narrowing = record.marker.seed, self._narrowing
        if drawn.plan.stage == 0:
            return coarse_value(seed, number, name, parameter, narrowing)
        # A trial stays in the stage in which it began, and around the trials that it named, also
        # when others finish meanwhile.
        history = record.history
        if history.version != drawn.version:
            mark = Mark.read(drawn.line)
            assert mark is not None
            history, narrowing = History.of(drawn.spanning), mark.narrowing
        return fine_value(seed, number, name, parameter, history, narrowing, drawn.plan.width)

    def _drawn(self, study: "Study", trial: FrozenTrial) -> tuple[StudyRecord, Drawn]:
        """Returns what was decided for a trial; now, if nothing was. Call it with the lock held."""
        number, now = trial.number, self._now
        if now is not None and now[1] == number and now[0]() is study:
            return now[2], now[3]
        record = self._record(study)
        drawn = record.drawn.get(number)
        if drawn is None:
            record.catch_up(study, number)
            drawn = self._decided(study, trial, record)
            if drawn is not None:
                record.keep(number, drawn)
            else:
                plan = stage_for(self._narrowing, record.history, number)
                n = self._narrowing.elites
                together = record.together(n) if plan.stage else Together({}, {})
                drawn = self._draw(study, trial, record, plan, together)
        self._now = ref(study), number, record, drawn
        return record, drawn

    def _draw(
        self,
        study: "Study",
        trial: FrozenTrial,
        record: StudyRecord,
        plan: Plan,
        together: Together,
        *,
        without: tuple[str, ...] = (),
        names: tuple[str, ...] | None = None,
        is_whole: bool = True,
    ) -> Drawn:
        """Draws the values of a trial, and records in it from where."""
        number, history, space = trial.number, record.history, together.parameters
        fixed = fixed_params(trial)
        known, others = record.parameters, {}
        if len(known) > len(space):  # of other branches, or with one value only
            others = {name: known[name] for name in known if name not in space}
        given = {name: fixed[name] for name in known if name in fixed} if fixed else {}
        seed = record.marker.seed
        proposal = propose(seed, number, space, history, self._narrowing, plan, given, others)
        ranges = None
        if record.changed:
            ranges = {name: record.changed[name] for name in space if name in record.changed}
        if ranges or without or names is not None or not is_whole:
            mark, spanning = record.marker.mark(
                number,
                plan,
                proposal,
                history,
                record.parameters,
                without=without,
                names=names,
                ranges=ranges,
                is_whole=is_whole,
            )
            line = mark.to_text()
        else:
            line, spanning = record.marker.line(number, plan, proposal, history, record.parameters)
        drawn = Drawn(
            plan, together.distributions, proposal.params, line, history.version, spanning
        )
        record.keep(number, drawn)
        self._now = None
        study._storage.set_trial_user_attr(trial._trial_id, MARK_KEY, line)
        trial.user_attrs[MARK_KEY] = line
        return drawn

    def _draw_others(
        self,
        study: "Study",
        trial: FrozenTrial,
        record: StudyRecord,
        drawn: Drawn,
        distributions: dict[str, BaseDistribution],
    ) -> Drawn:
        """Draws other parameters together than were meant to be, in the same stage."""
        parameters, is_known = {}, True
        for name, distribution in distributions.items():
            known = record.distributions.get(name)
            if known is not None and is_same_distribution(known, distribution):
                parameters[name] = record.parameters[name]
            else:
                parameters[name], is_known = parameter_for(distribution), False
        is_part = distributions.keys() <= drawn.distributions.keys()
        return self._draw(
            study,
            trial,
            record,
            drawn.plan,
            Together(distributions, parameters),
            without=tuple(n for n in drawn.distributions if n not in distributions)
            if is_part
            else (),
            names=None if is_part else tuple(distributions),
            is_whole=is_known,
        )

    def _decided(self, study: "Study", trial: FrozenTrial, record: StudyRecord) -> Drawn | None:
        """Returns what a running trial says was decided for it, by another object than this.

        None if it says nothing, or what it says cannot be worked out again.
        """
        line = trial.user_attrs.get(MARK_KEY)
        mark = None if line is None else Mark.read(line, trial.number)
        if mark is None or mark.seed != record.marker.seed:
            return None
        return drawn_again(study._get_trials(deepcopy=False, use_cache=True), mark)


def _shown(record: StudyRecord, drawn: Drawn) -> dict[str, BaseDistribution]:
    """Returns what Optuna is told to be drawn together.

    It takes a stored list and the tuple that the objective has for other choices, so that these
    are handed out one by one.
    """
    if not record.has_lists:
        return drawn.distributions
    return {name: d for name, d in drawn.distributions.items() if not holds_lists(d)}


def _is_hidden(known: BaseDistribution, drawn: Drawn, name: str) -> bool:
    """Tells whether a value was drawn with the others, of which `_shown` says nothing."""
    together = drawn.distributions.get(name)
    return together is not None and holds_lists(together) and is_same_distribution(together, known)


def _is_same_space(a: Mapping[str, BaseDistribution], b: Mapping[str, BaseDistribution]) -> bool:
    if a.keys() != b.keys():
        return False
    for name, distribution in a.items():  # mostly the very same objects, and asked for every trial
        other = b[name]
        if distribution is not other and not is_same_distribution(distribution, other):
            return False
    return True
