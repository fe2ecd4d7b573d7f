"""A data source → standardised tensors of training, validation and test rows.

The steps: read the table (`tables`), find the target and its task (`target`), split 60/20/20 by
seed, learn the preprocessing from the training rows (`preprocessing`), transform all three parts.
"""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from tune_bn.training.columns import column_kind, dates_as_days, numbers_of, require_finite
from tune_bn.training.errors import DataError
from tune_bn.training.preprocessing import (
    DroppedColumn,
    Preprocessing,
    learn_preprocessing,
)
from tune_bn.training.tables import NPZ_TARGET, file_digest, read_table
from tune_bn.training.target import (
    TASKS,
    Label,
    Target,
    Task,
    encode_classes,
    infer_task,
    target_numbers,
)

__all__ = ["MIN_ROWS", "Dataset", "Split", "load_dataset", "split_rows"]

MIN_ROWS = 10
"""Rows a table needs: with fewer, validation or test would be a single row."""


@dataclass(frozen=True)
class Split:
    """Rows of one part of the data.

    Args:
        x: Inputs, float32 of shape (N, D).
        y: Classes, int64 of shape (N,); or the standardised target, float32 of shape (N,).
        target_scale: What one unit of a regression target `y` is in the table's units.
    """

    x: torch.Tensor
    y: torch.Tensor
    target_scale: float = 1.0

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: str | torch.device) -> Split:
        """Returns the same rows on a device."""
        return Split(self.x.to(device), self.y.to(device), self.target_scale)


@dataclass(frozen=True)
class Dataset:
    """A table, ready for training.

    Args:
        name: "digits" or the file's name.
        train: 60 % of the rows; everything that is learned is learned from these.
        validation: 20 %; the search compares configurations on these.
        test: 20 %; for one score at the end.
        preprocessing: The way from a table's row to the network's input, and the target.
        fingerprint: SHA-256 of the content, the target and the task: equal for equal data.
        notes: What was left out and what was inferred, a line each.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    preprocessing: Preprocessing
    fingerprint: str
    notes: tuple[str, ...] = ()

    @property
    def task(self) -> Task:
        """Returns "classification" or "regression"."""
        return self.preprocessing.target.task

    @property
    def target(self) -> str:
        """Name of the target column."""
        return self.preprocessing.target.name

    @property
    def n_features(self) -> int:
        """Inputs of the network, D."""
        return int(self.train.x.shape[1])

    @property
    def n_outputs(self) -> int:
        """Outputs of the network: the number of classes, or 1."""
        return self.preprocessing.target.n_outputs

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """The class labels in the order of the outputs; None for regression."""
        return self.preprocessing.target.classes


def load_dataset(
    source: str | Path,
    *,
    target: str | None = None,
    task: Task | None = None,
    seed: int = 0,
) -> Dataset:
    """Loads a data source and prepares it for training; the same arguments give the same tensors.

    Numbers and dates are standardised by the training rows; text, truth values and pandas'
    categories become one input of 0 or 1 for each category (zeros for one never seen); missing
    values become the median or the most frequent category; columns with one value are dropped.
    Rows without a target are left out, and counted in `Dataset.notes`.

    Args:
        source: "digits" (scikit-learn's), or a file ending in .csv, .parquet or .npz.
        target: The target column; needed for CSV and Parquet.
        task: Overrides what the target column suggests (the rule: `tune_bn.training.target`).
        seed: Decides which rows are training, validation and test rows.

    Raises:
        DataError: The data cannot be used; the message is one line that says what to change.

    Example:
        >>> data = load_dataset("digits")
        >>> len(data.train), len(data.validation), len(data.test), data.n_outputs
        (1078, 360, 359, 10)
    """
    if task is not None and task not in TASKS:
        raise DataError(
            f"Data needs a task out of {', '.join(TASKS)}, but got {task!r}. "
            "Choose one of these, or leave it out."
        )
    notes: list[str] = []
    if source == "digits":
        name, content = "digits", "scikit-learn digits"
        table = _digits()
        target = _own_target(target, "target", "digits")
    else:
        path = Path(source)
        name = path.name
        table, notes = read_table(path)
        content = file_digest(path)
        if path.suffix.lower() == ".npz":
            target = _own_target(target, NPZ_TARGET, f"the NPZ file {name!r}")
    target = _require_target(table, target, name)
    return _prepare(name, content, table, target=target, task=task, seed=seed, notes=notes)


def _digits() -> pd.DataFrame:
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


def _require_target(table: pd.DataFrame, target: str | None, name: str) -> str:
    names = [str(column) for column in table.columns]
    if target is None:
        raise DataError(
            f"Data from {name!r} needs a target column, but none was named. "
            f"Name one of its columns: {_some(names)}."
        )
    if target not in names:
        near = difflib.get_close_matches(target, names, n=3, cutoff=0.5)
        lowered = {column.lower(): column for column in reversed(names)}
        folded = difflib.get_close_matches(target.lower(), list(lowered), n=3, cutoff=0.5)
        near = list(dict.fromkeys([*near, *(lowered[match] for match in folded)]))[:3]
        hint = f"Did you mean {_some(near)}?" if near else f"Its columns are {_some(names)}."
        raise DataError(
            f"Data needs the target column {target!r}, but {name!r} has no such column "
            f"among its {len(names)}. {hint}"
        )
    return target


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(repr(name) for name in names[:8]) + more


def _prepare(
    name: str,
    content: str,
    table: pd.DataFrame,
    *,
    target: str,
    task: Task | None,
    seed: int,
    notes: list[str],
) -> Dataset:
    labelled = table[target].notna().to_numpy(dtype=bool)
    unlabelled = int((~labelled).sum())
    if unlabelled == len(table):
        raise DataError(
            f"Target {target!r} needs values, but all {len(table)} of its cells are empty. "
            "Choose another target column."
        )
    if unlabelled:
        notes.append(f"left out {unlabelled} of {len(table)} rows: their target is empty")
        table = table[labelled]
    if len(table) < MIN_ROWS:
        raise DataError(
            f"Data needs at least {MIN_ROWS} rows with a target, to split them three ways, but "
            f"{name!r} has {len(table)}. Add rows."
        )
    column = table[target]
    features = table.drop(columns=target)
    _require_features(features, target)
    if task is None:
        task = infer_task(target, column)
        distinct = int(column.nunique())
        notes.append(f"took {task} from target {target!r} ({distinct} different values)")
    y: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    if task == "classification":
        classes, y = encode_classes(target, column)
        parts = split_rows(len(table), seed=seed, classes=y)
        learned = Target(target, task, classes, 0.0, 1.0)
        targets = torch.from_numpy(y)
    else:
        y = target_numbers(target, column)
        parts = split_rows(len(table), seed=seed)
        learned = _standardisation(target, y[parts[0]])
        targets = _standardised_target(learned, y)
    preprocessing = learn_preprocessing(features.iloc[parts[0]], target=learned)
    notes += _dropped_notes(preprocessing)
    train, validation, test = (
        Split(preprocessing.transform(features.iloc[rows]), targets[rows], learned.scale)
        for rows in parts
    )
    fingerprint = hashlib.sha256(f"{content}\n{target}\n{task}".encode()).hexdigest()
    return Dataset(name, train, validation, test, preprocessing, fingerprint, tuple(notes))


def _dropped_notes(preprocessing: Preprocessing) -> list[str]:
    """Returns a line for each reason why columns are no input."""
    names: dict[str, list[str]] = {}
    for column in preprocessing.columns:
        if isinstance(column, DroppedColumn):
            names.setdefault(column.reason, []).append(column.name)
    return [
        f"left out column{'s' if len(group) > 1 else ''} {_some(group)}: {reason}"
        for reason, group in names.items()
    ]


def _require_features(features: pd.DataFrame, target: str) -> None:
    """Refuses columns that no row of the table makes usable."""
    if features.shape[1] == 0:
        raise DataError(
            f"Data needs at least one column beside the target {target!r}, but there is none. "
            "Add a column."
        )
    empty = [str(name) for name in features.columns if not features[name].notna().any()]
    if empty:
        more = f" (and {len(empty) - 1} more columns)" if len(empty) > 1 else ""
        raise DataError(
            f"Column {empty[0]!r} needs values, but all {len(features)} of its cells are "
            f"empty{more}. Fill it, or remove it."
        )
    for name in features.columns:
        kind = column_kind(name, features[name])
        if kind == "number":
            require_finite([name], numbers_of(name, features[name])[:, None])
        elif kind == "date":
            dates_as_days(name, features[name])


def _standardisation(name: str, train: npt.NDArray[np.float64]) -> Target:
    largest = float(np.abs(train).max()) or 1.0  # the sum of huge numbers would overflow
    scale = float((train / largest).std() * largest)
    if scale == 0.0:
        raise DataError(
            f"Target {name!r} needs at least two different values in the training rows, but all "
            f"{len(train)} hold {train[0]!r}. Add rows, or use another seed."
        )
    return Target(name, "regression", None, float((train / largest).mean() * largest), scale)


def _standardised_target(learned: Target, y: npt.NDArray[np.float64]) -> torch.Tensor:
    """Returns the target in units of the training rows' deviation from their mean."""
    with np.errstate(over="ignore"):  # what overflows is refused in the next lines
        result = ((y - learned.mean) / learned.scale).astype(np.float32)
    if not np.isfinite(result).all():
        worst = y[np.flatnonzero(~np.isfinite(result))[0]]
        raise DataError(
            f"Target {learned.name!r} needs numbers near those of the training rows (mean "
            f"{learned.mean:.4g}, standard deviation {learned.scale:.4g}), but got {worst:.4g}, "
            "which overflows. Correct it, or leave out its row."
        )
    return torch.from_numpy(result)


def split_rows(
    rows: int, *, seed: int, classes: npt.NDArray[np.int64] | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns the row numbers of training (60 %), validation and test (20 % each), ascending.

    With `classes` of shape (rows,), each class is split in these shares as evenly as whole rows
    allow, and has at least one row in each part (it needs three).

    Example:
        >>> [len(part) for part in split_rows(10, seed=0)]
        [6, 2, 2]
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(rows)
    part = np.empty(rows, dtype=np.int64)
    # Of five rows in a line, three train. Lining the classes up one after the other keeps the
    # shares in each class and in all, whatever five rows of one class one begins with.
    pattern = np.array([0, 1, 0, 2, 0])
    if classes is None:
        part[order] = pattern[np.arange(rows) % 5]
    else:
        order = order[np.argsort(classes[order], kind="stable")]
        part[order] = pattern[np.arange(rows) % 5]
        for label, count in enumerate(np.bincount(classes)):
            if count < 5:
                own = order[classes[order] == label]
                part[own] = np.array([0, 1, 2, 0])[:count]
    train, validation, test = (np.flatnonzero(part == which) for which in range(3))
    return train, validation, test
