"""A data source → standardised tensors of training, validation and test rows.

The table is read (`tables`), checked and split (`preparing`). Tensors are made at the very end, so
that whatever is wrong is said before torch is loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from tune_bn.plain.text import shown
from tune_bn.training.asked import Asked
from tune_bn.training.dataset import Dataset, Prepared, Split
from tune_bn.training.errors import DataError
from tune_bn.training.file_errors import require_unique
from tune_bn.training.from_npz import NPZ_TARGET
from tune_bn.training.preparing import MIN_ROWS, WEIGHS, prepared_of
from tune_bn.training.readings import reading_of
from tune_bn.training.splits import split_rows
from tune_bn.training.table_notes import unfound_notes
from tune_bn.training.tables import column_names, decimal_sign, file_digest, local_file, read_table
from tune_bn.training.target import Task
from tune_bn.training.written import MISSING_WORDS

__all__ = [
    "MIN_ROWS",
    "WEIGHS",
    "Asked",
    "Dataset",
    "Prepared",
    "Split",
    "dataset_of",
    "load_dataset",
    "prepare",
    "split_rows",
]


def load_dataset(
    source: str | Path,
    *,
    target: str | None = None,
    task: Task | None = None,
    seed: int = 0,
    missing: Sequence[str] = MISSING_WORDS,
    categories: Sequence[str] = (),
    split: str = "random",
    time: str | None = None,
    group: str | None = None,
    weights: str | None = None,
) -> Dataset:
    """Loads a data source and prepares it for training; the same arguments give the same tensors.

    Numbers and dates are standardised by the training rows; text, truth values and pandas'
    categories become one input of 0 or 1 for each category (zeros for one never seen), and very
    many of them the mean target of their training rows; missing values become the median or the
    most frequent category, with an input that tells where they are; columns with one value are
    dropped. Rows without a target are left out, and counted in `Dataset.notes`. What is read as
    numbers or dates: `tune_bn.training.readings.reading_of`.

    Args:
        source: "digits" (scikit-learn's), or a file ending in .csv, .parquet or .npz.
        target: The target column; needed for CSV and Parquet.
        task: Overrides what the target column suggests (the rule: `tune_bn.training.target`).
        seed: Decides which rows are training, validation and test rows.
        missing: Words that stand for a missing value in text, beside an empty cell; () for none.
        categories: Columns that are categories, whatever they look like.
        split: "random", or "time" for the future as test rows.
        time: The column of the time, no input; None: the rows are in the order of time.
        group: A column, no input, of which rows with one value stay in one part.
        weights: A column, no input, of how much each row counts, in training as in scores. What
            fills gaps, scales and ranks counts each row once.

    Raises:
        DataError: The data cannot be used; the message is one line that says what to change.

    Example:
        >>> data = load_dataset("digits")
        >>> len(data.train), len(data.validation), len(data.test), data.n_outputs
        (1078, 360, 359, 10)
    """
    asked = Asked(
        *(target, task, seed, tuple(missing), tuple(categories), split, time, group, weights)
    )
    return prepare(source, asked).dataset()


def prepare(source: str | Path, asked: Asked) -> Prepared:
    """Reads and checks a data source as `load_dataset` does, without torch.

    What is wrong with the columns that were asked for is said before the rows are read.

    Raises:
        DataError: As for `load_dataset`.
    """
    notes: list[str] = []
    words: dict[str, dict[str, int]] = {}
    decimal = ""
    if source == "digits":
        name, content = "digits", "scikit-learn digits"
        asked = replace(asked, target=_own_target(asked.target, "target", "digits"))
        table = _digits()
    else:
        path = local_file(str(source))
        name = path.name
        if path.suffix.lower() == ".npz":
            own = _own_target(asked.target, NPZ_TARGET, f"the NPZ file {name!r}")
            asked = replace(asked, target=own)
        names = column_names(path)
        if names is not None:
            asked.require_columns(names, name)
        table, notes, words, decimal = read_table(path, missing=asked.missing)
        notes += unfound_notes(table, words, asked.missing)
        content = file_digest(path)
    return prepared_of(name, content, table, asked, notes=notes, words=words, decimal=decimal)


def dataset_of(
    table: pd.DataFrame,
    *,
    target: str,
    name: str = "table",
    task: Task | None = None,
    seed: int = 0,
    missing: Sequence[str] = MISSING_WORDS,
    categories: Sequence[str] = (),
    split: str = "random",
    time: str | None = None,
    group: str | None = None,
    weights: str | None = None,
) -> Dataset:
    """Prepares a table in memory for training, as `load_dataset` does one in a file.

    Args:
        table: Rows with their target; the names of its columns are texts, and no two are equal.
        target: The target column.
        name: What the table is called in messages and reports.
        task: As for `load_dataset`, and so are the others.
        seed: As there.
        missing: As there.
        categories: As there.
        split: As there.
        time: As there.
        group: As there.
        weights: As there.

    Raises:
        DataError: The data cannot be used; the message is one line that says what to change.

    Example:
        >>> table = pd.DataFrame({"size": range(20), "price": [2.5 * i for i in range(20)]})
        >>> dataset_of(table, target="price").task
        'regression'
    """
    names = list(table.columns)
    wrong = next((each for each in names if not isinstance(each, str)), None)
    if wrong is not None:
        raise DataError(
            f"Data needs column names of text, but {name!r} has {shown(wrong)}. "
            "Rename it, as in table.columns = table.columns.astype(str)."
        )
    require_unique(names, name)
    asked = Asked(
        *(target, task, seed, tuple(missing), tuple(categories), split, time, group, weights)
    )
    asked.require_columns(names, name)
    long = [each for each in names if table[each].dtype == np.longdouble]
    table = table.reset_index(drop=True).astype(dict.fromkeys(long, np.float64))
    digest = hashlib.sha256(repr([(n, str(table[n].dtype)) for n in names]).encode())
    try:
        digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    except TypeError:  # of lists and the like, which are refused by name
        for each in names:
            reading_of(each, table[each])
        raise
    decimal = decimal_sign(table)
    return prepared_of(
        name, digest.hexdigest(), table, asked, notes=[], words={}, decimal=decimal
    ).dataset()


def _digits() -> pd.DataFrame:
    """Returns scikit-learn's table, from its file where that lies as it does today.

    To import scikit-learn takes longer than all else before the first line of a run.
    """
    found = find_spec("sklearn")
    for folder in (found and found.submodule_search_locations) or ():
        file = Path(folder, "datasets", "data", "digits.csv.gz")
        if file.is_file():
            names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
            table = pd.read_csv(file, header=None, names=[*names, "target"], dtype=np.float64)
            return table.astype({"target": np.int64})
    from sklearn.datasets import load_digits

    bunch = load_digits()
    table = pd.DataFrame(bunch.data, columns=list(bunch.feature_names))
    return table.assign(target=bunch.target)


def _own_target(asked: str | None, own: str, where: str) -> str:
    """Returns the target's name in a source that has just one."""
    if asked not in (None, own):
        raise DataError(
            f"Data from {where} needs the target {own!r}, but got target={asked!r}. "
            "Leave the target out."
        )
    return own
