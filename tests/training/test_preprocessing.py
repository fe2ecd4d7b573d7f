import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tune_bn.training import DataError, Preprocessing
from tune_bn.training.learned import CategoryColumn, DroppedColumn, NumberColumn
from tune_bn.training.learning import FEWEST_KEPT, learn, most_categories
from tune_bn.training.target import Target
from tune_bn.training.written import MISSING_WORDS

TARGET = Target("y", "regression", None, 0.0, 1.0)
CLASSES = Target("y", "classification", ("no", 3, True), 0.0, 1.0)


def learned_of(**columns: object) -> Preprocessing:
    return learn(pd.DataFrame(columns), target=TARGET)[0]


MIXED = pd.DataFrame(
    {
        "size": [1.0, 2.0, None, 4.0],
        "colour": ["red", "blue", None, "red"],
        "big": [True, False, True, True],
        "same": [7, 7, 7, 7],
        "day": pd.DatetimeIndex(["2024-01-01", "2024-01-03", "NaT", "2024-01-05"]),
    }
)


@pytest.mark.parametrize(
    ("column", "is_refined"),
    [
        ([1.0, 2.5, 3.0] * 20, False),
        (["red", "blue", "red"] * 20, False),
        ([1.0, None, 3.0] * 20, True),
        ([f"${place},000" for place in range(60)], True),
        ([f"{place % 28 + 1}.12.2024" for place in range(60)], True),
    ],
)
def test_inputs_that_an_early_version_made_otherwise(column, is_refined):
    """They have a fingerprint; those of a plain table have none, and its early studies go on."""
    learned = learned_of(a=column, b=range(60))
    assert bool(learned.refinement) == is_refined
    assert Preprocessing.from_json(learned.to_json()).refinement == learned.refinement


numbers = st.lists(
    st.one_of(st.none(), st.floats(-1e6, 1e6).map(lambda value: round(value, 3))),
    min_size=2,
    max_size=30,
)
texts = st.lists(st.one_of(st.none(), st.sampled_from("abcdé€")), min_size=2, max_size=30)


def usable(column: Sequence[object]) -> bool:
    return len({value for value in column if value is not None}) > 1


@given(numbers.filter(usable))
def test_training_rows_have_mean_0_and_deviation_1(values: list[float | None]) -> None:
    """Whatever the numbers are; float32 keeps seven digits, which sets the tolerance."""
    table = pd.DataFrame({"a": values}, dtype=float)
    learned = learn(table, target=TARGET)[0]
    if isinstance(learned.columns[0], DroppedColumn):
        return
    x = learned.transform(table)[:, 0].double()
    if x.any():  # or else the column only tells where its gaps are
        assert abs(float(x.mean())) < 1e-5
        assert abs(float(x.std(correction=0)) - 1.0) < 1e-5


@given(st.floats(1e-290, 1e290), st.floats(1e-3, 1.0))
def test_any_magnitude_is_standardised(size: float, spread: float) -> None:
    """Sums and squares of numbers near the largest float do not overflow on the way."""
    table = pd.DataFrame({"a": [size, size * (1 + spread), -size]})
    x = learn(table, target=TARGET)[0].transform(table).double()
    assert abs(float(x.std(correction=0)) - 1.0) < 1e-5


@given(numbers.filter(usable), texts)
def test_json_round_trip_is_equal(values: list[float | None], words: list[str | None]) -> None:
    """What is read back is equal, float by float, and transforms in the same way."""
    rows = min(len(values), len(words))
    table = pd.DataFrame({"a": values[:rows], "b": words[:rows], "c": range(rows)})
    learned = learn(table.astype({"a": float}), target=CLASSES)[0]
    again = Preprocessing.from_json(learned.to_json())
    assert again == learned
    assert torch.equal(again.transform(table), learned.transform(table))


def test_json_is_standard_json() -> None:
    """No NaN or Infinity, which other readers of JSON refuse."""
    text = learn(MIXED, target=CLASSES)[0].to_json()
    json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"columns": [{"kind": "code"}], "target": {}}'])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="needs the JSON text that to_json writes"):
        Preprocessing.from_json(text)


def no_word_for_missing(text: str) -> bool:
    return bool(text.strip()) and text.strip() not in MISSING_WORDS


@given(texts.filter(usable), st.text(min_size=2).filter(no_word_for_missing))
def test_an_unseen_category_is_all_zeros(words: list[str | None], unseen: str) -> None:
    table = pd.DataFrame({"a": words, "b": range(len(words))})
    learned = learn(table, target=TARGET)[0]
    row = learned.transform({"a": unseen, "b": 0.0})
    assert not row[:, 1 if isinstance(learned.columns[1], DroppedColumn) else 0 : -1].any()


def test_seen_categories_have_exactly_one_1() -> None:
    learned = learned_of(a=["x", "y", "x", "z"])
    assert learned.feature_names == ("a=x", "a=y", "a=z")
    assert learned.transform(pd.DataFrame({"a": ["z", "x", "y"]})).tolist() == [
        [0, 0, 1],
        [1, 0, 0],
        [0, 1, 0],
    ]


def test_missing_values_become_median_and_most_frequent() -> None:
    learned = learn(MIXED, target=TARGET)[0]
    assert torch.equal(
        learned.transform({"size": None, "colour": None, "big": True, "day": None}),
        learned.transform({"size": 2.0, "colour": "red", "big": True, "day": "2024-01-03"}),
    )


def test_only_the_given_rows_are_learned_from() -> None:
    """Extreme rows that come later change nothing that was learned."""
    learned = learned_of(a=[0.0, 2.0])
    assert learned.columns == (
        NumberColumn("a", fill=1.0, mean=1.0, scale=1.0, least=0.0, greatest=2.0),
    )
    assert learned.transform({"a": 101.0}).tolist() == [[100.0]]


def test_constant_columns_are_dropped_and_may_be_absent() -> None:
    learned = learn(MIXED, target=TARGET)[0]
    assert isinstance(learned.columns[3], DroppedColumn)
    row = {"size": 1.0, "colour": "red", "big": True, "day": "2024-01-01"}
    assert torch.equal(learned.transform(row), learned.transform({**row, "same": 9}))


def test_identifiers_are_dropped() -> None:
    learned = learned_of(a=[f"customer {i}" for i in range(5)], b=range(5))
    assert isinstance(learned.columns[0], DroppedColumn)


def test_many_categories_keep_the_most_frequent() -> None:
    """Above the limit, without a target, a category needs two rows; the most frequent are kept."""
    shared = [f"s{i:02}" for i in range(40) for _ in range(4 if i < FEWEST_KEPT else 3)]
    column = learned_of(a=[*shared, *(f"once {i}" for i in range(50))]).columns[0]
    assert isinstance(column, CategoryColumn)
    assert column.categories == tuple(f"s{i:02}" for i in range(FEWEST_KEPT))


@pytest.mark.parametrize(("rows", "most"), [(10, 32), (500, 50), (1200, 120), (10**6, 256)])
def test_the_limit_grows_with_the_rows(rows: int, most: int) -> None:
    assert most_categories(rows) == most


def test_array_rows_need_all_columns_in_order() -> None:
    learned = learned_of(a=[0.0, 2.0], same=[5.0, 5.0], b=[0.0, 4.0])
    assert learned.transform(np.array([2.0, 5.0, 0.0])).tolist() == [[1.0, -1.0]]
    assert learned.transform(np.array([[2.0, 5.0, 0.0], [0, 0, 4]])).tolist() == [[1, -1], [-1, 1]]


def test_many_mappings_are_many_rows() -> None:
    learned = learned_of(a=[0.0, 2.0])
    assert learned.transform([{"a": 0}, {"a": 2}]).tolist() == [[-1.0], [1.0]]


def test_no_rows_give_an_empty_tensor() -> None:
    learned = learn(MIXED, target=TARGET)[0]
    assert learned.transform(MIXED.iloc[:0]).shape == (0, learned.n_features)


def test_column_order_of_a_table_does_not_matter() -> None:
    learned = learn(MIXED, target=TARGET)[0]
    assert torch.equal(learned.transform(MIXED), learned.transform(MIXED[MIXED.columns[::-1]]))


def test_the_target_column_is_ignored() -> None:
    learned = learned_of(a=[0.0, 2.0])
    assert torch.equal(learned.transform({"a": 1, "y": 9}), learned.transform({"a": 1}))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "they lack columns 'big', 'colour', 'day' and 1 more"),
        ({"size": 1, "colour": "red", "day": None}, "they lack column 'big'"),
        (
            {"size": 1, "colour": "red", "big": True, "day": None, "other": 1},
            "they have the unknown column 'other'",
        ),
        (
            {"size": "much", "colour": "red", "big": True, "day": None},
            "Column 'size' needs numbers, but got 'much'",
        ),
        (
            {"size": np.inf, "colour": "red", "big": True, "day": None},
            "Column 'size' needs finite numbers",
        ),
        (
            {"size": 1e300, "colour": "red", "big": True, "day": None},
            "Column 'size' needs numbers near those of the training rows",
        ),
        (
            {"size": 1, "colour": "red", "big": True, "day": "soon"},
            "Column 'day' needs dates like 2024-05-31, but got 'soon'",
        ),
    ],
)
def test_unusable_rows_are_refused(row: dict[str, object], message: str) -> None:
    learned = learn(MIXED, target=TARGET)[0]
    with pytest.raises(DataError, match=message):
        learned.transform(row)


def test_a_column_given_twice_is_refused() -> None:
    twice = pd.DataFrame([[1.0, 2.0]], columns=["a", "a"])
    with pytest.raises(DataError, match="more than one column 'a'"):
        learned_of(a=[0.0, 2.0]).transform(twice)


@pytest.mark.parametrize("shape", [(3,), (1, 3), (1, 1, 2), ()])
def test_arrays_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"array of shape \(N, 2\), or \(2,\)"):
        learned_of(a=[0.0, 2.0], b=[1.0, 2.0]).transform(np.zeros(shape))


def test_other_kinds_of_rows_are_refused() -> None:
    with pytest.raises(DataError, match="but got list"):
        learned_of(a=[0.0, 2.0]).transform([1.0])  # type: ignore[list-item] # the refusal is the test


def test_kinds_of_numbers_are_one_number() -> None:
    """Decimals, pandas' nullable integers and plain floats of one value give one input."""
    table = pd.DataFrame({"a": [0.0, 1.0, np.nan, 2.0]})
    learned = learn(table, target=TARGET)[0]
    expected = learned.transform(table)
    for column in (
        pd.Series([0, 1, None, 2], dtype="Int64"),
        pd.Series([Decimal(0), Decimal(1), None, Decimal("2.0")], dtype=object),
        pd.Series(["0", "1", None, "2e0"], dtype=object),
    ):
        assert torch.equal(learned.transform(pd.DataFrame({"a": column})), expected)


def test_kinds_of_categories_are_one_category() -> None:
    """Truth values and pandas' categories match their text, whole numbers their digits."""
    learned = learned_of(a=[True, False, True], b=pd.Categorical([1, 2, 1]))
    expected = learned.transform({"a": True, "b": 1})
    for row in ({"a": "True", "b": "1"}, {"a": np.True_, "b": 1.0}, {"a": None, "b": None}):
        assert torch.equal(learned.transform(row), expected)


def test_kinds_of_dates_are_one_date() -> None:
    """ISO text, dates and timestamps, with and without a zone, count the same days."""
    learned = learned_of(a=["2024-01-01", "2024-01-03", "2024-01-02"])
    column = learned.columns[0]
    assert isinstance(column, NumberColumn)
    assert (column.fill, column.mean, column.date) == (19724.0, 19724.0, True)
    expected = learned.transform({"a": "2024-01-03"})
    for value in (
        date(2024, 1, 3),
        datetime(2024, 1, 3),
        pd.Timestamp("2024-01-03"),
        pd.Timestamp("2024-01-03 02:00", tz="Europe/Paris") - pd.Timedelta(hours=1),
        "2024-01-03T00:00:00Z",
    ):
        assert torch.equal(learned.transform({"a": value}), expected)
