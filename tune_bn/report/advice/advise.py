"""What a search says about its space: edges, scales, idle parameters, a budget that is spent.

Each rule is a pure function of `Evidence`. A rule speaks only when chance is an unlikely
explanation: all rules together are wrong in about one of twenty searches of an objective that has
nothing to find, at most. The family error of 5 % is shared by the rules, and within a rule by the
parameters it tests (Bonferroni), whatever their statistics.
"""

from collections.abc import Callable
from typing import Any

from tune_bn.report.advice import budget, ranges, worth
from tune_bn.report.advice.evidence import Advice, Evidence, evidence_of
from tune_bn.report.results.source import results_of

__all__ = ["advise"]


_RULES: tuple[Callable[[Evidence], list[Advice]], ...] = (
    ranges.log_scale,
    ranges.one_minus_log_scale,
    ranges.edge,
    worth.category,
    worth.together,
    worth.idle,
    worth.failures,
    budget.noise,
    budget.spent,
    budget.workers,
)


def advise(source: Any) -> list[Advice]:
    """Returns what the search says should be changed; an empty list if nothing stands out.

    Args:
        source: An Optuna study, a Ray Tune ``ResultGrid``, a `tune_bn.CoarseToFine`, or
            `tune_bn.report.Results`. Fewer than 20 trials with a value say nothing.

    Raises:
        ReportError: If the source is no search.

    Example:
        >>> import optuna
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        >>> study.optimize(lambda t: abs(t.suggest_float("x", 0.5, 2) - 3), n_trials=60)
        >>> [(a.rule, a.parameter, a.suggestion.bounds) for a in advise(study)]
        [('edge', 'x', (0.5, 2.8))]
    """
    evidence = evidence_of(results_of(source), len(_RULES))
    if evidence is None:
        return []
    found: list[Advice] = []
    for rule in _RULES:
        # A range that should change its scale is not also told to grow, and so on.
        spoken = {advice.parameter for advice in found if advice.parameter is not None}
        found += [advice for advice in rule(evidence) if advice.parameter not in spoken]
    return found
