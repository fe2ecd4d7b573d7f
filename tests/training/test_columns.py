import pandas as pd
import pytest

from tune_bn.training import DataError
from tune_bn.training.columns import category_key, keys_of
from tune_bn.training.readings import column_kind, reading_notes, reading_of, typed


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


@pytest.mark.parametrize(("numbers", "words"), [(99, 1), (90, 10), (89, 11), (50, 50), (30, 70)])
def test_numbers_with_words_among_them_are_refused_at_any_share(numbers: int, words: int) -> None:
    column = pd.Series([*map(str, range(numbers)), *["x"] * words])
    with pytest.raises(DataError, match=rf"{numbers} of its rows \('0'\), but got 'x' in"):
        column_kind("a", column)


@pytest.mark.parametrize(("numbers", "signs"), [(99, 1), (89, 11), (30, 70)])
@pytest.mark.parametrize("sign", ["-", "?", "unknown", "n.a."])
def test_signs_for_no_value_are_gaps_at_any_share(numbers: int, signs: int, sign: str) -> None:
    """And it is said."""
    found = reading_of("a", pd.Series([*map(str, range(numbers)), *[sign] * signs]))
    assert (found.kind, found.gaps) == ("number", (sign,))
    assert repr(sign) in reading_notes({"a": found})[0]


def test_names_of_which_most_are_numbers_stay_names() -> None:
    """As tickets are; that is said."""
    tickets = [*map(str, range(1000, 1070)), *(f"A/5 {i}" for i in range(30))]
    found = reading_of("ticket", pd.Series(tickets))
    assert found.kind == "category"
    assert "numbers in 70 rows and 30 different words" in found.notes[0]


def test_codes_with_a_zero_in_front_stay_text() -> None:
    found, _ = typed(pd.Series(["01", "02", "10", ""]))
    assert found.tolist() == ["01", "02", "10", None]


@pytest.mark.parametrize(
    ("cells", "values", "words"),
    [
        (["1", "2"], [1, 2], {}),
        (["1", "2.5"], [1.0, 2.5], {}),
        (["1", "", "NA"], [1.0, None, None], {"NA": 1}),
        (["True", "FALSE", "true"], [True, False, True], {}),
        (["True", "yes"], ["True", "yes"], {}),
        (["a", "None", "None"], ["a", None, None], {"None": 2}),
        ([" ", "x"], [None, "x"], {}),
        (["1_000", "2"], ["1_000", "2"], {}),
        (["9223372036854775807", "1"], [2**63 - 1, 1], {}),
    ],
)
def test_text_without_types_is_what_all_its_cells_spell(cells, values, words) -> None:
    found, counts = typed(pd.Series(cells, dtype=object))
    assert [None if pd.isna(value) else value for value in found] == values
    assert counts == words


def test_what_is_missing_can_be_chosen() -> None:
    found, counts = typed(pd.Series(["None", "-", "a"], dtype=object), missing=["-"])
    assert (found.tolist(), counts) == (["None", None, "a"], {"-": 1})


def test_keys_of_equal_values_are_equal() -> None:
    assert category_key(3) == category_key(3.0) == category_key("3") == "3"
    assert category_key(True) == "True" != category_key(1)
    assert category_key(2**60 + 1) == str(2**60 + 1)
    assert category_key(0.5) == "0.5"


def test_true_is_not_one() -> None:
    """In a column of both, whichever comes first."""
    for values in ([True, 1, 1.0, "1", None], [1, True, 1.0, "1", None]):
        codes, keys = keys_of(pd.Series(values, dtype=object))
        assert [keys[code] if code >= 0 else None for code in codes] == [
            "True" if value is True else None if value is None else "1" for value in values
        ]
