"""The life of the trials of one search: begun, reported on each epoch, ended. Trains nothing.

Whoever trains (this process, or worker processes) asks `Search.begin` for a job, passes each
epoch's metrics to `Search.epoch`, and says how the job ended. So the study has one writer, and
stopping, pruning and counting are decided in one place.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import optuna
from optuna.trial import TrialState

from tune_bn.core.space import Parameter
from tune_bn.plain.names import INTERRUPTED, REASON
from tune_bn.training import EpochMetrics
from tune_bn.tuning.folder.study import stage_of
from tune_bn.tuning.folder.tally import Progress, Tally
from tune_bn.tuning.settings import Settings
from tune_bn.tuning.space import SPACE, suggest_config
from tune_bn.tuning.trials.workers import Job, Listener

__all__ = ["VALIDATION", "Search", "fit_seed"]

VALIDATION = "tune_bn:validation"
"""User attribute of a complete trial: its scores on the validation rows after the last epoch."""


def fit_seed(seed: int, number: int) -> int:
    """Returns the seed that trial ``number`` of a study with ``seed`` is trained with."""
    return (seed * 1_000_003 + number) % 2**31


class Search(Listener):
    """The trials of one search, from the first that is missing to the last that is wanted.

    Args:
        study: An opened study; its finished trials count.
        settings: How many trials, for how long, how many at once.
        on_progress: Called after each epoch and each ended trial.
        is_stopped: Asked after each epoch; True ends the search within that epoch.
        space: What is searched.
        given: Params to begin with; those that a trial waits to try are not given again.
        clock: Seconds from any fixed point.
    """

    def __init__(
        self,
        study: optuna.Study,
        settings: Settings,
        *,
        metric: str,
        on_progress: Callable[[Progress], None],
        is_stopped: Callable[[], bool],
        space: Mapping[str, Parameter] = SPACE,
        given: Iterable[dict[str, Any]] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._space, self._given = space, list(given)
        self._study, self._settings, self._metric = study, settings, metric
        self._running: dict[int, optuna.Trial] = {}
        self._seconds: dict[int, float] = {}
        self.tally = Tally(
            study, settings, on_progress=on_progress, is_stopped=is_stopped, clock=clock
        )

    def begin(self) -> Job | None:
        """Returns the next job, or None when none is left to begin."""
        if self.tally.left <= len(self._running) or self.tally.is_over():
            return None
        self._give()
        trial = self._study.ask()
        config = suggest_config(trial, self._space)
        self._running[trial.number] = trial
        self.tally.begin(stage_of(self._study.get_trials(deepcopy=False)[trial.number]))
        return Job(trial.number, config, fit_seed(self._settings.seed, trial.number))

    def _give(self) -> None:
        if not self._given:
            return
        # One at a time: what a run that ends early left waiting would come before all else later.
        waiting = self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        asked = [trial.system_attrs.get("fixed_params") for trial in waiting]
        self._given = [params for params in self._given if params not in asked]
        if self._given and not waiting:
            self._study.enqueue_trial(self._given.pop(0))

    def epoch(self, job: Job, metrics: EpochMetrics) -> bool:
        """Stores an epoch's metric; returns whether to go on, having ended the trial if not."""
        trial = self._running[job.number]
        self._seconds[job.number] = self._seconds.get(job.number, 0.0) + metrics.seconds
        if self.tally.is_over():
            self._tell(job.number, TrialState.FAIL, reason=INTERRUPTED)
            return False
        trial.report(metrics.value(self._metric), step=metrics.epoch)
        if metrics.epoch >= self._settings.epochs:
            scores: dict[str, Any] = {"loss": metrics.loss, "score": metrics.score}
            trial.set_user_attr(VALIDATION, scores)
            self._tell(job.number, TrialState.COMPLETE, value=metrics.value(self._metric))
            return False
        if trial.should_prune():
            self._tell(job.number, TrialState.PRUNED, value=metrics.value(self._metric))
            return False
        self.tally.expect(self._seconds[job.number] * self._settings.epochs / metrics.epoch)
        self.tally.report()
        return True

    def fail(self, job: Job, reason: str) -> None:
        """Ends a trial that could not be trained; it counts, and the reason is kept with it."""
        self._tell(job.number, TrialState.FAIL, reason=reason)

    def _tell(
        self,
        number: int,
        state: TrialState,
        *,
        value: float | None = None,
        reason: str | None = None,
    ) -> None:
        trial = self._running.pop(number)
        if reason is not None:
            trial.set_user_attr(REASON, reason)
        if state == TrialState.COMPLETE:
            self._study.tell(trial, value)
        else:
            self._study.tell(trial, state=state)
        seconds = self._seconds.pop(number, None)
        self.tally.end(number, state, value, reason, counts=reason != INTERRUPTED, seconds=seconds)
