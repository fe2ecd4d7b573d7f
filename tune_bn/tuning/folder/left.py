"""How long a run may still take, from how long its parts have taken so far.

A run is a list of parts: the trials that are left, the final's trainings, those of the chosen and
the default configuration on all rows, and the other models. A trial takes as long as the later half
of those that have ended, since the early ones were drawn from the whole space and none of them was
stopped. A training of the final takes as long as its configuration took in the search, by the rows
that it is trained on.
"""

import bisect
import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from tune_bn.tuning.folder.plan import FINALISTS, FIRST_FOLDS, FOLDS, SECOND_ROUND

__all__ = ["FILES_S", "SearchPace", "Timed", "final_left_s", "fits_s", "network_s", "shared_s"]

FILES_S = 1.0
"""Seconds that the page and the other files take."""

_ENOUGH = 8  # trials of which half say how long another takes
_FEW = 4
_FOLD_ROWS = 0.64 / 0.6  # of all rows, beside those that a trial of the search is trained on
_ALL_ROWS = 0.8 / 0.6


class Timed(NamedTuple):
    """How long an ended trial took.

    Args:
        seconds: Of its training.
        wall_s: By which the search came nearer to its end: less where trials run side by side.
        value: What it reached; None if it did not train to its end.
    """

    seconds: float
    wall_s: float
    value: float | None


class SearchPace:
    """How long a search may still take, with what follows it; each trial costs it the same.

    Args:
        maximize: Whether larger values are better.
    """

    def __init__(self, *, maximize: bool) -> None:
        self._sign = -1.0 if maximize else 1.0
        self._walls = [0.0]  # of the first i trials together
        self._complete = 0
        self._first: Timed | None = None  # trained to its end: the default configuration
        self._best: list[Timed] = []  # at most `FINALISTS`, the best first
        # Of all that have the value of one of these: their seconds, and how many they are.
        self._alike: dict[float | None, list[float]] = {}

    def add(self, trial: Timed) -> None:
        """Takes in a trial that has ended, after all that ended before it."""
        self._walls.append(self._walls[-1] + trial.wall_s)
        if trial.value is None:
            return
        self._complete += 1
        self._first = self._first or trial
        if len(self._best) == FINALISTS and self._rank(trial) > self._rank(self._best[-1]):
            return
        bisect.insort(self._best, trial, key=self._rank)
        for left in self._best[FINALISTS:]:
            if left.value != self._best[FINALISTS - 1].value:
                self._alike.pop(left.value, None)  # none with this value will be among the best
        del self._best[FINALISTS:]
        alike = self._alike.setdefault(trial.value, [0.0, 0.0])
        alike[0] += trial.seconds
        alike[1] += 1

    def _rank(self, trial: Timed) -> float:
        return self._sign * (trial.value or 0.0)

    def search_s(self, asked: int) -> float:
        """Returns the seconds that the trials to come will take; 0 before the first has ended."""
        ended = len(self._walls) - 1
        before = ended // 2 if ended >= _ENOUGH else 0
        pace = (self._walls[-1] - self._walls[before]) / max(ended - before, 1)
        return max(asked - ended, 0) * pace

    def left_s(
        self,
        *,
        asked: int,
        others_s: float = 0.0,
        most_s: float = math.inf,
        plan: tuple[int, int] = (FINALISTS, FOLDS),
        jobs: int = 1,
        networks: int = 1,
    ) -> float | None:
        """Returns the seconds from the end of the latest trial to the end of the run.

        Args:
            asked: Trials that the run is to have.
            others_s: Seconds that the other models will take.
            most_s: Seconds after which the search ends in any case.
            plan: How many configurations will meet, at most `FINALISTS`, and on how many folds.
            jobs: Trainings that run side by side.
            networks: Of the chosen configuration, and of the default one, on all rows.

        Returns:
            None before the first trial is trained to its end.
        """
        if self._first is None:
            return None
        search_s = max(min(self.search_s(asked), most_s), 0.0)
        following = self._after_s(self._first, asked, plan, networks)
        return search_s + sum(shared_s(following, jobs, networks)) + others_s

    def _after_s(
        self, first: Timed, asked: int, plan: tuple[int, int], networks: int
    ) -> list[float]:
        """Returns the seconds of each training of the final, and of the two parts after it."""
        finalists, folds = plan
        best = self._best[:finalists]
        last = best[-1].value
        players = [t.seconds for t in best if t.value != last]
        # Which of equal values will be in the final, their losses decide, which are not known here.
        seconds, n = self._alike[last]
        players += [seconds / n] * (len(best) - len(players))
        # Of the trials to come some will be among the best; the default is the first tried.
        ended = len(self._walls) - 1
        coming = round(self._complete / ended * max(asked, ended))
        players += [statistics.fmean(players)] * (min(coming, finalists) - len(players))
        if self._rank(first) > self._rank(best[-1]):
            players.append(first.seconds)
        return fits_s(players, folds=folds, default_s=first.seconds, networks=networks)


def fits_s(
    players: Sequence[float], *, folds: int, default_s: float, networks: int = 1
) -> list[float]:
    """Returns the seconds of each training of a final between known players, and of what follows.

    That is the chosen configuration on all rows, and the default one.

    Args:
        players: Seconds that each took in the search, at least one, in the order of the final.
        folds: Folds that they will meet on.
        default_s: Seconds of the default configuration.
        networks: That are trained of each of the two at the end.
    """
    mean = statistics.fmean(players)
    first = [_FOLD_ROWS * seconds for seconds in players] * min(folds, FIRST_FOLDS)
    # The default always goes on, and is trained once if it wins, which nobody knows.
    going_on = min(len(players), SECOND_ROUND)
    second_s = _FOLD_ROWS * ((going_on - 1) * mean + default_s) / going_on
    second = [second_s] * (going_on * max(folds - FIRST_FOLDS, 0))
    last = [0.5 * networks * network_s(mean), networks * network_s(default_s)]
    return [*first, *second, *last]


def shared_s(seconds: Sequence[float], jobs: int, networks: int) -> list[float]:
    """Returns the wall seconds of what `fits_s` says, where trainings run side by side.

    Args:
        seconds: Of the final's trainings, and of the two parts after it.
        jobs: Trainings at the same time.
        networks: That are trained of each of the two at the end.
    """
    at_once = min(jobs, 1.5 * networks)  # those of the default half the time
    return [each / jobs for each in seconds[:-2]] + [each / at_once for each in seconds[-2:]]


def network_s(trial_s: float) -> float:
    """Returns the seconds of a training on all rows but the test rows.

    Args:
        trial_s: What a trial of this configuration took in the search.
    """
    return _ALL_ROWS * trial_s


def final_left_s(
    expected_s: Sequence[float], *, done: int, of: int, trained: Sequence[int], spent_s: float
) -> float:
    """Returns the seconds that the trainings after a fit of the final will take.

    Args:
        expected_s: What `fits_s` said before the first.
        done: Fits of the final that are done.
        of: Fits that it has.
        trained: The places of those that were trained now, and not in an earlier final.
        spent_s: Seconds that these took.
    """
    folds_s, following_s = list(expected_s[:-2]), sum(expected_s[-2:])
    mean = statistics.fmean(folds_s) if folds_s else 0.0
    folds_s += [mean] * (of - len(folds_s))
    expected = sum(folds_s[place] for place in trained)
    # What the search says of the pace counts as much as a few trainings of the final.
    scale = (spent_s + _FEW * mean) / (expected + _FEW * mean) if mean > 0 else 1.0
    return scale * (sum(folds_s[done:of]) + following_s)
