"""The life of the trials of one search: begun, reported on each epoch, ended. Trains nothing.

Whoever trains (this process, or worker processes) asks `Search.begin` for a job, passes each
epoch's metrics to `Search.epoch`, and says how the job ended. So the study has one writer, and
stopping, pruning and counting are decided in one place.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import TrialState

from tune_bn.training import EpochMetrics
from tune_bn.tuning.errors import Stopped
from tune_bn.tuning.settings import Settings
from tune_bn.tuning.space import suggest_config
from tune_bn.tuning.study import INTERRUPTED, REASON, counted_trials
from tune_bn.tuning.workers import Job

__all__ = ["VALIDATION", "Ended", "Progress", "Search", "fit_seed"]

VALIDATION = "tune_bn:validation"
"""User attribute of a complete trial: its scores on the validation rows after the last epoch."""
_STAGE = "tune_bn:stage"


@dataclass(frozen=True)
class Ended:
    """How a trial ended.

    Args:
        number: of the trial.
        state: "complete", "pruned" or "failed".
        value: the metric after its last epoch, None if there is none.
        reason: why it failed, None if it did not.
    """

    number: int
    state: str
    value: float | None
    reason: str | None = None


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Args:
        doing: "search", or what is done after it.
        finished: trials that are finished and count.
        trials: trials asked for.
        stage: the name of the stage of the latest trial ("given", "coarse", "fine 1"), None
            before any.
        best: the best value so far, None before any.
        elapsed_s: seconds since this process began its search.
        left_s: an estimate of the seconds to its end, None before any trial finished.
        ended: the trial that has just ended, if this is why the report is made.
    """

    doing: str
    finished: int
    trials: int
    stage: str | None = None
    best: float | None = None
    elapsed_s: float = 0.0
    left_s: float | None = None
    ended: Ended | None = None


def fit_seed(seed: int, number: int) -> int:
    """Returns the seed that trial ``number`` of a study with ``seed`` is trained with."""
    return (seed * 1_000_003 + number) % 2**31


class Search:
    """The trials of one search, from the first that is missing to the last that is wanted.

    Args:
        study: an opened study; its finished trials count.
        settings: how many trials, for how long, how many at once.
        on_progress: called after each epoch and each ended trial.
        is_stopped: asked after each epoch; True ends the search within that epoch.
        clock: seconds from any fixed point.
    """

    def __init__(
        self,
        study: optuna.Study,
        settings: Settings,
        *,
        metric: str,
        on_progress: Callable[[Progress], None],
        is_stopped: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._study, self._settings, self._metric = study, settings, metric
        self._on_progress, self._is_stopped, self._clock = on_progress, is_stopped, clock
        self._running: dict[int, optuna.Trial] = {}
        self._started = clock()
        counted = counted_trials(study)
        self._before = self._finished = len(counted)
        complete = [t.value for t in counted if t.state == TrialState.COMPLETE]
        self._values = [value for value in complete if value is not None]
        self._stage: str | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the search began in this process."""
        return self._clock() - self._started

    @property
    def new_trials(self) -> int:
        """Trials that this process has finished."""
        return self._finished - self._before

    def begin(self) -> Job | None:
        """Returns the next job, or None when none is left to begin."""
        wanted = self._settings.trials - self._finished - len(self._running)
        if wanted <= 0 or self._is_over():
            return None
        trial = self._study.ask()
        config = suggest_config(trial)
        stage = trial.user_attrs.get(_STAGE)
        if isinstance(stage, dict):
            index = int(stage["stage"])
            self._stage = "coarse" if index == 0 else f"fine {index}"
        else:
            self._stage = "given"
        self._running[trial.number] = trial
        self._report()
        return Job(trial.number, config, fit_seed(self._settings.seed, trial.number))

    def epoch(self, job: Job, metrics: EpochMetrics) -> bool:
        """Stores an epoch's metric; returns whether to go on, having ended the trial if not."""
        trial = self._running[job.number]
        if self._is_over():
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
        self._report()
        return True

    def fail(self, job: Job, reason: str) -> None:
        """Ends a trial that could not be trained; it counts, and the reason is kept with it."""
        self._tell(job.number, TrialState.FAIL, reason=reason)

    def raise_if_stopped(self) -> None:
        """Raises `Stopped` when the caller asked for it."""
        if self._is_stopped():
            raise Stopped(self._finished, self._settings.trials)

    def _is_over(self) -> bool:
        timeout = self._settings.timeout_s
        # Out of time without a single complete trial there would be nothing to hand back.
        out_of_time = timeout is not None and self.elapsed_s >= timeout and bool(self._values)
        return out_of_time or self._is_stopped()

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
            assert value is not None
            self._values.append(value)
            self._study.tell(trial, value)
        else:
            self._study.tell(trial, state=state)
        if reason != INTERRUPTED:
            self._finished += 1
        word = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}.get(state, "failed")
        self._report(Ended(number, word, value, reason))

    def _report(self, ended: Ended | None = None) -> None:
        choose = max if self._study.direction == optuna.study.StudyDirection.MAXIMIZE else min
        elapsed = self.elapsed_s
        left = None
        if self.new_trials:
            left = elapsed / self.new_trials * (self._settings.trials - self._finished)
            if self._settings.timeout_s is not None:
                left = min(left, max(self._settings.timeout_s - elapsed, 0.0))
        self._on_progress(
            Progress(
                doing="search",
                finished=self._finished,
                trials=self._settings.trials,
                stage=self._stage,
                best=choose(self._values) if self._values else None,
                elapsed_s=elapsed,
                left_s=left,
                ended=ended,
            )
        )
