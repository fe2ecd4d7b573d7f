"""The target of an estimator: whatever type it has, its labels come back as they were written."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tune_bn.sklearn import TableWarning, TunedClassifier, TunedRegressor
from tune_bn.training import DataError
from tune_bn.tuning import RowsWarning

pytestmark = pytest.mark.filterwarnings("ignore::tune_bn.sklearn.TableWarning")

X = pd.DataFrame({"a": np.linspace(-1.0, 1.0, 40), "b": np.tile([0.0, 1.0, 2.0, 3.0], 10)})
SIDE = pd.Series((X["a"] > 0).astype(int), name="side")
TWO_WORDS = SIDE.map({0: "01", 1: "02"})


@pytest.mark.parametrize(
    ("y", "labels"),
    [
        (SIDE.astype("Int64"), [0, 1]),
        (SIDE.astype("UInt8"), [0, 1]),
        (SIDE.astype("int64[pyarrow]"), [0, 1]),
        (SIDE.astype("boolean"), [False, True]),
        (SIDE.astype("bool[pyarrow]"), [False, True]),
        (SIDE.astype(object), [0, 1]),
        (SIDE.astype("Int64").astype("category"), [0, 1]),
        (SIDE.astype("Int64").to_frame(), [0, 1]),
        ((SIDE + 2**60).astype("Int64"), [2**60, 2**60 + 1]),
        (SIDE.astype("Float64"), [0.0, 1.0]),
        (TWO_WORDS.astype("string"), ["01", "02"]),
        (TWO_WORDS.astype("string[pyarrow]"), ["01", "02"]),
        (TWO_WORDS.astype("category"), ["01", "02"]),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_labels_come_back_as_they_were_written(y: Any, labels: list[Any]) -> None:
    """Of pandas' own types, too: a 1 is no 1.0, True no 1, and large numbers stay apart."""
    network = TunedClassifier(trials=1, epochs=1).fit(X, y)
    assert network.classes_.tolist() == labels
    assert [type(label) for label in network.classes_.tolist()] == [type(each) for each in labels]
    assert set(network.predict(X).tolist()) <= set(labels)


@pytest.mark.parametrize("estimator", [TunedClassifier, TunedRegressor])
@pytest.mark.parametrize("type_", [lambda d: d, lambda d: d - d.min(), lambda d: d.dt.date])
def test_dates_are_refused_as_a_target(estimator: Any, type_: Any) -> None:
    """pandas would make microseconds of them, in silence."""
    days = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(40) // 4, "D"))
    with pytest.raises((DataError, TypeError), match="date|time"):
        estimator(trials=1, epochs=1).fit(X, type_(days))


def test_labels_of_two_kinds_are_refused() -> None:
    with pytest.raises(DataError, match=r"those of y are int and str\. Make text of them"):
        TunedClassifier(trials=1, epochs=1).fit(X, SIDE.map({0: 1, 1: "x"}))


@pytest.mark.parametrize("type_", ["Int64", "boolean", "string", "category", "bool[pyarrow]"])
def test_a_gap_in_the_target_is_refused(type_: Any) -> None:
    y: Any = TWO_WORDS if type_ in ("string", "category") else SIDE.astype(bool)
    y = y.astype(object).mask(X.index == 3)
    with pytest.raises(ValueError, match="NaN"):
        TunedClassifier(trials=1, epochs=1).fit(X, y.astype(type_))


def test_targets_in_another_order_are_said() -> None:
    """Rows are paired by place, as everywhere in scikit-learn, whatever their index is."""
    with pytest.warns(TableWarning, match=r"one index in two orders.*y\.loc\[X\.index\]"):
        TunedClassifier(trials=1, epochs=1).fit(X, SIDE[::-1])


def test_rows_without_any_value_are_said() -> None:
    network = TunedClassifier(trials=1, epochs=1).fit(X, SIDE)
    rows = X.copy()
    rows.loc[3:4] = np.nan
    with pytest.warns(RowsWarning, match="2 of 40 rows hold no value"):
        network.predict(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network.predict(X)
