"""Where a search stands: what it has finished and found, how long it took, how long it may take.

Whoever searches (Optuna here, Ray on a cluster) counts by this, so that both end, stop and tell
of themselves alike.
"""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from tune_bn.core.draws.mark import stage_name
from tune_bn.core.draws.stages import counted
from tune_bn.tuning.errors import Stopped
from tune_bn.tuning.folder.left import SearchPace, Timed
from tune_bn.tuning.folder.plan import (
    FINALISTS,
    FOLDS,
    NETWORKS,
    SMALLEST,
    n_fits,
    plan_within,
)
from tune_bn.tuning.folder.study import counted_trials, stage_of
from tune_bn.tuning.settings import Settings

__all__ = ["Ended", "Progress", "Tally", "after_fits_s"]

_MOST_AFTER = 0.6
_FITS_AFTER_FINAL = 2  # the best and the default, a network each at least
_SLOWER = 1.3  # a fit with the validation rows among those it trains on, than one of the search
_FILES_S = 3.0


def after_fits_s(timeout_s: float) -> float:
    """Returns the seconds that are kept for what is no training: the other models, the files."""
    return 0.1 * timeout_s + _FILES_S


@dataclass(frozen=True)
class Ended:
    """How a trial ended.

    Args:
        number: Of the trial.
        state: "complete", "pruned", "failed", or "interrupted" if it does not count.
        value: The metric after its last epoch, None if there is none.
        reason: Why it failed, None if it did not.
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
        finished: Trials that are finished and count.
        trials: Trials asked for.
        stage: The name of the stage of the latest trial ("given", "coarse", "fine 1"), None
            before any; in the final the fold ("fold 2 of 5").
        best: The best value so far, None before any.
        elapsed_s: Seconds since this process began its search.
        left_s: An estimate of the seconds to the end of the run, None before an epoch is trained.
        ended: The trial that has just ended, if this is why the report is made.
    """

    doing: str
    finished: int
    trials: int
    stage: str | None = None
    best: float | None = None
    elapsed_s: float = 0.0
    left_s: float | None = None
    ended: Ended | None = None


class Tally:
    """The count of one search, from the trials that its study holds already.

    Args:
        study: An opened study; its finished trials count.
        settings: How many trials, for how long.
        on_progress: Called by `report`.
        is_stopped: Whether the caller wants the search to end.
        clock: Seconds from any fixed point.
    """

    def __init__(
        self,
        study: optuna.Study,
        settings: Settings,
        *,
        on_progress: Callable[[Progress], None],
        is_stopped: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._settings, self._clock = settings, clock
        self._on_progress, self._is_stopped = on_progress, is_stopped
        self.maximize = study.direction == optuna.study.StudyDirection.MAXIMIZE
        self._best = max if self.maximize else min
        self._started = clock()
        self._latest_s = 0.0  # when the latest trial ended
        finished = counted_trials(study)
        self.others_s = 0.0  # what the other models and the files will take at the end
        self.plan = (FINALISTS, FOLDS)  # of the final
        self.networks = NETWORKS  # of the best, and of the default, after it
        self.seconds: dict[int, float] = {}
        self._pace = SearchPace(maximize=self.maximize)
        for trial in finished:
            self._time(trial.number, _timed(trial, settings.jobs))
        self._before = self.finished = len(finished)
        self._first_stage = min(
            (stage for t in finished if (stage := stage_of(t)) is not None), default=math.inf
        )
        complete = [trial.value for trial in finished if trial.state == TrialState.COMPLETE]
        values = [value for value in complete if value is not None]
        self._best_value = self._best(values) if values else None
        self._expected_s = 0.0  # of the first trial
        self._fits, self._fits_s = 0, 0.0  # trained to their end by this process, and for how long
        self._stage: str | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the search began in this process."""
        return self._clock() - self._started

    @property
    def new_trials(self) -> int:
        """Trials that this process has finished."""
        return self.finished - self._before

    @property
    def left(self) -> int:
        """Trials that are still to be finished."""
        return self._settings.trials - self.finished

    @property
    def fit_s(self) -> float:
        """Seconds that training one configuration to its end takes, as far as is known."""
        if self._fits:
            return self._fits_s / self._fits
        return self.elapsed_s / self.new_trials if self.new_trials else self._expected_s

    @property
    def left_s(self) -> float:
        """Seconds until the time is over; below 0 after that, infinite without a limit."""
        timeout = self._settings.timeout_s
        return math.inf if timeout is None else timeout - self.elapsed_s

    def is_out_of_time(self) -> bool:
        """Tells whether the search must end for what follows it, with something to hand back.

        What follows may take up to three fifths of the time.
        """
        return self._best_value is not None and self._search_left_s <= 0.0

    @property
    def _search_left_s(self) -> float:
        """Seconds until the search must end for what follows it; infinite without a limit."""
        timeout = self._settings.timeout_s
        if timeout is None:
            return math.inf
        jobs = self._settings.jobs
        fits = n_fits(*self.plan) / jobs + max(_FITS_AFTER_FINAL * self.networks / jobs, 1.0)
        following = min(fits * self.fit_s + after_fits_s(timeout), _MOST_AFTER * timeout)
        return self.left_s - following

    @property
    def kept_s(self) -> float:
        """Seconds that are kept for what follows the final; 0 without a limit."""
        timeout = self._settings.timeout_s
        if timeout is None:
            return 0.0
        fits = max(_FITS_AFTER_FINAL / self._settings.jobs, 1.0)
        return fits * _SLOWER * self.fit_s + after_fits_s(timeout)

    def fits_in(self, seconds: float) -> float:
        """Returns how many trainings of a final there is time for; infinitely many without a limit.

        Args:
            seconds: From the end of the search to that of the time.
        """
        if self._settings.timeout_s is None:
            return math.inf
        return self._settings.jobs * (seconds - self.kept_s) / max(_SLOWER * self.fit_s, 1e-9)

    def trial_s(self, number: int | None) -> float:
        """Returns the seconds of a trial's training; what one takes, for one that none tried."""
        return self.fit_s if number is None else self.seconds.get(number, self.fit_s)

    def networks_in_time(self, numbers: Collection[int | None]) -> int:
        """Returns how many networks of each of some configurations there is time for, at least 1.

        Args:
            numbers: The trials of these configurations; None for one that no trial tried.
        """
        timeout = self._settings.timeout_s
        if timeout is None:
            return self.networks
        each_s = sum(self.trial_s(number) for number in numbers)
        left_s = self._settings.jobs * (self.left_s - after_fits_s(timeout))
        return min(max(int(left_s / max(_SLOWER * each_s, 1e-9)), 1), self.networks)

    def _likely_plan(self) -> tuple[int, int]:
        """Returns the final that there will be time for once the search has ended."""
        searching_s = min(self._pace.search_s(self._settings.trials), self._search_left_s)
        return plan_within(self.plan, self.fits_in(self.left_s - max(searching_s, 0.0)))

    def is_over(self) -> bool:
        """Tells whether no trial may begin or go on."""
        return self.is_out_of_time() or self._is_stopped()

    def raise_if_stopped(self) -> None:
        """Raises `Stopped` when the caller asked for it."""
        if self._is_stopped():
            raise Stopped(self.finished, self._settings.trials)

    def expect(self, seconds: float) -> None:
        """Takes in how long the first trial will take, by its epochs so far."""
        if self._best_value is None:
            self._expected_s = seconds

    def begin(self, stage: int | None) -> None:
        """Reports that a trial begins.

        Args:
            stage: The stage of the schedule that drew it; None if none did.
        """
        if stage is not None:
            self._first_stage = first = int(min(self._first_stage, stage))
            stage = counted(stage, first)
        self._stage = stage_name(-1 if stage is None else stage)
        self.report()

    def end(
        self,
        number: int,
        state: TrialState,
        value: float | None,
        reason: str | None = None,
        *,
        counts: bool = True,
        seconds: float | None = None,
    ) -> None:
        """Reports that a trial ended.

        Args:
            number: Of the trial.
            state: How it ended.
            value: The metric after its last epoch.
            reason: Why it failed.
            counts: False for a trial that is to be run again.
            seconds: How long its training took; None if that is not known.
        """
        elapsed = self.elapsed_s
        if counts:
            wall = elapsed - self._latest_s
            reached = value if state == TrialState.COMPLETE else None
            self._time(number, Timed(wall if seconds is None else seconds, wall, reached))
            self._latest_s = elapsed
        if state == TrialState.COMPLETE:
            assert value is not None
            known = value if self._best_value is None else self._best_value
            self._best_value = self._best(known, value)
            if seconds is not None:
                self._fits += 1
                self._fits_s += seconds
        self.finished += counts
        word = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}.get(state, "failed")
        if not counts:
            word, reason = "interrupted", None
        self.report(Ended(number, word, value, reason))

    def _time(self, number: int, trial: Timed) -> None:
        self._pace.add(trial)
        self.seconds[number] = trial.seconds

    def report(self, ended: Ended | None = None) -> None:
        """Tells the caller where the search stands."""
        elapsed = self.elapsed_s
        since_s = elapsed - self._latest_s
        pace, asked, jobs = self._pace, self._settings.trials, self._settings.jobs
        if self._best_value is None and self._expected_s:
            pace, asked = SearchPace(maximize=self.maximize), self.left
            pace.add(Timed(self._expected_s, self._expected_s / jobs, 0.0))
            since_s -= self._expected_s
        plan = self._likely_plan()
        left = pace.left_s(
            asked=asked,
            others_s=self.others_s,
            most_s=self._search_left_s + since_s,
            plan=plan,
            jobs=jobs,
            networks=self.networks if plan == self.plan else 1,
        )
        if left is not None:
            left -= since_s
            # The smallest final takes its time, whatever is left of it.
            left = max(left if plan == SMALLEST else min(left, self.left_s), 0.0)
        self._on_progress(
            Progress(
                doing="search",
                finished=self.finished,
                trials=self._settings.trials,
                stage=self._stage,
                best=self._best_value,
                elapsed_s=elapsed,
                left_s=left,
                ended=ended,
            )
        )


def _timed(trial: optuna.trial.FrozenTrial, jobs: int) -> Timed:
    """Returns what is known of a trial of an earlier process."""
    seconds = 0.0 if trial.duration is None else trial.duration.total_seconds()
    is_complete = trial.state == TrialState.COMPLETE
    return Timed(seconds, seconds / jobs, trial.value if is_complete else None)
