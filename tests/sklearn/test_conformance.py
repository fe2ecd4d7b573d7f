"""scikit-learn's own checks of `TunedClassifier` and `TunedRegressor`."""

from functools import partial
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from tune_bn.sklearn import TunedClassifier, TunedRegressor

pytestmark = pytest.mark.filterwarnings("ignore::tune_bn.sklearn.TableWarning")

_RARE = "its table has classes of one or two rows, and a class needs three: one in each part"
_SPLIT = "it repeats rows instead of weighing them, and then they are split into other parts"
_REPEATED = {"check_sample_weight_equivalence_on_dense_data": _SPLIT}
EXCEPTIONS = {
    TunedClassifier: _REPEATED
    | dict.fromkeys(
        (
            "check_dict_unchanged",
            "check_dont_overwrite_parameters",
            "check_f_contiguous_array_estimator",
            "check_fit2d_1feature",
            "check_fit2d_predict1d",
            "check_methods_sample_order_invariance",
            "check_methods_subset_invariance",
        ),
        _RARE,
    ),
    TunedRegressor: _REPEATED,
}
# Checks of how good the answers are; the others ask for no more than a fitted network.
LEARNS = {"check_classifiers_train", "check_regressors_train"}


@parametrize_with_checks(
    [TunedClassifier(trials=1, epochs=8), TunedRegressor(trials=1, epochs=8)],
    expected_failed_checks=lambda estimator: EXCEPTIONS[type(estimator)],
)
def test_scikit_learn_takes_them_for_its_own(estimator: Any, check: partial[None]):
    """All of scikit-learn's checks pass but those that are listed above, each with its reason."""
    if check.func.__name__ not in LEARNS:
        estimator.set_params(epochs=1)
    check(estimator)
