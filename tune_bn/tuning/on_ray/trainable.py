"""What Ray Tune runs, and how its trials come into the study of the output folder.

The study stays the one record of a run, whatever searched: a run goes on from it, the report reads
it, and a search that Optuna began may go on with Ray. It is written here, by the process that
drives the run, a trial at a time; the workers train and report.
"""

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from ray import tune

from tune_bn.core.draws.mark import MARK_KEY
from tune_bn.core.space import Parameter
from tune_bn.plain.files import write_atomically
from tune_bn.plain.names import REASON
from tune_bn.ray import CoarseToFineSearch
from tune_bn.training import Config, Dataset, DivergedError, Fit
from tune_bn.training.config import EARLIER
from tune_bn.tuning.folder.study import STORAGE_ERRORS
from tune_bn.tuning.folder.tally import Progress, Tally
from tune_bn.tuning.settings import Settings
from tune_bn.tuning.space import SPACE, params_of, space_of, suggest_config
from tune_bn.tuning.trials.life import VALIDATION, fit_seed

__all__ = ["FIT_SEED", "OutOfTime", "SeededSearch", "StudyCallback", "ray_space", "train_trial"]

FIT_SEED = "fit_seed"
_CHECKPOINT = "fit.pt"
_MARK = ".tune-bn"


class OutOfTime(RuntimeError):  # noqa: N818  an outcome that the caller asked for, not an error
    """The time for the search is over."""


def distributions(space: Mapping[str, Parameter] = SPACE) -> dict[str, BaseDistribution]:
    """Returns the parameters as Optuna stores them, so that both backends share studies."""
    inside = Config(batch_size=space["batch_size"].draw(0.5))
    trial = optuna.trial.FixedTrial(params_of(inside))
    suggest_config(trial, space)
    return trial.distributions


def ray_space(space: Mapping[str, Parameter] = SPACE) -> dict[str, Any]:
    """Returns the same parameters as domains of Tune: one seed draws the same values."""
    domains: dict[str, Any] = {}
    for name, of in distributions(space).items():
        if isinstance(of, FloatDistribution):
            domains[name] = (tune.loguniform if of.log else tune.uniform)(of.low, of.high)
        elif isinstance(of, IntDistribution):
            domains[name] = (tune.lograndint if of.log else tune.randint)(of.low, of.high + 1)
        else:
            assert isinstance(of, optuna.distributions.CategoricalDistribution)
            domains[name] = tune.choice(of.choices)
    return domains


class SeededSearch(CoarseToFineSearch):
    """The search, which also tells each trial the seed to train with.

    Args:
        run_seed: Seed of the run.
        options: As for `CoarseToFineSearch`.
    """

    def __init__(self, run_seed: int, **options: Any) -> None:
        super().__init__(**options)
        self._run_seed = run_seed

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Returns the next configuration and its seed."""
        config = super().suggest(trial_id)
        return {**config, FIT_SEED: fit_seed(self._run_seed, self.number(trial_id))}


def train_trial(
    config: dict[str, Any], *, dataset: Dataset, epochs: int, metric: str, device: str
) -> None:
    """Trains one configuration in a worker; reports each epoch, with a checkpoint to go on from."""
    torch.set_num_threads(1)
    params = {name: value for name, value in config.items() if name != FIT_SEED}
    network = suggest_config(optuna.trial.FixedTrial(params), space_of(len(dataset.train)))
    training = Fit(
        network, dataset, epochs=epochs, seed=config[FIT_SEED], device=device, metric=metric
    )
    checkpoint = tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            training.load_state_dict(torch.load(Path(folder) / _CHECKPOINT, weights_only=True))
    try:
        for metrics in training:
            with tempfile.TemporaryDirectory() as folder:
                torch.save(training.state_dict(), Path(folder) / _CHECKPOINT)
                tune.report(
                    {metric: metrics.value(metric), "loss": metrics.loss, "score": metrics.score},
                    checkpoint=tune.Checkpoint.from_directory(folder),
                )
    except (DivergedError, MemoryError, torch.OutOfMemoryError) as error:
        # Not raised: Tune would repeat what cannot end otherwise.
        tune.report({metric: math.nan, "loss": math.nan, "score": math.nan, "reason": str(error)})


class StudyCallback(tune.Callback):
    """Writes each ended trial into the study; stops the run when asked; reports its progress.

    Args:
        study: The opened study of the folder.
        search: What draws the configurations; it learns the trials that the study holds.
        settings: How many trials, for how long.
        metric: What is tuned for.
        on_progress: Called for each epoch and each ended trial.
        is_stopped: Asked at each step of the run.
        storage: The folder of Ray's files; None for none.
        space: What is searched.
        clock: Seconds from any fixed point.
    """

    def __init__(
        self,
        study: optuna.Study,
        search: SeededSearch,
        settings: Settings,
        *,
        metric: str,
        on_progress: Callable[[Progress], None],
        is_stopped: Callable[[], bool],
        storage: Path | None = None,
        space: Mapping[str, Parameter] = SPACE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._study, self._search, self._settings = study, search, settings
        self._storage = storage
        self._failure: Exception | None = None
        self._metric = metric
        self._distributions = distributions(space)
        self._epochs: dict[str, dict[int, float]] = {}
        self._begun: dict[str, datetime] = {}
        known = study.get_trials(deepcopy=False)
        self._n_stored = len(known)
        begun = [trial for trial in known if trial.state != TrialState.WAITING]
        # The search numbers the trials of the study in their order, and goes on counting.
        self._numbers = {place: trial.number for place, trial in enumerate(begun)}
        for trial in begun:
            self._learn(trial)
        self.tally = Tally(
            study, settings, on_progress=on_progress, is_stopped=is_stopped, clock=clock
        )

    def __getstate__(self) -> dict[str, Any]:
        """Returns nothing: Tune pickles its callbacks, but a run goes on from the study."""
        return {}

    def _learn(self, trial: optuna.trial.FrozenTrial) -> None:
        values = list(trial.intermediate_values.values())
        value = values[-1] if values else trial.value
        is_failed = trial.state not in (TrialState.COMPLETE, TrialState.PRUNED) or value is None
        params = {**EARLIER, **trial.params}
        self._search.add_evaluated_point(
            params, None if is_failed else value, error=is_failed, intermediate_values=values
        )

    def setup(self, *about: Any, **info: Any) -> None:
        """Leaves a mark in the folder that Tune has just made."""
        del about, info
        if self._storage is not None:
            write_atomically(self._storage / _MARK, "Ray Tune's files of this run are here.\n")

    def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """Ends the run if a trial failed because its files have no folder any more."""
        del iteration, trials, trial, info
        self._look_at_storage()

    def _look_at_storage(self) -> None:
        """Ends the run unless Ray's folder is still the one that it made, and can be written.

        Otherwise every later trial would fail, one by one, and count as tried.
        """
        if self._storage is not None:
            mark = self._storage / _MARK
            with self._kept_failure():
                write_atomically(mark, mark.read_bytes())

    @contextmanager
    def _kept_failure(self) -> Iterator[None]:
        """Keeps a failure to write for the end of the step.

        Tune takes what is raised in the course of one for a failure of the trial, and repeats it.
        """
        try:
            yield
        except (*STORAGE_ERRORS, OSError) as error:
            self._failure = error

    def on_step_end(self, iteration: int, trials: Any, **info: Any) -> None:
        """Ends the run by an exception where it has to end; nothing unfinished is stored."""
        del iteration, trials, info
        if self._failure is not None:
            raise self._failure
        self.tally.raise_if_stopped()
        if self.tally.is_out_of_time():
            raise OutOfTime

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """Reports the stage of the trial that begins."""
        del iteration, trials, info
        self._begun.setdefault(trial.trial_id, datetime.now())  # as Optuna's own times
        latest = self._search.latest
        is_drawn = latest is not None and not self._search.is_given(latest.number)
        mark = self._search.mark(latest.number) if latest is not None and is_drawn else None
        self.tally.begin(None if mark is None else mark.stage)

    def on_trial_result(
        self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Keeps the epoch's value; one that is repeated after a failure counts once."""
        del iteration, trials, info
        if not math.isnan(result[self._metric]):
            epochs = self._epochs.setdefault(trial.trial_id, {})
            epochs[int(result["training_iteration"])] = float(result[self._metric])
            self.tally.report()

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """Stores a trial that trained to the end, diverged, or was stopped by the scheduler."""
        del iteration, trials, info
        last = trial.last_result or {}
        epochs = self._epochs.pop(trial.trial_id, {})
        if "reason" in last or not epochs:
            reason = str(last.get("reason", "it ended without a result"))
            self._store(trial, TrialState.FAIL, epochs, {REASON: reason})
        elif max(epochs) >= self._settings.epochs:
            scores = {"loss": float(last["loss"]), "score": float(last["score"])}
            self._store(trial, TrialState.COMPLETE, epochs, {VALIDATION: scores})
        else:
            self._store(trial, TrialState.PRUNED, epochs, {})

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """Stores a trial that failed more often than it may be repeated."""
        del iteration, trials, info
        self._look_at_storage()
        lines = str(trial.get_error() or "it failed").strip().splitlines()
        epochs = self._epochs.pop(trial.trial_id, {})
        self._store(trial, TrialState.FAIL, epochs, {REASON: lines[-1]})

    def _store(
        self, trial: Any, state: TrialState, epochs: dict[int, float], attributes: dict[str, Any]
    ) -> None:
        if self._failure is not None:  # the trial is not to blame
            return
        number = self._search.number(trial.trial_id)
        mark = self._search.mark(number)
        if mark is not None:
            copied = mark.renumbered(self._n_stored, self._numbers, tuple(self._distributions))
            attributes[MARK_KEY] = copied.to_text()
        value = epochs[max(epochs)] if epochs and state != TrialState.FAIL else None
        names = self._distributions
        stored = create_trial(
            state=state,
            value=value,
            params={name: trial.config[name] for name in names},
            distributions=names,
            user_attrs=attributes,
            intermediate_values=dict(sorted(epochs.items())),
        )
        begun = self._begun.pop(trial.trial_id, None)
        if stored.datetime_complete is not None:
            seconds = (getattr(trial, "last_result", None) or {}).get("time_total_s")
            if seconds is not None:
                begun = stored.datetime_complete - timedelta(seconds=float(seconds))
            stored.datetime_start = min(begun or stored.datetime_complete, stored.datetime_complete)
        with self._kept_failure():
            self._study.add_trial(stored)
        if self._failure is not None:
            return
        self._numbers[number] = self._n_stored
        self._n_stored += 1
        took = None if stored.duration is None else stored.duration.total_seconds()
        reason = attributes.get(REASON)
        self.tally.end(self._numbers[number], state, value, reason, seconds=took)
