"""Small tables that the tests of bad input write, and what a refusal must look like."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tune_bn.training import DataError, load_dataset


def refusal(source: str | Path, **options: Any) -> str:
    """Returns the message of the refusal, after the checks that every message must pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError) as caught:
            load_dataset(source, **options)
    message = str(caught.value)
    require_one_clear_line(message)
    return message


def require_one_clear_line(message: str) -> None:
    """One line that says "needs", then what was found, then what to do, in two sentences."""
    assert "\n" not in message
    assert "need" in message
    assert message.endswith((".", "?"))
    assert len(message) < 400
    assert ". " in message


def csv(path: Path, text: str) -> Path:
    file = path / "table.csv"
    file.write_text(text, encoding="utf-8")
    return file


def frame(path: Path, **columns: Any) -> Path:
    file = path / "table.parquet"
    pd.DataFrame(columns).to_parquet(file)
    return file


ROWS = 30


NUMBERS = np.arange(ROWS, dtype=float)


CLASSES = ["a", "b", "c"] * 10


def npz(path: Path, **arrays: Any) -> Path:
    file = path / "table.npz"
    np.savez(file, **arrays)
    return file
