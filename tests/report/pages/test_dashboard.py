"""The figures are kept in the study, where optuna-dashboard finds them."""

import optuna
import pytest

from tune_bn.optuna import CoarseToFineSampler
from tune_bn.report import DashboardCallback, ReportError


def saved(study: optuna.Study) -> set[str]:
    attributes = study._storage.get_study_system_attrs(study._study_id)
    # Long figures are kept in numbered parts.
    return {str(key).rpartition(":")[0] for key in attributes if "plot_data" in str(key)}


def test_figures_are_saved_and_replaced():
    """After every tenth trial the figures are there, under the same names as before."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    callback = DashboardCallback(every=10)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=9, callbacks=[callback])
    assert saved(study) == set()
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=1, callbacks=[callback])
    first = saved(study)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=10, callbacks=[callback])
    assert first
    assert saved(study) == first


@pytest.mark.parametrize("every", [0, -1, 1.5, True])
def test_every_is_a_positive_integer(every: object):
    """Anything else is refused with what was got."""
    with pytest.raises(ReportError, match=repr(every)):
        DashboardCallback(every=every)  # type: ignore[arg-type]  # what is tested
