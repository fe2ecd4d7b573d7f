"""What `tune-bn predict` says of rows of which the model can say little."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from tune_bn.cli import app
from tune_bn.training import Config, DataError, load_dataset
from tune_bn.training.fit import build_model
from tune_bn.training.model_file import load_model, save_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an untrained model of a number, a category and a date."""
    folder = tmp_path_factory.mktemp("model")
    table = pd.DataFrame(
        {
            "size": np.arange(40) * 1.5,
            "town": ["Rome", "Oslo"] * 20,
            "day": pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d"),
            "y": np.sin(np.arange(40.0)),
        }
    )
    table.to_csv(folder / "t.csv", index=False)
    data = load_dataset(folder / "t.csv", target="y")
    torch.manual_seed(0)
    network = build_model(Config(), data.n_features, data.n_outputs).eval()
    save_model(folder / "model.pt", model_config=Config(), model=network, dataset=data, metrics={})
    return folder / "model.pt"


def test_rows_without_any_value_are_counted(model: Path, tmp_path: Path) -> None:
    """They have an answer like any row, which says nothing of them."""
    rows = tmp_path / "rows.csv"
    rows.write_text("size,town,day\n3,Rome,2024-01-05\nNA, ,\n,,\n")
    words = ["predict", "--model", model, "--data", rows, "--out", tmp_path / "p.csv"]
    first = CliRunner().invoke(app, [str(word) for word in words])
    assert first.exit_code == 0, first.output
    said = first.stderr
    assert "note: 2 of 3 rows hold no value" in said
    rows.write_text("size,town,day\n3,,\n,Rome,\n")
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0
    assert "hold no value" not in result.stderr


@pytest.mark.parametrize("cell", ["2024", "2024-05", "202405"])
def test_a_year_is_no_day(model: Path, cell: str) -> None:
    """ISO would take its first day, in silence."""
    with pytest.raises(DataError, match="needs dates like 2024-05-31"):
        load_model(model).predict({"size": 1.0, "town": "Oslo", "day": cell})


def test_a_serial_number_of_a_spreadsheet_is_no_day(model: Path) -> None:
    rows = pd.DataFrame({"size": [1.0], "town": ["Oslo"], "day": [45321]})
    with pytest.raises(DataError, match="got 45321 in data row 1"):
        load_model(model).predict(rows)
