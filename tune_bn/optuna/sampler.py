"""The sampler: coarse-to-fine random search for any Optuna study."""

import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from tune_bn.core.narrowing import Narrowing, is_coarse
from tune_bn.core.proposal import coarse_value, fine_value, propose
from tune_bn.core.search import checked_narrowing, checked_seed
from tune_bn.optuna.distributions import parameter_for
from tune_bn.optuna.record import StudyRecord

if TYPE_CHECKING:
    from optuna import Study

__all__ = ["STAGE_KEY", "CoarseToFineSampler"]

STAGE_KEY = "tune_bn:stage"


class CoarseToFineSampler(BaseSampler):
    """Random search that starts wide and zooms in around the best trials.

    A drop-in for ``RandomSampler`` and ``TPESampler``, for one objective or several. It fits no
    model: a coarse stage covers the space with stratified random points, then each stage draws at
    random in narrower windows around the few best trials (`tune_bn.Narrowing`). `stages` shows
    what it did. Each trial carries the user attribute ``"tune_bn:stage"``: stage, width of the
    windows, and the numbers of the trials around which they lie.

    A draw depends on the seed, the trial's number and the finished trials, never on the sampler
    object. So one seed gives the same coarse points sequentially, with ``n_jobs=2`` and in two
    processes; two workers with one seed never draw the same point, as long as one parameter is a
    real number without steps (of a finite space they may, if they ask at the same moment); and a
    new sampler continues an old study, also one that another sampler began.

    Args:
        seed: Seed of all draws, 0 ≤ seed < 2⁶⁴. None takes one from the operating system.
        narrowing: The schedule.

    Raises:
        TypeError: If ``seed`` is no int or ``narrowing`` no `Narrowing`.
        ValueError: If ``seed`` is negative or has more than 64 bits.

    Example:
        >>> import optuna
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
        >>> study.optimize(lambda t: (t.suggest_float("x", -10, 10) - 2) ** 2, n_trials=50)
        >>> abs(study.best_params["x"] - 2) < 0.1
        True
    """

    def __init__(self, *, seed: int | None = None, narrowing: Narrowing | None = None) -> None:
        self._seed = checked_seed(seed, "CoarseToFineSampler")
        self._narrowing = checked_narrowing(narrowing, "CoarseToFineSampler")
        self._forget()

    @classmethod
    def for_budget(cls, n_trials: int, seed: int | None = None) -> "CoarseToFineSampler":
        """Return a sampler whose windows get narrow by the end of ``n_trials`` trials.

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
        """The seed; where none was given, the one that was taken from the operating system."""
        return self._seed

    def __repr__(self) -> str:
        return f"CoarseToFineSampler(seed={self._seed}, narrowing={self._narrowing})"

    def _forget(self) -> None:
        self._lock = threading.RLock()
        self._records: WeakKeyDictionary[BaseStorage, dict[tuple[int, str], StudyRecord]] = (
            WeakKeyDictionary()
        )
        self._latest: tuple[ref[BaseStorage], tuple[int, str], ref[StudyRecord]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # What is known of the studies can be read again, and must not tie copies together.
        return {"_seed": self._seed, "_narrowing": self._narrowing}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def reseed_rng(self) -> None:
        """Do nothing: workers differ by their trials' numbers, so the seed stays what it is."""

    def _record(self, study: "Study", number: int) -> StudyRecord:
        """Return what is known of a study, up to date. Call it with the lock held."""
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
                record = records[key] = StudyRecord(len(study.directions))
            self._latest = (ref(storage), key, ref(record))
        record.catch_up(study, number)
        return record

    def infer_relative_search_space(
        self, study: "Study", trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the parameters of the best trials; none in the coarse stage.

        Coarse points are drawn parameter by parameter, and so are parameters that no good trial
        has, those of another branch of a conditional space.
        """
        with self._lock:
            record = self._record(study, trial.number)
            if is_coarse(self._narrowing, record.history, trial.number):
                return {}
            return record.elite_space(self._narrowing.elites)

    def sample_relative(
        self, study: "Study", trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return values for all parameters of ``search_space``, and note the stage in the trial."""
        with self._lock:
            record = self._record(study, trial.number)
            space = {
                name: record.parameters[name]
                if record.distributions.get(name) is distribution
                else parameter_for(distribution)
                for name, distribution in search_space.items()
            }
            plan, params = propose(self._seed, trial.number, space, record.history, self._narrowing)
            if params:
                record.history.remember(space, params)
            attribute = record.attribute(plan, self._narrowing.elites)
        study._storage.set_trial_user_attr(trial._trial_id, STAGE_KEY, attribute)
        trial.user_attrs[STAGE_KEY] = attribute
        return params

    def sample_independent(
        self,
        study: "Study",
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a value for one parameter, drawn without knowledge of the others."""
        parameter = parameter_for(param_distribution)
        # A trial stays in the stage in which it began, also when others finish meanwhile.
        mark = trial.user_attrs.get(STAGE_KEY)
        if mark is not None and mark["stage"] == 0:
            return coarse_value(self._seed, trial.number, param_name, parameter, self._narrowing)
        with self._lock:
            history = self._record(study, trial.number).history
            if is_coarse(self._narrowing, history, trial.number):
                return coarse_value(
                    self._seed, trial.number, param_name, parameter, self._narrowing
                )
            return fine_value(
                self._seed, trial.number, param_name, parameter, history, self._narrowing
            )
