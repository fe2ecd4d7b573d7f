"""What a search says about its space: edges, scales, idle parameters, a budget that is spent.

Each rule is a pure function of `Evidence`. A rule speaks only when chance is an unlikely
explanation: all rules together are wrong in about one of twenty searches of an objective that has
nothing to find, at most. The family error of 5 % is shared by the rules, and within a rule by the
parameters it tests (Bonferroni), whatever their statistics.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tune_bn.core.space import Parameter
from tune_bn.report.history import results_of

__all__ = ["Advice", "advise"]


@dataclass(frozen=True)
class Advice:
    """One thing to do, and why.

    Args:
        rule: Which rule speaks: ``"edge"``, ``"log scale"``, ``"one-minus-log scale"``, ``"idle"``,
            ``"category"``, ``"together"``, ``"learning rate and batch size"``, ``"spent"``,
            ``"noise"`` or ``"failures"``.
        text: What to do, in a sentence or two.
        parameter: The parameter it is about; None for the search as a whole.
        evidence: The numbers behind it, with the statistic named.
        suggestion: A new range to copy; None where there is none.
    """

    rule: str
    text: str
    parameter: str | None
    evidence: str
    suggestion: Parameter | None = None


def advise(source: Any) -> list[Advice]:
    """Return what the search says should be changed; an empty list if nothing stands out.

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
        >>> [(a.rule, a.parameter, a.suggestion) for a in advise(study)]
        [('edge', 'x', Float(low=0.5, high=2.8, log=False, one_minus_log=False, step=None))]
    """
    from tune_bn.report import rules
    from tune_bn.report.evidence import evidence_of

    evidence = evidence_of(results_of(source))
    if evidence is None:
        return []
    found: list[Advice] = []
    every: tuple[Callable[..., list[Advice]], ...] = (
        rules.log_scale,
        rules.one_minus_log_scale,
        rules.edge,
        rules.category,
        rules.together,
        rules.idle,
        rules.failures,
        rules.noise,
        rules.spent,
    )
    for rule in every:
        # A range that should change its scale is not also told to grow, and so on.
        spoken = {advice.parameter for advice in found if advice.parameter is not None}
        found += [advice for advice in rule(evidence) if advice.parameter not in spoken]
    return found
