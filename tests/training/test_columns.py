import pandas as pd
import pytest

from tune_bn.training import DataError
from tune_bn.training.columns import category_key, column_kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "number"),
        (["red", "blue"], "category"),
        ([True, None], "category"),
        (["2024-05-31", None, "2024-06-01 10:00"], "date"),
        (["2024-05-31", "soon"], "category"),
        (["1", "2", "4A"], "category"),
        (["53111", "50667"] * 20, "category"),
        ([str(i) for i in range(21)], "number"),
        ([f"house {i}" for i in range(50)], "category"),
        (["1", 2, "x"], "category"),
    ],
)
def test_the_rule_for_kinds(values: list[object], kind: str) -> None:
    assert column_kind("a", pd.Series(values)) == kind


@pytest.mark.parametrize(("numbers", "words"), [(99, 1), (90, 10)])
def test_numbers_with_typing_errors_are_refused(numbers: int, words: int) -> None:
    column = pd.Series([*map(str, range(numbers)), *["?"] * words])
    with pytest.raises(DataError, match=rf"as in {numbers} of its rows, but got '\?'"):
        column_kind("a", column)


def test_fewer_numbers_are_categories() -> None:
    assert column_kind("a", pd.Series([*map(str, range(89)), *["?"] * 11])) == "category"


def test_keys_of_equal_values_are_equal() -> None:
    assert category_key(3) == category_key(3.0) == category_key("3") == "3"
    assert category_key(True) == "True" != category_key(1)
    assert category_key(2**60 + 1) == str(2**60 + 1)
    assert category_key(0.5) == "0.5"
