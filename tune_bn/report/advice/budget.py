"""Whether more trials of the same kind are worth their price."""

import math
from bisect import bisect_right
from collections import defaultdict
from itertools import takewhile
from statistics import median_low

import numpy as np

from tune_bn.report.advice.evidence import Advice, Evidence
from tune_bn.report.advice.rank_statistics import normal_tail, rank_sum_z
from tune_bn.report.results.results import Results, TrialResult
from tune_bn.report.results.wording import number_text

__all__ = ["at_once", "noise", "repeat_noise", "spent", "workers"]

_FEWEST_REPEATS, _FEWEST_ALIKE, _MOST_AGAIN = 4, 3, 5
_FEWEST_ROUNDS = 10
_NOTHING = 0.01  # of what the search has gained in all


@np.errstate(over="ignore", invalid="ignore")  # values of ±1e308
def spent(evidence: Evidence) -> list[Advice]:
    """Advises to stop, or begin anew elsewhere, when it has learnt and the last stages add nothing.

    Speaks where the later half of the trials is better than the first quarter (Mann-Whitney,
    one-sided: there was something to learn), the last two stages (at least 20 trials, a quarter,
    and twice as many as ran at a time) gained less than 1 % of what was gained before, and are
    themselves no better than the trials before them (p > 0.1).
    """
    results = evidence.results
    trials = [t for t in results.complete if math.isfinite(t.value)]
    if len(results.directions) > 1 or len(trials) < 40:
        return []
    losses = np.array([results.loss(t) for t in trials])
    n_last = _last_stages(evidence, trials)
    quarter = len(trials) // 4
    if len(trials) - n_last < 2 * quarter:
        return []
    p = normal_tail(rank_sum_z(losses[:quarter], losses[len(trials) // 2 :]))
    if p > evidence.level(1):
        return []
    before, last = losses[:-n_last], losses[-n_last:]
    gained = float(losses[:quarter].min() - before.min())
    gain = max(float(before.min() - last.min()), 0.0)
    if gained <= 0 or gain > _NOTHING * gained:
        return []
    still_better = normal_tail(rank_sum_z(losses[-2 * n_last : -n_last], last))
    if still_better < 0.1:
        return []
    text = (
        f"The last {n_last} complete trials brought nothing: stop here, or start a new coarse "
        "stage in another region."
    )
    numbers = (
        f"They improved the best value by {number_text(gain, 3)}, after a gain of "
        f"{number_text(gained, 3)} before; as a group they are no better than the trials before "
        f"them (rank sum test, p = {still_better:.1g})."
    )
    return [Advice("spent", text, None, numbers)]


def _last_stages(evidence: Evidence, trials: list[TrialResult]) -> int:
    """Returns how many of the complete trials make up the last two stages, or the last third."""
    results = evidence.results
    fewest = max(20, len(trials) // 4, 2 * at_once(results))
    stages = [results.stage_name(t) for t in trials]
    names = list(dict.fromkeys(stages))
    if len(names) < 4:
        return max(fewest, len(trials) // 3)
    return max(fewest, sum(name in names[-2:] for name in stages))


def _repeats(results: Results, *, feasible: bool = False) -> list[list[float]]:
    """Returns the finite losses of each configuration that ran to its end."""
    losses: dict[str, list[float]] = defaultdict(list)
    for trial in results.complete:
        if math.isfinite(trial.value) and not (feasible and trial.violation > 0):
            losses[repr(sorted(trial.params.items()))].append(results.loss(trial))
    return list(losses.values())


@np.errstate(over="ignore", invalid="ignore")  # values of ±1e308
def repeat_noise(results: Results) -> tuple[float, int]:
    """Returns the standard deviation between repeats of a configuration and its degrees of freedom.

    Pooled over all configurations that were tried more than once; (NaN, 0) if none was.
    """
    repeated = [np.array(values) for values in _repeats(results)]
    freedom = sum(len(values) - 1 for values in repeated)
    if not freedom:
        return math.nan, 0
    squares = sum(float(np.sum((values - values.mean()) ** 2)) for values in repeated)
    return math.sqrt(squares / freedom), freedom


@np.errstate(over="ignore", invalid="ignore")  # values of ±1e308
def noise(evidence: Evidence) -> list[Advice]:
    """Advises to measure the best again where repeats differ more than the best configurations do.

    Speaks where configurations were repeated with at least four degrees of freedom, their pooled
    deviation is more than 1 % of what lies between the best and the median configuration, and at
    least three lie within twice the standard error of their distance from the best. Each counts
    once, by the mean of its repeats.
    """
    results = evidence.results
    if len(results.directions) > 1:
        return []
    deviation, freedom = repeat_noise(results)
    if freedom < _FEWEST_REPEATS or deviation == 0:
        return []
    measured = sorted((float(np.mean(v)), len(v)) for v in _repeats(results, feasible=True))
    if not measured:
        return []
    best, n_best = measured[0]
    if deviation <= _NOTHING * (measured[len(measured) // 2][0] - best):
        return []
    alike = list(
        takewhile(
            lambda one: one[0] - best <= 2 * deviation * math.sqrt(1 / n_best + 1 / one[1]),
            measured,
        )
    )
    if len(alike) < _FEWEST_ALIKE:
        return []
    few = min(len(alike), _MOST_AGAIN)
    text = (
        f"The best {few} configurations differ by less than their noise: measure each "
        "of them again before choosing one, or take the cheapest."
    )
    numbers = (
        f"Standard deviation between repeats {number_text(deviation, 3)} ({freedom} degrees of "
        f"freedom); {len(alike)} of {len(measured)} configurations are within twice the standard "
        f"error of the best mean, the best {few} within "
        f"{number_text(alike[few - 1][0] - best, 3)}."
    )
    return [Advice("noise", text, None, numbers)]


def at_once(results: Results) -> int:
    """Returns how many trials ran at a time: the median over the moments at which one began.

    1 where less than half of the trials say when they began and ended.
    """
    spans = [
        (t.started.timestamp(), t.started.timestamp() + t.seconds)
        for t in results.trials
        if t.started is not None and t.seconds is not None
    ]
    if not spans or 2 * len(spans) < len(results.trials):
        return 1
    starts, ends = (sorted(side) for side in zip(*spans, strict=True))
    return median_low([bisect_right(starts, s) - bisect_right(ends, s) for s in starts])


def workers(evidence: Evidence) -> list[Advice]:
    """Advises fewer trials at a time, or more in all, where a search could narrow a few times only.

    Speaks of searches that narrow, whose trials with a value make fewer than ten rounds of as many
    as ran at a time: each was drawn without the results of those beside it.
    """
    results = evidence.results
    n, together = len([t for t in results.trials if t.is_ranked]), at_once(results)
    if len(results.stages) < 2 or n >= _FEWEST_ROUNDS * together:
        return []
    text = (
        f"{together} trials ran at a time, so each was drawn without the results of the "
        f"{together - 1} beside it: run fewer at a time, or more in all, and the search learns "
        "from more of them."
    )
    numbers = (
        f"{n} trials with a value make {n / together:.1f} rounds of {together} (the median of how "
        f"many were under way when one began); it takes {_FEWEST_ROUNDS} to narrow step by step."
    )
    return [Advice("workers", text, None, numbers)]
