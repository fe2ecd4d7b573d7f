"""Each unusable table ends in a `DataError` of one line: what was needed, found, what to do."""

import re
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.refusals import NUMBERS, ROWS, csv, frame, refusal
from tune_bn.training import DataError, load_dataset
from tune_bn.training.data import split_rows
from tune_bn.training.file_errors import require_unique
from tune_bn.training.learned import NumberColumn


def test_a_count_with_a_rare_value_names_regression(tmp_path: Path) -> None:
    message = refusal(frame(tmp_path, a=NUMBERS, y=[*[0, 1] * 14, 0, 7]), target="y")
    assert "Use --task regression" in message


# Column names


def test_duplicate_column_names(tmp_path: Path) -> None:
    """By itself, pandas renames the second to a.1."""
    assert "2 columns named 'a'" in refusal(csv(tmp_path, "a,b,a,y\n1,2,3,4\n"), target="y")


def test_nameless_column(tmp_path: Path) -> None:
    text = "a,,y\n" + "".join(f"{i},{i % 7},{i}\n" for i in range(ROWS))
    assert "column 2 of 'table.csv' has none" in refusal(csv(tmp_path, text), target="y")


def test_absent_target_lists_the_nearest_names(tmp_path: Path) -> None:
    file = frame(tmp_path, price=NUMBERS, prize=NUMBERS, colour=NUMBERS)
    message = refusal(file, target="Pricee")
    assert "Did you mean 'price'" in message
    assert "colour" not in message


def test_absent_target_without_a_near_name_lists_the_columns(tmp_path: Path) -> None:
    message = refusal(frame(tmp_path, price=NUMBERS, colour=NUMBERS), target="zzz")
    assert "Its columns are 'price', 'colour'" in message


def test_no_target_named(tmp_path: Path) -> None:
    message = refusal(frame(tmp_path, price=NUMBERS, colour=NUMBERS))
    assert "none was named" in message
    assert "'price'" in message


def test_target_for_digits() -> None:
    assert "needs the target 'target'" in refusal("digits", target="label")


def test_target_alone(tmp_path: Path) -> None:
    message = refusal(frame(tmp_path, y=NUMBERS), target="y")
    assert "at least one column beside the target" in message


# Targets


@pytest.mark.parametrize("value", [1, 1.5, "a", True])
@pytest.mark.parametrize("task", [None, "classification"])
def test_constant_target(tmp_path: Path, value: object, task: str | None) -> None:
    message = refusal(frame(tmp_path, a=NUMBERS, y=[value] * ROWS), target="y", task=task)
    assert "every row holds" in message


def test_constant_regression_target(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=[2.5] * ROWS)
    assert "every row holds 2.5" in refusal(file, target="y", task="regression")


def test_class_with_one_row(tmp_path: Path) -> None:
    message = refusal(frame(tmp_path, a=NUMBERS, y=[*["a", "b"] * 14, "a", "rare"]), target="y")
    assert "class 'rare' of target 'y' has 1 row." in message


def test_whole_number_class_with_one_row(tmp_path: Path) -> None:
    """It is still a classification, not silently a regression."""
    message = refusal(frame(tmp_path, a=NUMBERS, y=[*[0, 1] * 14, 0, 7]), target="y")
    assert "class 7 of target 'y' has 1 row." in message


def test_classes_with_fewer_rows_than_parts(tmp_path: Path) -> None:
    y = [*["a", "b"] * 13, "c", "c", "d", "d"]
    message = refusal(frame(tmp_path, a=NUMBERS, y=y), target="y")
    assert "class 'c' of target 'y' has 2 rows (2 classes have too few)" in message


def test_a_target_of_texts_that_all_differ(tmp_path: Path) -> None:
    """No class is to be merged with another: these are numbers, or a wrong column."""
    texts = [f"{n} {'km' if n % 2 else 'm'}" for n in range(30)]
    message = refusal(frame(tmp_path, a=NUMBERS, y=texts), target="y")
    assert "needs numbers or classes, but holds 30 different texts in 30 rows" in message


def test_classification_of_a_continuous_target(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 300)
    file = frame(tmp_path, a=np.arange(300), y=values)
    message = refusal(file, target="y", task="classification")
    assert "300 different values in 300 rows" in message
    assert "task='regression'" in message


def test_regression_of_text_names_the_value(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=["1.5", "much", *["2"] * 28])
    message = refusal(file, target="y", task="regression")
    assert "'much' in data row 2" in message
    assert "task='classification'" in message


def test_regression_of_truth_values(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=[True, False] * 15)
    assert "holds truth values" in refusal(file, target="y", task="regression")


def test_target_of_dates(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=pd.date_range("2024-01-01", periods=ROWS))
    assert "holds dates" in refusal(file, target="y")


def test_target_of_dates_with_a_task(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=pd.date_range("2024-01-01", periods=ROWS))
    assert "holds dates" in refusal(file, target="y", task="regression")


def test_all_missing_target(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=[None] * ROWS)
    assert "all 30 of its cells are empty" in refusal(file, target="y")


def test_infinite_target(tmp_path: Path) -> None:
    y = NUMBERS.copy()
    y[3] = np.inf
    assert "'y' needs finite numbers, but 1 of 30" in refusal(
        frame(tmp_path, a=NUMBERS, y=y), target="y"
    )


def test_unknown_task(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=NUMBERS)
    assert "'ranking'" in refusal(file, target="y", task="ranking")


# Rows and features


def test_two_rows(tmp_path: Path) -> None:
    message = refusal(csv(tmp_path, "a,y\n1,2\n3,4\n"), target="y")
    assert "at least 10 rows" in message
    assert "has 2" in message


def test_all_missing_columns(tmp_path: Path) -> None:
    """One is left out with a note; a table of nothing else is refused."""
    file = frame(tmp_path, a=NUMBERS, empty=[None] * ROWS, y=NUMBERS)
    notes = load_dataset(file, target="y").notes
    assert "left out column 'empty': no value in the training rows" in notes
    file = frame(tmp_path, empty=[None] * ROWS, y=NUMBERS)
    assert "at least one column that varies" in refusal(file, target="y")


def test_infinite_values_are_named_and_counted(tmp_path: Path) -> None:
    bad = NUMBERS.copy()
    bad[[3, 7]] = np.inf, -np.inf
    message = refusal(frame(tmp_path, a=NUMBERS, bad=bad, y=NUMBERS), target="y")
    assert "'bad' needs finite numbers, but 2 of 30 values are infinite" in message


def test_infinite_word_in_csv(tmp_path: Path) -> None:
    text = "a,y\n" + "".join(f"{i},{i}\n" for i in range(ROWS)) + "inf,3\n"
    assert "1 of 31 values are infinite" in refusal(csv(tmp_path, text), target="y")


def test_a_column_of_numbers_with_typing_errors(tmp_path: Path) -> None:
    cells = [str(i) for i in range(60)]
    cells[17] = "12,5"
    text = "a,y\n" + "".join(f'"{cell}",{i}\n' for i, cell in enumerate(cells))
    message = refusal(csv(tmp_path, text), target="y")
    assert "'12,5' in data row 18" in message


def test_nested_values(tmp_path: Path) -> None:
    file = frame(tmp_path, a=[[1.0, 2.0]] * ROWS, y=NUMBERS)
    assert "'a' holds" in refusal(file, target="y")


def test_dates_at_the_ends_of_the_calendar(tmp_path: Path) -> None:
    """They are read; pandas before 3 counts in nanoseconds, and cannot hold them."""
    file = frame(tmp_path, a=[date(1, 1, 1), date(9999, 12, 31)] * 15, y=NUMBERS)
    if pd.__version__ < "3":
        message = refusal(file, target="y")
        assert re.search(r"'a' needs dates (from 1678 to 2261|like 2024-05-31)", message)
        return
    column = load_dataset(file, target="y").preprocessing.columns[0]
    days = (date(1, 1, 1).toordinal() + date(9999, 12, 31).toordinal()) / 2 - 719163
    assert isinstance(column, NumberColumn)
    assert abs(column.mean - days) < column.scale


def test_impossible_dates(tmp_path: Path) -> None:
    file = frame(tmp_path, a=["2024-05-31", "2024-02-30"] * 15, y=NUMBERS)
    assert "'2024-02-30' in data row 2" in refusal(file, target="y")


def test_a_long_value_is_shortened(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=["long " * 1000] * ROWS)
    assert "…" in refusal(file, target="y", task="regression")


def test_no_column_that_varies(tmp_path: Path) -> None:
    file = frame(tmp_path, a=[1.0] * ROWS, y=NUMBERS)
    assert "at least one column that varies" in refusal(file, target="y")


def test_huge_integers_are_infinite(tmp_path: Path) -> None:
    """pandas alone raises OverflowError; before pandas 3 it reads them as text."""
    text = "a,y\n" + "".join(f"{i},{i}\n" for i in range(ROWS)) + "9" * 400 + ",3\n"
    message = refusal(csv(tmp_path, text), target="y")
    assert "infinite" in message or "needs numbers" in message


def test_a_target_far_from_the_training_rows(tmp_path: Path) -> None:
    """In units of their deviation it is no float32."""
    y = np.arange(60.0) * 1e-300
    y[split_rows(60, seed=0)[2][0]] = 1e300
    message = refusal(frame(tmp_path, a=np.arange(60.0), y=y), target="y", task="regression")
    assert "got 1e+300, which overflows" in message


def test_a_column_name_without_end(tmp_path: Path) -> None:
    """As an open quote makes it."""
    message = refusal(csv(tmp_path, f"a,{'b' * 5000},y\n" + "1,2,3\n" * 30), target="y")
    assert "at most 1,000 characters" in message


def test_the_median_of_huge_numbers(tmp_path: Path) -> None:
    """The sum of the middle two overflows; the median does not."""
    values = np.linspace(1.5e308, 1.7e308, 60)
    found = load_dataset(frame(tmp_path, a=values, y=np.arange(60.0)), target="y")
    assert np.isfinite(found.train.x.numpy()).all()


def test_names_are_not_compared_each_with_all_others() -> None:
    """A table of tens of thousands of columns is refused, or read on, within a moment."""

    class Name(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            Name.compared += 1
            return str.__eq__(self, other)

    names = [*(Name(f"gene {i}") for i in range(1000)), Name("gene 7")]
    with pytest.raises(DataError, match="2 columns named 'gene 7'"):
        require_unique(names, "table.csv")
    assert Name.compared < 2 * len(names)
    assert names.count(Name("gene 8")) == 1
    assert Name.compared > len(names) / 2  # which would be seen: one name with all others


def test_identifiers_alone_are_named(tmp_path: Path) -> None:
    rows = "".join(f"id{i},{i}\n" for i in range(50))
    assert "('a' has no two training rows alike" in refusal(
        csv(tmp_path, "a,y\n" + rows), target="y"
    )
