"""Tables as people have them: used for what they are, and what was done is said in the notes."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tune_bn.training import DataError, Dataset, Preprocessing, dataset_of, load_dataset
from tune_bn.training.learned import CategoryColumn, EncodedColumn, NumberColumn
from tune_bn.training.tables import read_rows

ROWS = 500


def load(path: Path, suffix: str = "csv", **columns: Any) -> Dataset:
    """Writes a table with a target ``y`` and loads it."""
    options = {k: columns.pop(k) for k in ("missing", "categories", "task") if k in columns}
    table = pd.DataFrame({**columns})
    file = path / f"t.{suffix}"
    table.to_csv(file, index=False) if suffix == "csv" else table.to_parquet(file)
    return load_dataset(file, target="y", **options)


def r2_of_ridge(data: Dataset) -> float:
    """Returns how well a linear model of the inputs predicts the test rows."""
    from sklearn.linear_model import Ridge

    train, test = data.train, data.test
    model = Ridge().fit(train.x.numpy(), train.y.numpy())
    return float(model.score(test.x.numpy(), test.y.numpy()))


VALUES = np.random.default_rng(0).uniform(900, 9000, ROWS).round(2)
FORMS = {
    "plain": [f"{v}" for v in VALUES],
    "1,234": [f"{v:,.0f}" for v in VALUES],
    "$1,234.50": [f"${v:,.2f}" for v in VALUES],
    "12.3%": [f"{v / 100:.1f}%" for v in VALUES],
    "5 kg": [f"{v:.0f} kg" for v in VALUES],
    "1 234": [f"{v:,.0f}".replace(",", " ") for v in VALUES],
    "1.234 beside 934": [f"{v - 800:,.0f}".replace(",", ".") for v in VALUES],
    "1234,5": [f"{v:.1f}".replace(".", ",") for v in VALUES],
    "a gap sign": ["-" if i % 9 == 0 else f"{v}" for i, v in enumerate(VALUES)],
    "1h 5m": [f"{int(v) // 60}h {int(v) % 60}m" if v > 999 else f"PT{v:.0f}M" for v in VALUES],
    "100:30:00": [f"{int(v) // 60}:{int(v) % 60:02}:00" for v in VALUES],
    "blanks": [" " if i % 9 == 0 else f"{v}" for i, v in enumerate(VALUES)],
}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("form", FORMS)
def test_numbers_are_numbers_however_they_are_written(
    tmp_path: Path, form: str, suffix: str
) -> None:
    """As an input they explain the target; as a target they are a number to predict."""
    data = load(tmp_path, suffix, c=FORMS[form], y=VALUES)
    column = data.preprocessing.columns[0]
    assert isinstance(column, NumberColumn)
    assert r2_of_ridge(data) > (0.8 if form in ("a gap sign", "blanks") else 0.99)
    said = any("'c'" in note for note in data.notes if "alone tells the target" not in note)
    assert said == (form not in ("plain", "blanks"))
    as_target = load(tmp_path, suffix, c=VALUES, y=FORMS[form])
    assert as_target.task == "regression"
    assert r2_of_ridge(as_target) > 0.99


@pytest.mark.parametrize("form", FORMS)
def test_how_a_column_is_written_goes_with_the_model(tmp_path: Path, form: str) -> None:
    learned = load(tmp_path, c=FORMS[form], y=VALUES).preprocessing
    again = Preprocessing.from_json(learned.to_json())
    assert again == learned
    rows = pd.DataFrame({"c": FORMS[form]})
    assert torch.equal(again.transform(rows), learned.transform(rows))


@pytest.mark.parametrize("type_", ["timedelta64[us]", "duration[us][pyarrow]", object])
def test_durations_of_a_table_with_types(tmp_path: Path, type_: Any) -> None:
    """They are seconds, as those in text are; where numbers are known, they are none."""
    spans = pd.Series([timedelta(seconds=value) for value in VALUES]).astype(type_)
    data = dataset_of(pd.DataFrame({"c": spans, "n": VALUES, "y": VALUES}), target="y")
    assert "read column 'c' as numbers: its durations in seconds" in data.notes
    assert r2_of_ridge(data) > 0.99
    learned, span = data.preprocessing, timedelta(minutes=125)
    row: dict[str, object] = {"c": "2h 5m", "n": 2000.0}
    assert torch.equal(learned.transform(row), learned.transform({**row, "c": span}))
    with pytest.raises(DataError, match="'n' needs numbers, but got"):
        learned.transform({**row, "n": span})


def test_a_plain_table_is_recorded_as_before(tmp_path: Path) -> None:
    """Earlier versions read the files of tables that need nothing new."""
    text = load(tmp_path, a=VALUES, b=["x", "y"] * 250, y=VALUES).preprocessing.to_json()
    for later in ("style", "date_format", "gaps", "indicator", "missing", "least"):
        assert later not in text


@pytest.mark.parametrize(
    ("form", "is_date"),
    [
        ("%Y-%m-%d", True),
        ("%m/%d/%Y", True),
        ("%d.%m.%Y", True),
        ("%Y/%m/%d", True),
        ("%d-%b-%y", True),
    ],
)
def test_dates_that_can_be_read_in_one_way(tmp_path: Path, form: str, is_date: bool) -> None:
    days = pd.Timestamp("2022-01-01") + pd.to_timedelta(np.arange(ROWS), "D")
    data = load(tmp_path, c=days.strftime(form), y=np.arange(ROWS) * 1.0)
    column = data.preprocessing.columns[0]
    assert isinstance(column, NumberColumn)
    assert column.date == is_date
    assert r2_of_ridge(data) > 0.99


def test_dates_that_can_be_read_in_two_ways_are_left(tmp_path: Path) -> None:
    """No day is above 12: the note says how to write them."""
    cells = [f"{i % 12 + 1:02}/{i % 5 + 1:02}/2024" for i in range(ROWS)]
    data = load(tmp_path, c=cells, a=VALUES, y=VALUES)
    assert any("could be %d/%m/%Y or %m/%d/%Y" in note for note in data.notes)


def test_a_word_for_missing_among_the_classes_is_said(tmp_path: Path) -> None:
    """And kept where that is asked for."""
    classes = ["None", "fell", "rose"] * 20
    data = load(tmp_path, a=np.arange(60.0), y=classes)
    assert data.classes == ("fell", "rose")
    assert any(
        "left out 20 of 60 rows" in n and "'None' in 20" in n and "--missing ''" in n
        for n in data.notes
    )
    kept = load(tmp_path, a=np.arange(60.0), y=classes, missing=())
    assert kept.classes == ("None", "fell", "rose")
    assert kept.fingerprint != data.fingerprint


def test_a_word_for_missing_among_categories_is_said(tmp_path: Path) -> None:
    cells = ["NA", "gravel", "paved"] * 20
    data = load(tmp_path, alley=cells, y=np.arange(60.0))
    assert "alley=NA" not in data.preprocessing.feature_names
    assert any(
        "took 'NA' for a missing value in 20 cells of column 'alley'" in n for n in data.notes
    )
    kept = load(tmp_path, alley=cells, y=np.arange(60.0), missing=["-"])
    assert "alley=NA" in kept.preprocessing.feature_names


def test_labels_come_back_as_they_were_written(tmp_path: Path) -> None:
    data = load(tmp_path, a=np.arange(90.0), y=["01", "02", "10"] * 30)
    assert data.classes == ("01", "02", "10")


def test_a_column_can_be_made_categories(tmp_path: Path) -> None:
    """Numbers by name, and words among numbers that would be refused."""
    cells = [*map(str, range(1, 31)), "lobby"] * 10
    with pytest.raises(DataError, match="needs numbers, as in 300 of its rows.*--category"):
        load(tmp_path, floor=cells, y=np.arange(310.0))
    data = load(tmp_path, floor=cells, y=np.arange(310.0), categories=["floor"])
    assert "floor=lobby" in data.preprocessing.feature_names
    with pytest.raises(DataError, match="has no 'flor'"):
        load(tmp_path, floor=cells, y=np.arange(310.0), categories=["flor"])


def test_a_hundred_towns_are_kept(tmp_path: Path) -> None:
    """Each has twelve training rows, and an input of its own."""
    draw = np.random.default_rng(0)
    effect = np.repeat(draw.normal(size=100), 20)
    data = load(
        tmp_path,
        city=np.repeat([f"city {i}" for i in range(100)], 20),
        y=effect + 0.1 * draw.normal(size=2000),
    )
    assert data.n_features == 100
    assert r2_of_ridge(data) > 0.95


@pytest.mark.parametrize("task", ["regression", "two classes", "three classes"])
def test_very_many_categories_are_encoded_by_the_target(tmp_path: Path, task: str) -> None:
    """They tell of the target, and where they do not, the training rows do not pretend so."""
    draw = np.random.default_rng(0)
    town = draw.integers(0, 150, 1000)
    noise = draw.integers(0, 400, 1000)
    effect = draw.normal(size=150)[town] + 0.1 * draw.normal(size=1000)
    y: Any = effect
    if task != "regression":
        y = np.digitize(effect, [0.0] if task == "two classes" else [-0.4, 0.4]).astype(str)
        y = np.char.add("class ", y)
    data = load(tmp_path, town=[f"t{i}" for i in town], noise=[f"n{i}" for i in noise], y=y)
    width = 3 if task == "three classes" else 1
    assert data.n_features == 2 * width
    assert all(isinstance(c, EncodedColumn) for c in data.preprocessing.columns)
    assert sum("each is used as its mean target" in note for note in data.notes) == 2
    y_train = data.train.y.double() if task == "regression" else (data.train.y == 0).double()
    y_test = data.test.y.double() if task == "regression" else (data.test.y == 0).double()

    def correlation(x: torch.Tensor, y: torch.Tensor) -> float:
        return abs(float(torch.corrcoef(torch.stack([x.double(), y]))[0, 1]))

    assert correlation(data.test.x[:, 0], y_test) > 0.6
    assert correlation(data.train.x[:, 0], y_train) > 0.6
    # Without cross-fitting 400 names of 600 rows would seem to explain most of the target.
    assert correlation(data.train.x[:, width], y_train) < 0.25
    again = Preprocessing.from_json(data.preprocessing.to_json())
    assert again == data.preprocessing
    inputs, unknown = again.transform_noting({"town": "new", "noise": None})
    assert [each.column for each in unknown] == ["town"]
    assert torch.isfinite(inputs).all()


def test_a_column_tells_where_its_gaps_are(tmp_path: Path) -> None:
    """Where they are frequent: that a value is missing may be what matters."""
    gone = np.arange(ROWS) % 4 == 0
    data = load(
        tmp_path,
        a=np.where(gone, np.nan, VALUES),
        b=[None if g else "xy"[i % 2] for i, g in enumerate(gone)],
        c=np.where(np.arange(ROWS) == 7, np.nan, VALUES),
        y=gone * 1.0 + 0.01 * VALUES / 9000,
    )
    names = data.preprocessing.feature_names
    assert names == ("a", "a is missing", "b=x", "b=y", "b is missing", "c")
    assert r2_of_ridge(data) > 0.99
    row = data.preprocessing.transform({"a": None, "b": None, "c": 5000.0})[0]
    assert row[[1, 4]].tolist() == [1.0, 1.0]
    assert isinstance(data.preprocessing.columns[1], CategoryColumn)


NUMBERS = np.random.default_rng(1).normal(size=ROWS).round(3)
DOUBTFUL = {
    "spelling": (np.resize(["yes", "Yes", "no "], ROWS), "'Yes' and 'yes' are different"),
    "dates": (
        [f"2024-05-{i % 28 + 1:02}" if i % 2 else f"{i % 28 + 1:02}/05/2024" for i in range(ROWS)],
        "its dates are written in several ways",
    ),
    "numbers": (
        [f"{i % 70}m" if i % 2 else f"{i % 70 + 1}k" for i in range(ROWS)],
        "its numbers are written in several ways ('1k', '1m', '3k' and",
    ),
    "stand-in": (np.where(np.arange(ROWS) % 9, NUMBERS, -999), "-999 in 56 rows, far from"),
    "row numbers": (np.random.default_rng(2).permutation(ROWS) + 70_000, "counts the rows"),
    "huge numbers": (
        np.random.default_rng(2).permutation(ROWS) * 10**6 + 2**60,
        "has numbers above 2**53, another in each row, and is used as a number",
    ),
    "dates as numbers": (
        [f"{20200101 + 100 * (i % 12) + i % 28}" for i in range(ROWS)],
        "holds numbers like 20200101: if they are dates, write them as 2024-05-31",
    ),
    "Unix times": (
        [1_700_000_000 + 977 * (i % 300) for i in range(ROWS)],
        "holds numbers like 1700000000: if they count time from 1970 on",
    ),
    "Unix times in milliseconds": (
        [1_700_000_000_000 + 977 * (i % 300) for i in range(ROWS)],
        "holds numbers like 1700000000000: if they count time from 1970 on",
    ),
    "times of which some have a zone": (
        [f"2024-05-{i % 28 + 1:02}T13:30{'' if i % 9 else '+02:00'}" for i in range(ROWS)],
        "has a time zone in 56 of 500 times; the others, like '2024-05-02T13:30', are read as UTC",
    ),
    "a stand-in of 1e20": (np.where(np.arange(ROWS) % 9, NUMBERS, 1e20), "1e+20 in 56 rows"),
    "a stand-in in people's numbers": (
        [f"{v:.3f}".replace(".", ",") if i % 9 else "-999" for i, v in enumerate(NUMBERS)],
        "-999 in 56 rows, far from all else",
    ),
    "a stand-in among dates": (
        ["1900-01-01" if i % 9 == 0 else f"2024-05-{i % 28 + 1:02}" for i in range(ROWS)],
        "1900-01-01 in 56 rows, far from all else",
    ),
    "the target in another unit": (NUMBERS * 1.8 + 32, "alone tells the target of every row"),
    "durations": (
        [f"{24 + i % 70}:{i % 60:02}" for i in range(ROWS)],
        "'24:00' is no number or date that is known here",
    ),
}


if int(pd.__version__.split(".")[0]) >= 3:  # an earlier pandas has no such day: it is refused
    DOUBTFUL["the last of all days"] = (
        ["9999-12-31" if i % 9 == 0 else f"2024-05-{i % 28 + 1:02}" for i in range(ROWS)],
        "9999-12-31 in 56 rows, far from all else",
    )


@pytest.mark.parametrize("what", DOUBTFUL)
def test_what_is_seldom_meant_is_said(tmp_path: Path, what: str) -> None:
    """The column is used as it is; a person who did not mean it learns of it."""
    cells, words = DOUBTFUL[what]
    notes = load(tmp_path, c=cells, y=NUMBERS).notes
    assert [words in note and "column 'c'" in note for note in notes].count(True) == 1


@pytest.mark.parametrize(
    ("name", "first", "words"),
    [
        ("order_date", 44_927, ["'order_date' holds numbers like 44927: if they are a spread"]),
        ("Zip Code", 94_100, ["'Zip Code' holds numbers like 94100: if near ones are not alike"]),
        ("price", 44_927, []),
    ],
)
def test_numbers_that_their_name_tells_to_be_something_else(
    tmp_path: Path, name: str, first: int, words: list[str]
) -> None:
    """A spreadsheet's days and the codes of places; other numbers as large are numbers."""
    columns: dict[str, Any] = {name: np.resize(np.arange(first, first + 90), ROWS), "y": NUMBERS}
    notes = [note for note in load(tmp_path, **columns).notes if "holds numbers like" in note]
    assert len(notes) == len(words)
    assert all(said in note for said, note in zip(words, notes, strict=True))


@pytest.mark.parametrize("time", ["2024-05-{:02}T13:30Z", "2024-05-{:02} 5:06 PM", "{:02}/05/2024"])
def test_times_that_all_have_a_zone_or_none_are_plain(tmp_path: Path, time: str) -> None:
    cells = [time.format(i % 28 + 1) for i in range(ROWS)]
    assert not any("UTC" in note for note in load(tmp_path, c=cells, y=NUMBERS).notes)


@pytest.mark.parametrize("label", ["?", "unknown", " "])
def test_a_sign_for_no_value_that_is_a_class_is_said(tmp_path: Path, label: str) -> None:
    data = load(tmp_path, "parquet", c=NUMBERS, y=np.resize([label, "a", "b"], ROWS))
    assert label in (data.classes or ())
    assert any(f"{label!r} is a class of target 'y'" in note for note in data.notes)


@pytest.mark.parametrize("codes", [["n", "y"], [0, 1], ["0,5", "1,5"]])
def test_a_column_that_is_the_class_in_other_words_is_said(tmp_path: Path, codes: Any) -> None:
    classes = np.resize(["no", "yes"], ROWS)
    notes = load(tmp_path, c=np.resize(codes, ROWS), y=classes).notes
    assert any("column 'c' alone tells the target of every row" in note for note in notes)
    notes = load(tmp_path, c=[*np.resize(codes, ROWS - 1), codes[0]], y=classes).notes
    assert not any("tells the target" in note for note in notes)


def test_classes_that_differ_in_case_or_blanks_are_said(tmp_path: Path) -> None:
    """They stay what they are; usually they are one."""
    notes = load(tmp_path, c=NUMBERS, y=np.resize(["yes", "Yes ", "no", "no"], ROWS)).notes
    assert any("in target 'y' 'Yes ' and 'yes' are different" in note for note in notes)


@pytest.mark.parametrize(
    "cells",
    [
        np.resize(["yes", "no"], ROWS),
        np.resize(["flat 12", "flat 13", "12/05"], ROWS),
        np.resize([f"{kind}{n}" for n in range(15) for kind in ("ABC", "XYZ")], ROWS),
        np.resize([f"{row}{seat}" for row in range(9, 17) for seat in "ABCF"], ROWS),
        np.where(np.arange(ROWS) % 9, NUMBERS * 1000, -999),
        np.arange(ROWS) * 2,
        np.resize([97, 98, 99], ROWS),
    ],
)
def test_what_is_plain_is_not_doubted(tmp_path: Path, cells: Any) -> None:
    """A note too many hides the others."""
    assert not any("'c'" in note for note in load(tmp_path, c=cells, y=NUMBERS).notes)


def test_the_example_of_a_note_is_one_that_needs_it(tmp_path: Path) -> None:
    """Of a column in which only the minus is special, a negative number."""
    cells = [f"{v}".replace("-", "−") for v in sorted(NUMBERS, reverse=True)]
    notes = load(tmp_path, c=cells, y=NUMBERS).notes
    assert any("read column 'c' as numbers: '−" in note for note in notes)


def test_commas_are_decimal_signs_where_the_file_says_so(tmp_path: Path) -> None:
    """A whole column of 1,126 and 7,593 is in thousands or in thousandths."""
    cells = [f"{v:,.0f}" for v in VALUES + 1000]
    for separator, other, scale in ((";", "12,5", 1e-3), (";", "12.5", 1.0), ("\t", "12", 1.0)):
        rows = "".join(f"{c}{separator}{other}{separator}{i}\n" for i, c in enumerate(cells))
        (tmp_path / "t.csv").write_text(separator.join("coy") + "\n" + rows)
        data = load_dataset(tmp_path / "t.csv", target="y")
        column = data.preprocessing.columns[0]
        assert isinstance(column, NumberColumn)
        assert 1000 * scale < column.mean < 10_000 * scale
        assert any("read column" in note and "'c'" in note for note in data.notes)


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("Preis, brutto;Menge;y", "{i}.5;3;{i}"),
        ("Preis, brutto;Menge;y", "{i},5;{i};{i}"),
        ("Preis, brutto\tMenge\ty", "{i},5\t{i}\t{i}"),
        ("Preis, brutto;y", "{i},5;{i}"),
        ("sep=;\nPreis, brutto;y", "{i};{i}"),
        ("sep=\t\r\nPreis, brutto\ty", "{i}\t{i}"),
        ("\ufeffsep=,\r\nPreis brutto,y", "{i},{i}"),
        ('"sep=;"\nPreis brutto;y', "{i};{i}"),
    ],
)
def test_what_is_between_the_cells_is_found(tmp_path: Path, head: str, row: str) -> None:
    """A comma in a name, or Excel's line for itself, do not hide it; predict reads the same."""
    rows = "\n".join(row.replace("{i}", str(i)) for i in range(50))
    (tmp_path / "t.csv").write_text(f"{head}\n{rows}\n", newline="")
    data = load_dataset(tmp_path / "t.csv", target="y")
    assert data.preprocessing.columns[0].name.startswith("Preis")
    assert len(read_rows(tmp_path / "t.csv").table) == 50


def test_a_comma_file_with_lists_is_cut_at_commas(tmp_path: Path) -> None:
    rows = "".join(f"{i},52.{i};13.4,{i}\n" for i in range(50))
    (tmp_path / "t.csv").write_text("id,lat;lon,y\n" + rows)
    names = [c.name for c in load_dataset(tmp_path / "t.csv", target="y").preprocessing.columns]
    assert names == ["id", "lat;lon"]


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S UTC", "%a, %d %b %Y %H:%M:%S GMT"])
def test_universal_time_by_its_name(tmp_path: Path, form: str) -> None:
    days = pd.Timestamp("2022-01-01") + pd.to_timedelta(np.arange(ROWS), "D")
    column = load(tmp_path, c=days.strftime(form), y=VALUES).preprocessing.columns[0]
    assert isinstance(column, NumberColumn)
    assert column.date
