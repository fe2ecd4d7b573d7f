"""scikit-learn's own checks of `TunedClassifier` and `TunedRegressor`."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from tune_bn.sklearn import TunedClassifier, TunedRegressor
from tune_bn.training import DataError

pytestmark = pytest.mark.filterwarnings(
    "ignore::tune_bn.sklearn.TableWarning", "ignore::tune_bn.tuning.RowsWarning"
)

_RARE = dict.fromkeys(
    (
        "check_dict_unchanged",
        "check_dont_overwrite_parameters",
        "check_f_contiguous_array_estimator",
        "check_fit2d_1feature",
        "check_fit2d_predict1d",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
    ),
    r"needs 3 rows of each class .*, but class \d of target 'y' has [12] row",
)
_FEW = {"check_sample_weight_equivalence_on_dense_data": "needs at least 10 rows .* has 9"}
EXCEPTIONS = {TunedClassifier: _RARE | _FEW, TunedRegressor: _FEW}
"""What refuses the table of a check."""
# Checks of how good the answers are; the others ask for no more than a fitted network.
LEARNS = {"check_classifiers_train", "check_regressors_train"}


@parametrize_with_checks([TunedClassifier(trials=1, epochs=8), TunedRegressor(trials=1, epochs=8)])
def test_scikit_learn_takes_them_for_its_own(estimator: Any, check: partial[None]):
    """All of scikit-learn's checks pass but those whose table is refused, each as listed above."""
    name = check.func.__name__
    if name not in LEARNS:
        estimator = clone(estimator).set_params(epochs=1)  # all checks are given the same one
    refused = EXCEPTIONS[type(estimator)].get(name)
    if refused is None:
        check(estimator)
        return
    with pytest.raises((DataError, AssertionError), match=refused):
        check(estimator)


def test_the_docs_name_the_exceptions():
    """The same as here, by the names that scikit-learn gives them."""
    text = Path(__file__).parents[2].joinpath("docs", "tool.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(check_\w+)`", text)) - {"check_estimator"} == set(_RARE | _FEW)
