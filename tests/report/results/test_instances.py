"""Reports rank trials whose steps are instances as the sampler does."""

import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from tune_bn.report import results_of


def test_reports_are_counted_where_steps_are_no_progress():
    """Five instances are farther than one of a high number; their mean is the value."""
    study = optuna.create_study()
    for steps in ([49], [9, 1, 5, 6, 2]):
        study.add_trial(
            create_trial(
                params={"x": 0.5},
                distributions={"x": FloatDistribution(0, 1)},
                state=TrialState.PRUNED,
                value=0.0,
                intermediate_values={i: float(i) for i in steps},
            )
        )
    results = results_of(study)
    assert [trial.number for trial in results.ranked] == [1, 0]
    assert results.ranked[0].value == 23 / 5
