"""What a search algorithm learns from Tune's own records of trials, where it was not told.

A limiter passes on no end of a trial that it did not suggest, and a driver that was killed leaves
a state that is older than the trials.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.search.repeater import TRIAL_INDEX

from tune_bn.core.search.records import Finished, State
from tune_bn.core.search.search import CoarseToFine
from tune_bn.ray.folder import FolderTrial
from tune_bn.ray.past import progress_of, recorded, result_of
from tune_bn.ray.space import Space
from tune_bn.ray.waiting import Waiting

__all__ = ["CatchingUp"]

logger = logging.getLogger(__name__)


class CatchingUp(Waiting):
    """The part of a search algorithm that reads what Tune itself recorded of trials."""

    _last: dict[str, tuple[float | None, tuple[float, ...]]]
    _records: Sequence[FolderTrial]

    def catch_up(self, trials: Sequence[Trial]) -> None:
        """Learns from Tune's trials how they ended, where the search was not told.

        Args:
            trials: The trials of an experiment that is over.
        """
        self._records = tuple(map(recorded, trials))
        self._learn_records()

    def _learn_records(self, *, is_live: bool = False) -> None:
        """Takes in what Tune's own records know better, as soon as the space is known.

        Args:
            is_live: Whether trials run, of which the search may still be told: then it learns only
                of those that it thinks have failed, and of ended ones that it does not know.
        """
        if self._unread is not None or self._space is None or not self._metrics:
            return
        space, search = self._started()
        records, self._records = self._records, ()
        if search is None or not records:
            return
        points = {t.trial_id: space.values(t.config, is_strict=False) for t in records}
        # Trials that Tune has no more, as where it restarts failed ones as new, have no copies.
        known = {i: n for i, n in self._numbers.items() if i in points}
        primaries = {_key(search.params(number)): number for number in known.values()}
        copies: dict[int, list[FolderTrial]] = {}
        # As they began, so that their numbers do not depend on who reads them.
        for trial in sorted(records, key=lambda t: t.started or 0.0):
            number = self._numbers.get(trial.trial_id)
            params = points[trial.trial_id]
            if number is None and is_live and trial.is_open:
                continue
            if number is None:
                primary = primaries.get(_key(params))
                is_same = primary is not None and _is_continuous(space, params)
                if primary is not None and (TRIAL_INDEX in trial.config or is_same):
                    copies.setdefault(primary, []).append(trial)  # a Repeater made it
                    continue
                if not params:
                    continue
                if self._points and self._points[0].items() <= params.items():
                    del self._points[:1]
                number = search.ask(params).number
                self._note(trial.trial_id, number)
                primaries[_key(params)] = number
            copies.setdefault(number, []).append(trial)
        repeat = max(map(len, copies.values()), default=1)
        told = {t.number: t for t in search.trials}
        awaited = set(known.values()) - told.keys() if is_live else ()
        for number, trials in copies.items():
            if number in awaited:
                continue
            if repeat > 1:
                self._learn_repeated(search, number, trials, repeat)
            else:
                self._learn(search, number, trials[0], told.get(number))

    def _learn(
        self, search: CoarseToFine, number: int, trial: FolderTrial, told: Finished | None
    ) -> None:
        """Takes in how a trial ended, where Tune's record of it knows more than the search."""
        is_failed = trial.status == Trial.ERROR
        is_ended = is_failed or trial.status == Trial.TERMINATED
        if not is_ended or (is_failed and told is not None):
            return
        if told is not None and told.state != "failed":  # as nearly always, and without its log
            reached = progress_of(trial.last_result, self._time_attr)
            if told.progress is None or reached is None or reached <= told.progress:
                return
        past = result_of(trial, self._objectives, self._time_attr)
        seen_progress, seen_values = self._last.pop(trial.trial_id, (None, None))
        values = past.values or seen_values
        progress = seen_progress if past.progress is None else past.progress
        if values is None and not is_failed and trial.is_unread:
            logger.warning(
                "Trial %s ended with a result that only Ray can read; the search does not know it. "
                "Report numbers of Python's own.",
                trial.trial_id,
            )
            return
        if told is None:
            ended: State = "failed" if is_failed else "complete"
            search.tell(number, values, state=ended, progress=progress, end=past.end)
        else:
            search.correct(number, values, progress=progress, end=past.end)

    def _learn_repeated(
        self, search: CoarseToFine, number: int, trials: Sequence[FolderTrial], repeat: int
    ) -> None:
        """Takes in the mean of a trial and its copies, once all ended, as a ``Repeater`` tells."""
        ended = [t for t in trials if t.status in (Trial.ERROR, Trial.TERMINATED)]
        if search.state(number) != "running" or len(ended) < repeat:
            return
        past = [result_of(t, self._objectives, self._time_attr) for t in ended]
        values = [
            p.values for p in past if p.values is not None and not any(map(math.isnan, p.values))
        ]
        mean = tuple(sum(of) / len(of) for of in zip(*values, strict=True)) or None
        search.tell(number, mean, progress=None)


def _key(params: Mapping[str, Any]) -> str:
    return repr(sorted(params.items(), key=lambda item: item[0]))


def _is_continuous(space: Space, params: Mapping[str, Any]) -> bool:
    """Tells whether the same values are never drawn twice."""
    return any(space.parameters[name].n_cells is None for name in params)
