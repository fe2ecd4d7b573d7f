"""What `tune-bn predict` says of rows of which the model can say little."""

import signal
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner, Result

from tune_bn.cli import app
from tune_bn.training import Config, DataError, Preprocessing, load_dataset
from tune_bn.training.fit import build_model
from tune_bn.training.learned import NumberColumn
from tune_bn.training.model_file import RowsWarning, load_model, save_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an untrained model of a number, a category and a date."""
    folder = tmp_path_factory.mktemp("model")
    table = pd.DataFrame(
        {
            "size": np.arange(40) * 1.5,
            "town": ["Rome", "Oslo"] * 20,
            "day": pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d"),
            "country": "DE",
            "year": 2024,
            "y": np.sin(np.arange(40.0)),
        }
    )
    table.to_csv(folder / "t.csv", index=False)
    data = load_dataset(folder / "t.csv", target="y")
    torch.manual_seed(0)
    network = build_model(Config(), data.n_features, data.n_outputs).eval()
    save_model(folder / "model.pt", model_config=Config(), model=network, dataset=data, metrics={})
    return folder / "model.pt"


def predict(model: Path, folder: Path, rows: str, *options: str) -> Result:
    """Returns how the command ended on a CSV file of these lines."""
    (folder / "rows.csv").write_text(rows)
    words = ["predict", "--model", model, "--data", folder / "rows.csv", "--out", folder / "p.csv"]
    return CliRunner().invoke(app, [*map(str, words), *options])


def test_rows_without_any_value_are_counted(model: Path, tmp_path: Path) -> None:
    """They have an answer like any row, which says nothing of them."""
    rows = "size,town,day\n3,Rome,2024-01-05\nNA, ,\n,,\n"
    first = predict(model, tmp_path, rows, "--strict")
    assert first.exit_code == 0, first.output
    assert "note: 2 of 3 rows hold no value that the model knows of" in first.stderr
    result = predict(model, tmp_path, "size,town,day\n3,,\n,Rome,\n")
    assert result.exit_code == 0
    assert "hold no value" not in result.stderr


FAR = "size,town,day\n5850,Rome,2024-01-05\n1e9,Oslo,1970-01-01\n3,Oslo,2024-03-30\n"


def test_numbers_and_dates_far_outside_are_counted(model: Path, tmp_path: Path) -> None:
    """Cents where euros were learned of, 1970 for an unknown day: the answer is a guess."""
    result = predict(model, tmp_path, FAR)
    assert result.exit_code == 0, result.output
    assert (
        "note: size: 2 of 3 values lie far outside of the 0 … 57 of the training rows "
        "(5850, 1e+09); check their unit" in result.stderr
    )
    assert (
        "note: day: 2 of 3 values lie far outside of the 2024-01-01 … 2024-02-08 of the training "
        "rows (1970-01-01, 2024-03-30)" in result.stderr
    )
    refused = predict(model, tmp_path, FAR, "--strict")
    assert refused.exit_code == 2
    assert "needs values that the model knows, but size: 2 of 3 values lie" in refused.stderr
    with pytest.warns(RowsWarning, match="size: 1 of 1 values lies far outside"):
        load_model(model).predict({"size": -60.0, "town": "Oslo", "day": None})


def test_another_value_than_the_only_one_is_counted(model: Path, tmp_path: Path) -> None:
    """A column of one value is no input: what the model says of another country is a guess."""
    head = "size,town,day,country,year\n"
    rows = f"{head}3,Rome,2024-01-05,FR,2024.0\n3,Rome,2024-01-05,DE,2025\n3,Rome,2024-01-05,,\n"
    result = predict(model, tmp_path, rows, "--strict")
    assert result.exit_code == 0, result.output
    assert "country: 1 of 3 values is not 'DE', the only one of the training rows ('FR')" in (
        result.stderr
    )
    assert "year: 1 of 3 values is not '2024', the only one of the" in result.stderr
    early = Preprocessing.from_json(
        load_model(model).preprocessing.to_json().replace('"only":', '"other":')
    )
    assert early.inputs_noting({"size": 1, "town": "Oslo", "day": None, "country": "FR"})[1] == []


def test_a_little_outside_is_not_far(model: Path, tmp_path: Path) -> None:
    """New rows seldom keep to the range of the old ones; up to its width beyond is nothing odd."""
    rows = "size,town,day\n114,Rome,2024-03-17\n-57,Oslo,2023-11-24\n"
    result = predict(model, tmp_path, rows, "--strict")
    assert result.exit_code == 0, result.output
    assert "note" not in result.stderr


@pytest.mark.parametrize(
    ("values", "far", "near"),
    [
        ([1000.0, 9000.0], [1.2, 110.0, 17_001.0], [112.0, 17_000.0, 0.0, -5.0]),
        ([0.001, 1.0], [1e-7, 2.1], [1e-5, 1.9]),
        ([-5.0, 5.0], [-16.0, 16.0], [1e-9, 15.0]),
        ([3.0, 3.0], [0.5, 7.0], [0.0, 3.0, 6.0]),
    ],
)
def test_what_is_far(values: list[float], far: list[float], near: list[float]) -> None:
    """Beyond the range by more than its width, below numbers above 0 by more than its factor."""
    column = NumberColumn("a", 1.0, 1.0, 1.0, least=values[0], greatest=values[1])
    assert column.is_far(np.array(far)).all()
    assert not column.is_far(np.array(near)).any()


@pytest.mark.parametrize(
    ("day", "form", "text"),
    [
        (19875.0, "%d.%m.%Y", "01.06.2024"),
        (19875.5, None, "2024-06-01T12:00"),
        (-710731.0, "%d.%m.%Y", "0024-02-01"),
        (3e6, None, "10183-09-21"),
    ],
)
def test_dates_are_written_as_their_column_has_them(
    day: float, form: str | None, text: str
) -> None:
    """Those of other than four digits as ISO has them."""
    assert NumberColumn("a", 0.0, 0.0, 1.0, date=True, date_format=form).written(day) == text


def test_a_model_file_without_ranges_says_nothing(model: Path, tmp_path: Path) -> None:
    """Those of early versions have none; they load, and predict the same."""
    whole = load_model(model)
    columns = tuple(
        replace(column, least=None, greatest=None) if isinstance(column, NumberColumn) else column
        for column in whole.preprocessing.columns
    )
    early = replace(whole.preprocessing, columns=columns)
    assert "ranges" not in early.to_json()
    assert early.refinement == whole.preprocessing.refinement
    replace(whole, preprocessing=early).save(tmp_path / "early.pt")
    result = predict(tmp_path / "early.pt", tmp_path, FAR, "--strict")
    assert result.exit_code == 0, result.output
    again = (tmp_path / "p.csv").read_bytes()
    assert predict(model, tmp_path, FAR).exit_code == 0
    assert (tmp_path / "p.csv").read_bytes() == again


def test_notes_of_a_long_file_count_all_of_its_rows(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read in parts, of which some have nothing odd."""
    monkeypatch.setattr(import_module("tune_bn.cli.predict"), "_ROWS_AT_ONCE", 2)
    lines = ["3,Rome,2024-01-05"] * 9
    lines[3], lines[6] = "5850,Bonn,2024-01-05", "4410,Kiel,2024-01-05"
    result = predict(model, tmp_path, "size,town,day\n" + "\n".join(lines) + "\n")
    assert "size: 2 of 9 values lie far outside" in result.stderr
    assert "town: 2 of 9 values are not among" in result.stderr


LINE = "3,Rome,2024-01-05\n"


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (f"size,town,day\n{LINE * 5}3,Rome", "the last row has 2 of 3 cells: the file may be cut"),
        (f"size,town,day\n{LINE * 2}3,Rome\n{LINE * 3}", "1 of 6 rows have fewer cells than the"),
        ("size,town,day\n" + "3,Rome\n" * 5, "no row has a cell for each name in the header (the"),
        (f'size,town,day\n{LINE}3,"Rome,2024-01-05\n{LINE}3,Rome",\n{LINE}', "in data row 2: if"),
        (
            "".join(
                f"{i - 1 if i else ''},{line}"
                for i, line in enumerate(("size,town,day\n", *[LINE] * 5))
            ),
            "left out the first column: it has no name and only counts the rows",
        ),
        (f"size,town,day,\n{LINE * 5}", "left out an empty column without a name"),
    ],
)
@pytest.mark.parametrize("at_once", [2, 100])
def test_what_is_odd_in_the_file_is_said(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: str, note: str, at_once: int
) -> None:
    """As where a model is tuned, also of a file that is read in parts."""
    monkeypatch.setattr(import_module("tune_bn.cli.predict"), "_ROWS_AT_ONCE", at_once)
    result = predict(model, tmp_path, rows)
    assert result.exit_code == 0, result.output
    assert result.stderr.count(note) == 1


def test_a_first_column_without_a_name_that_counts_no_rows_is_refused(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it does in the first part of the file."""
    monkeypatch.setattr(import_module("tune_bn.cli.predict"), "_ROWS_AT_ONCE", 2)
    result = predict(model, tmp_path, f",size,town,day\n0,{LINE}1,{LINE}2,{LINE}7,{LINE}")
    assert result.exit_code == 2
    assert "column 1 of 'rows.csv' has none" in result.stderr


def test_an_index_in_parquet_is_left_out(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no further column, which --strict would refuse."""
    monkeypatch.setattr(import_module("tune_bn.cli.predict"), "_ROWS_AT_ONCE", 2)
    rows = pd.DataFrame({"size": 3.0, "town": "Rome", "day": "2024-01-05"}, index=[3, 1, 2, 4, 0])
    rows.to_parquet(tmp_path / "rows.parquet")
    words = ["predict", "--model", model, "--data", tmp_path / "rows.parquet", "--strict"]
    result = CliRunner().invoke(app, [*map(str, words), "--out", str(tmp_path / "p.csv")])
    assert result.exit_code == 0, result.output
    assert "left out the table's index" in result.stderr
    assert len(pd.read_csv(tmp_path / "p.csv")) == 5


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_behind_by_a_signal(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals
) -> None:
    """Neither half of the predictions nor the hidden file that they are written to."""

    def stopped(*_: object) -> None:
        signal.raise_signal(sent)

    monkeypatch.setattr(import_module("tune_bn.cli.predict"), "_predicted", stopped)
    monkeypatch.setattr("os.isatty", lambda _: False)  # or else a hang-up lets go of pytest's own
    # Whoever starts tests in the background, or by nohup, has the signal ignored.
    usual = signal.default_int_handler if sent == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(sent, usual)
    try:
        result = predict(model, tmp_path, f"size,town,day\n{LINE}")
        assert signal.getsignal(sent) == usual
    finally:
        signal.signal(sent, before)
    assert result.exit_code == 128 + sent
    assert result.stderr == "tune-bn: Stopped before anything was changed.\n"
    assert [file.name for file in tmp_path.iterdir()] == ["rows.csv"]


@pytest.mark.parametrize("cell", ["2024", "2024-05", "202405"])
def test_a_year_is_no_day(model: Path, cell: str) -> None:
    """ISO would take its first day, in silence."""
    with pytest.raises(DataError, match="needs dates like 2024-05-31"):
        load_model(model).predict({"size": 1.0, "town": "Oslo", "day": cell})


def test_a_serial_number_of_a_spreadsheet_is_no_day(model: Path) -> None:
    rows = pd.DataFrame({"size": [1.0], "town": ["Oslo"], "day": [45321]})
    with pytest.raises(DataError, match="got 45321 in data row 1"):
        load_model(model).predict(rows)
