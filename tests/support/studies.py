"""What a study says of its own draws, judged."""

from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution

from tests.support.regions import untrue
from tune_bn.core.draws.origin import Origin
from tune_bn.optuna import stages
from tune_bn.optuna.origins import Records

__all__ = ["origins_of", "said_untrue"]


def origins_of(study: optuna.Study) -> dict[int, Origin]:
    """Returns where each trial was drawn from."""
    return Records().of(study.get_trials(deepcopy=False))[1]


def said_untrue(study: optuna.Study, given: dict[int, Any] | None = None) -> list[str]:
    """Returns what is untrue of what a study says of its draws.

    Args:
        study: The study.
        given: For trials by number the names of what was given, where Optuna does not say it.
    """
    trials = study.get_trials(deepcopy=False)
    distributions = {n: d for t in trials for n, d in t.distributions.items()}
    categories = [n for n, d in distributions.items() if isinstance(d, CategoricalDistribution)]
    single = {n for t in trials for n, d in t.distributions.items() if d.single()}
    fixed = {
        t.number: single.union(
            t.system_attrs.get("fixed_params", ()), (given or {}).get(t.number, ())
        )
        for t in trials
    }
    params = {t.number: t.params for t in trials}
    return untrue(origins_of(study), stages(study), params, categories, fixed)
