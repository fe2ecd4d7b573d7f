"""Whether more trials of the same kind are worth their price."""

import math
from collections import defaultdict

import numpy as np

from tune_bn.report.advice.evidence import Advice, Evidence
from tune_bn.report.advice.rank_statistics import normal_tail, rank_sum_z
from tune_bn.report.results.results import TrialResult
from tune_bn.report.results.wording import number_text

__all__ = ["noise", "repeat_noise", "spent"]

_FEWEST_REPEATS = 4
_NOTHING = 0.01  # of what the search has gained in all


@np.errstate(over="ignore", invalid="ignore")  # values of ±1e308
def spent(evidence: Evidence) -> list[Advice]:
    """Advises to stop, or begin anew elsewhere, when it has learnt and the last stages add nothing.

    Speaks where the later half of the trials is better than the first quarter (Mann-Whitney,
    one-sided: there was something to learn), the last two stages (at least 20 trials and a quarter)
    gained less than 1 % of what was gained before, and are themselves no better than the trials
    before them (p > 0.1).
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
    fewest = max(20, len(trials) // 4)
    stages = [results.stage_name(t) for t in trials]
    names = list(dict.fromkeys(stages))
    if len(names) < 4:
        return max(fewest, len(trials) // 3)
    return max(fewest, sum(name in names[-2:] for name in stages))


@np.errstate(over="ignore", invalid="ignore")  # values of ±1e308
def repeat_noise(trials: tuple[TrialResult, ...]) -> tuple[float, int]:
    """Returns the standard deviation between repeats of a configuration and its degrees of freedom.

    Pooled over all configurations that were tried more than once; (NaN, 0) if none was.
    """
    groups: dict[str, list[float]] = defaultdict(list)
    for trial in trials:
        if math.isfinite(trial.value):
            groups[repr(sorted(trial.params.items()))].append(trial.value)
    repeated = [np.array(values) for values in groups.values() if len(values) > 1]
    freedom = sum(len(values) - 1 for values in repeated)
    if not freedom:
        return math.nan, 0
    squares = sum(float(np.sum((values - values.mean()) ** 2)) for values in repeated)
    return math.sqrt(squares / freedom), freedom


@np.errstate(over="ignore", invalid="ignore")  # values of ±1e308
def noise(evidence: Evidence) -> list[Advice]:
    """Advises to repeat the best five when chance between repeats is larger than the latest gain.

    Speaks where configurations were repeated with at least four degrees of freedom, and twice the
    pooled standard deviation of repeats exceeds the gain of the last two stages and the distance
    between the best and the fifth best configuration.
    """
    results = evidence.results
    if len(results.directions) > 1:
        return []
    deviation, freedom = repeat_noise(results.complete)
    if freedom < _FEWEST_REPEATS or deviation == 0:
        return []
    trials = [t for t in results.complete if math.isfinite(t.value)]
    losses = np.array([results.loss(t) for t in trials])
    n_last = min(_last_stages(evidence, trials), len(trials) - 1)
    gain = max(float(losses[:-n_last].min() - losses[-n_last:].min()), 0.0)
    top = np.sort(losses)[: min(5, len(losses))]
    if 2 * deviation <= max(gain, float(top[-1] - top[0])):
        return []
    text = (
        "Repeat the best five configurations with other seeds before choosing one: repeats differ "
        "more than the last stages gained."
    )
    numbers = (
        f"Standard deviation between repeats {number_text(deviation, 3)} ({freedom} degrees of "
        f"freedom); gain of the last {n_last} trials {number_text(gain, 3)}; the best five differ "
        f"by {number_text(float(top[-1] - top[0]), 3)}."
    )
    return [Advice("noise", text, None, numbers)]
