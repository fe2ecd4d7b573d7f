"""What of a table is easily overlooked is said in a note, or refused with a remedy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tune_bn.training import DataError, Dataset, dataset_of, load_dataset
from tune_bn.training.learned import CategoryColumn, EncodedColumn, NumberColumn

ROWS = 200
DAYS = pd.Timestamp("2019-01-13") + pd.to_timedelta(np.arange(ROWS) * 9, "D")
VALUES = np.random.default_rng(0).uniform(900, 9000, ROWS).round(2)
Y = np.random.default_rng(1).normal(size=ROWS).round(3)
MONTHS = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]
SHORT = [
    "janv.",
    "févr.",
    "mars",
    "avr.",
    "mai",
    "juin",
    "juil.",
    "août",
    "sept.",
    "oct.",
    "nov.",
    "déc.",
]


def load(path: Path, cells: object, y: object = Y) -> Dataset:
    """Loads a CSV file with a column ``c`` of these cells."""
    file = path / "t.csv"
    pd.DataFrame({"c": cells, "other": np.arange(ROWS) % 7 * 1.5, "y": y}).to_csv(file, index=False)
    return load_dataset(file, target="y")


def said(data: Dataset, words: str) -> bool:
    return any(words in note for note in data.notes)


@pytest.mark.parametrize(
    "cells",
    [
        [f"{d.day}. {MONTHS[d.month - 1]} {d.year}" for d in DAYS],
        [f"{d.day} {SHORT[d.month - 1]} {d.year}" for d in DAYS],
        [f"{MONTHS[d.month - 1]} {d.year}" for d in DAYS],
        [f"{d.year}年{d.month}月{d.day}日" for d in DAYS],
        [f"{d.year}-W{d.week:02}" for d in DAYS],
        [f"{i % 80}° {i % 60}' N" for i in range(ROWS)],
    ],
    ids=["März", "févr.", "months", "年月日", "weeks", "degrees"],
)
def test_dates_that_are_not_known_are_said(tmp_path: Path, cells: list[str]) -> None:
    assert said(load(tmp_path, cells), "left column 'c' as text")


@pytest.mark.parametrize(
    "cells",
    [
        [f"flat {i}" for i in range(ROWS)],
        [f"ABC-{i % 50}" for i in range(ROWS)],
        [f"{i} {chr(97 + i % 26)}{chr(97 + i // 26)} street {i % 9}" for i in range(ROWS)],
    ],
    ids=["flats", "codes", "addresses"],
)
def test_names_with_numbers_in_them_are_names(tmp_path: Path, cells: list[str]) -> None:
    """The counter-test: nothing is said of text that is meant as text."""
    assert not said(load(tmp_path, cells), "left column 'c' as text")


@pytest.mark.parametrize("every", [200, 20, 12])
@pytest.mark.parametrize(
    ("write", "slip", "what"),
    [
        (lambda v, d: f"${v:,.2f}", "$1,2x4.50", "numbers"),
        (lambda v, d: f"${v:,.2f}", "$1.234,50", "numbers"),
        (lambda v, d: f"{v:.2f}".replace(".", ","), "12.5", "numbers"),
        (lambda v, d: f"{v * 1000:,.0f}".replace(",", "."), "1.2O4.500", "numbers"),
        (lambda v, d: f"{v / 100:.1f}%", "60.9", "numbers"),
        (lambda v, d: f"${v:,.2f}", "1234.50", "numbers"),
        (lambda v, d: d.strftime("%d/%m/%Y"), "31/02/2021", "dates"),
        (lambda v, d: d.strftime("%d-%m-%y"), "31-02-21", "dates"),
        (lambda v, d: d.strftime("%m/%d/%Y"), "2021-02-03", "dates"),
    ],
)
def test_a_slip_among_numbers_or_dates_is_refused_at_its_place(
    tmp_path: Path, write: Callable[[float, pd.Timestamp], str], slip: str, what: str, every: int
) -> None:
    """However the rest is written; one cell does not make categories of the column."""
    cells = [write(v, d) for v, d in zip(VALUES, DAYS, strict=True)]
    cells[3::every] = [slip] * len(cells[3::every])
    with pytest.raises(DataError, match=rf"needs {what}, as in \d+ of its rows.* in data row 4"):
        load(tmp_path, cells)


def test_a_price_as_in_india_is_not_negative(tmp_path: Path) -> None:
    data = load(tmp_path, [f"Rs. {v:,.0f}/-" for v in VALUES], y=VALUES)
    column = data.preprocessing.columns[0]
    assert isinstance(column, NumberColumn)
    assert column.mean > 0


@pytest.mark.parametrize(
    ("cells", "y"),
    [
        (np.exp(VALUES / 4000), VALUES),
        (VALUES, np.where(VALUES > 5000, "dear", "cheap")),
        (-VALUES, np.digitize(VALUES, [3000, 6000])),
    ],
    ids=["another scale", "a threshold", "two thresholds"],
)
def test_a_column_that_decides_the_target_is_said(tmp_path: Path, cells: object, y: object) -> None:
    assert said(load(tmp_path, cells, y), "column 'c' alone tells the target")


def test_a_column_that_nearly_decides_the_target_is_not(tmp_path: Path) -> None:
    """The counter-test, with one row on the other side."""
    classes = np.where(VALUES > 5000, "dear", "cheap")
    classes[VALUES.argmax()] = "cheap"
    assert not said(load(tmp_path, VALUES, classes), "alone tells")


def test_numbers_that_are_one_are_said(tmp_path: Path) -> None:
    data = load(tmp_path, VALUES, np.array(["1", "01", "1.0", "2"] * 50))
    assert said(data, "in target 'y' '01' and '1' and '1.0' are different")


def test_a_sum_below_the_rows_is_said(tmp_path: Path) -> None:
    assert said(load(tmp_path, ["a", "b"] * 99 + ["a", "Total"]), "'Total' in the last row")


def test_sums_between_the_rows_are_said(tmp_path: Path) -> None:
    cells = ["a", "b"] * 100
    cells[50::50] = ["Subtotal"] * 3
    assert said(load(tmp_path, cells), "column 'c' says 'Subtotal' in 3 rows")
    cells[::2] = ["total"] * 100
    assert not said(load(tmp_path, cells), "column 'c' says")  # of so many, none is a sum


@pytest.mark.parametrize("cell", [lambda i: f"house {i}", lambda i: 1900 + i])
def test_cells_that_were_merged_are_said(tmp_path: Path, cell: Callable[[int], object]) -> None:
    """A spreadsheet keeps them in the first row of each group."""
    merged = [cell(i // 4) if i % 4 == 0 else None for i in range(ROWS)]
    assert said(load(tmp_path, merged), "column 'c' is empty below each cell that is filled")
    random = np.where(np.random.default_rng(0).random(ROWS) < 0.25, 7.5, np.nan)
    random[0] = 7.5
    assert not said(load(tmp_path, random), "is empty below")


def test_versions_are_said(tmp_path: Path) -> None:
    """1.10 comes after 1.9, and is 1.1 as a number."""
    assert said(load(tmp_path, [f"1.{i % 30}" for i in range(ROWS)]), "'1.1' and '1.10', which are")
    assert not said(load(tmp_path, [f"{v:.2f}" for v in VALUES / 100]), "which are one number")
    assert not said(load(tmp_path, [f"1.{i % 9}" for i in range(ROWS)]), "which are one number")


def test_codes_with_an_e_are_said(tmp_path: Path) -> None:
    codes = [f"{i % 9 + 1}E{i % 7}" for i in range(ROWS)]
    assert said(load(tmp_path, codes), "'1E0' as 1: if these are codes, use --category c")
    assert not said(load(tmp_path, [f"{v:.2e}" for v in VALUES]), "if these are codes")


@pytest.mark.parametrize("many", [["ja", "Yes", "nein"], ["1", "yes", "no"], ["x", "y", "n", "no"]])
def test_yes_and_no_in_several_ways_are_said(tmp_path: Path, many: list[str]) -> None:
    assert said(load(tmp_path, np.resize(many, ROWS)), "are different")
    assert not said(load(tmp_path, np.resize(["ja", "nein"], ROWS)), "are different")
    assert not said(load(tmp_path, np.resize([*many, "unsure"], ROWS)), "are different")


def test_years_of_two_digits_may_come_first(tmp_path: Path) -> None:
    """24-05-03 is of 2024 or of 2003, and nobody can tell; 85-05-03 is of 1985."""
    data = load(tmp_path, [d.strftime("%y-%m-%d") for d in DAYS])
    assert said(data, "left column 'c' as text: '19-01-13' could be %y-%m-%d or %d-%m-%y")
    early = [(d - pd.DateOffset(years=25)).strftime("%y-%m-%d") for d in DAYS]
    assert said(load(tmp_path, early), "'94-01-13' by the format %y-%m-%d")
    late = [d.strftime("%d-%m-%y") for d in DAYS]
    assert said(load(tmp_path, late), "'13-01-19' by the format %d-%m-%y")


def test_a_second_line_of_names_is_refused_as_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"got 'kg' in data row 1\. Remove row 1 if it is a second"):
        load(tmp_path, ["kg", *VALUES[1:]])


def test_minus_one_far_from_all_else_is_said(tmp_path: Path) -> None:
    assert said(load(tmp_path, np.where(np.arange(ROWS) % 9, 100 + Y, -1)), "holds -1 in 23 rows")


@pytest.mark.parametrize("value", [-999.0, 1e20])
def test_a_target_far_from_all_else_is_said(tmp_path: Path, value: float) -> None:
    """A stand-in for "unknown" would decide every score."""
    data = load(tmp_path, VALUES, np.where(np.arange(ROWS) % 9, Y, value))
    assert said(data, f"target 'y' holds {value:g} in 23 rows, far from all else")
    assert not said(load(tmp_path, VALUES), "far from all else")


def test_a_single_value_very_far_from_all_else_is_said(tmp_path: Path) -> None:
    """As after a slip of the keys; what is only the largest of a long tail is not."""
    values = VALUES.copy()
    values[9] = 5e7
    assert said(load(tmp_path, values), "column 'c' holds 5e+07 in 1 row, far from all else")
    tail = np.exp(np.random.default_rng(2).normal(size=ROWS) * 3)
    assert not said(load(tmp_path, tail), "far from all else")


def test_a_quote_that_is_not_closed_is_said(tmp_path: Path) -> None:
    """It swallows a row; a cell of several lines does not."""
    file = tmp_path / "t.csv"
    rows = [f'{v},"a{i % 3}",{y}' for i, (v, y) in enumerate(zip(VALUES, Y, strict=True))]
    rows[20] = rows[20].replace('",', ",")
    file.write_text("\n".join(["c,t,y", *rows]))
    assert said(load_dataset(file, target="y"), "in data row 21: if these are rows, a quote")
    rows[20] = rows[19].replace('"a', '"a\n')
    file.write_text("\n".join(["c,t,y", *rows]))
    assert not said(load_dataset(file, target="y"), "a quote")


def test_a_byte_order_mark_written_twice_is_no_part_of_a_name(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    table = "y,c\n" + "\n".join(f"{a},{b}" for a, b in zip(Y, VALUES, strict=True))
    file.write_bytes(2 * b"\xef\xbb\xbf" + table.encode())
    assert [column.name for column in load_dataset(file, target="y").preprocessing.columns] == ["c"]


def test_categories_of_numbers_stay_categories_in_parquet(tmp_path: Path) -> None:
    """pandas says so beside the table, where Parquet itself knows numbers only."""
    codes = pd.Categorical(np.arange(ROWS) % 40)
    table = pd.DataFrame({"c": codes, "other": VALUES, "y": Y})
    table.to_parquet(tmp_path / "t.parquet")
    of_file = load_dataset(tmp_path / "t.parquet", target="y").preprocessing
    assert isinstance(of_file.columns[0], CategoryColumn | EncodedColumn)
    assert of_file == dataset_of(table, target="y").preprocessing


def test_lists_in_a_data_frame_are_refused_by_name() -> None:
    table = pd.DataFrame({"c": [[1, 2]] * ROWS, "y": Y})
    with pytest.raises(DataError, match="column 'c' holds"):
        dataset_of(table, target="y")


def test_a_group_with_nearly_all_rows_is_said(tmp_path: Path) -> None:
    """Then the parts are far from 60, 20 and 20 %."""
    file = tmp_path / "t.csv"
    table = pd.DataFrame({"g": np.maximum(np.arange(ROWS) - 180, 0), "c": VALUES, "y": Y})
    table.to_csv(file, index=False)
    assert said(load_dataset(file, target="y", group="g"), "one 'g' has 181 of 200 rows")
    table.assign(g=np.arange(ROWS) // 10).to_csv(file, index=False)
    assert not said(load_dataset(file, target="y", group="g"), "one 'g' has")


def split(path: Path, options: dict[str, str], **columns: object) -> Dataset:
    """Loads a CSV file of these columns as asked for."""
    table = pd.DataFrame({"c": VALUES, **columns, **({} if "y" in columns else {"y": Y})})
    table.to_csv(path / "t.csv", index=False)
    return load_dataset(path / "t.csv", target="y", **options)  # type: ignore[arg-type]


def test_a_part_without_a_class_is_said(tmp_path: Path) -> None:
    """The future may hold none of it."""
    classes = np.where((np.arange(ROWS) > 110) | (np.arange(ROWS) % 2 == 0), "a", "b")
    data = split(tmp_path, {"split": "time"}, y=classes)
    assert said(data, "no validation row is of class 'b'")
    assert said(data, "no test row is of class 'b'")
    assert not said(split(tmp_path, {}, y=classes), "row is of class")


def test_groups_that_are_one_word_or_no_groups_are_said(tmp_path: Path) -> None:
    towns = ["Ann", "ann ", "Bob", "Eve", "Kim", "Lee", "Max", "Pia"] * 25
    assert said(split(tmp_path, {"group": "g"}, g=towns), "groups 'g' 'Ann' and 'ann ' are")
    each = split(tmp_path, {"group": "g"}, g=np.arange(ROWS))
    assert said(each, "no two rows have one 'g'")


def test_weights_of_which_one_decides_are_said(tmp_path: Path) -> None:
    data = split(tmp_path, {"weights": "w"}, w=np.where(np.arange(ROWS) == 3, 1e6, 1.0))
    assert said(data, "200 rows tell no more than 1 of one weight")
    mild = split(tmp_path, {"weights": "w"}, w=np.arange(ROWS) % 5 + 1)
    assert not said(mild, "tell no more")


def test_a_word_for_missing_that_no_cell_holds_is_said(tmp_path: Path) -> None:
    """As -99 in a file that has types, where it is a number."""
    table = pd.DataFrame({"c": np.where(np.arange(ROWS) % 9, VALUES, -99.0), "y": Y})
    table.to_parquet(tmp_path / "t.parquet")
    data = load_dataset(tmp_path / "t.parquet", target="y", missing=("-99",))
    assert said(data, "no text of the table is '-99', which --missing names")
    table.astype(str).assign(c=np.where(np.arange(ROWS) % 9, "1.5", "-99")).to_csv(
        tmp_path / "t.csv", index=False
    )
    assert not said(load_dataset(tmp_path / "t.csv", target="y", missing=("-99",)), "no text")


def test_a_file_that_was_cut_short_is_said(tmp_path: Path) -> None:
    split(tmp_path, {}, d=np.arange(ROWS) % 3)
    file = tmp_path / "t.csv"
    whole = file.read_text().rstrip()
    assert not said(load_dataset(file, target="c"), "cut short")
    file.write_text(whole[: whole.rindex(",")])
    assert said(load_dataset(file, target="c"), "the last row has 2 of 3 cells")
