"""The target column: classes or numbers, and the way from the network's output back to them.

**The rule.** A target is classes if it is text, truth values or pandas' categories, or whole
numbers with at most 20 different values and at least five rows a value on average; any other
numbers are a regression target. `task` overrides the rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.training.columns import (
    category_key,
    column_kind,
    numbers_of,
    require_finite,
    shown,
)
from tune_bn.training.errors import DataError

__all__ = [
    "MAX_INFERRED_CLASSES",
    "MIN_CLASS_ROWS",
    "TASKS",
    "Label",
    "Target",
    "Task",
    "encode_classes",
    "infer_task",
    "target_numbers",
]

Task = Literal["classification", "regression"]
Label = str | bool | int | float

TASKS: tuple[Task, ...] = ("classification", "regression")
MAX_INFERRED_CLASSES = 20
MIN_CLASS_ROWS = 3
"""Rows a class needs: one each for training, validation and test."""

_ROWS_A_CLASS = 5


@dataclass(frozen=True)
class Target:
    """What the network predicts.

    Args:
        name: The target column.
        task: "classification" or "regression".
        classes: The class labels in the order of the outputs; None for regression.
        mean: Mean of the training rows' target; 0 for classification.
        scale: Their population standard deviation; 1 for classification.
    """

    name: str
    task: Task
    classes: tuple[Label, ...] | None
    mean: float
    scale: float

    @property
    def n_outputs(self) -> int:
        """Outputs of the network: the number of classes, or 1."""
        return 1 if self.classes is None else len(self.classes)


def infer_task(name: str, column: pd.Series) -> Task:
    """Returns the task that the module's rule gives a target without missing values.

    Example:
        >>> infer_task("kind", pd.Series(["a", "b"])), infer_task("price", pd.Series([1.5, 2.0]))
        ('classification', 'regression')
    """
    _refuse_dates(name, column)
    if column_kind(name, column) == "category":
        return "classification"
    values = numbers_of(name, column)
    distinct = len(np.unique(values))
    few = distinct <= MAX_INFERRED_CLASSES and distinct * _ROWS_A_CLASS <= len(values)
    return "classification" if few and _whole(values) else "regression"


def _whole(values: npt.NDArray[np.float64]) -> bool:
    return bool(np.isfinite(values).all() and (values == np.rint(values)).all())


def _refuse_dates(name: str, column: pd.Series) -> None:
    if column_kind(name, column) == "date":
        raise DataError(
            f"Target {name!r} needs numbers or classes, but holds dates. "
            "Convert it, for example to a number of days."
        )


def encode_classes(name: str, column: pd.Series) -> tuple[tuple[Label, ...], npt.NDArray[np.int64]]:
    """Returns the labels in sorted order and the class of each row, shape (N,).

    Raises:
        DataError: There is one class only, one with too few rows, or the target is continuous.
    """
    _refuse_dates(name, column)
    codes, found = pd.factorize(column)
    labels = [_label(value) for value in found]
    numeric = all(isinstance(label, int | float) for label in labels)
    by_value = sorted(range(len(labels)), key=lambda place: cast(float, labels[place]))
    by_text = sorted(range(len(labels)), key=lambda place: category_key(labels[place]))
    order = by_value if numeric else by_text
    classes = tuple(labels[place] for place in order)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    y = rank[codes]
    require_varied(name, len(classes), classes[0])
    counts = np.bincount(y, minlength=len(classes))
    if numeric and len(classes) > MAX_INFERRED_CLASSES:
        continuous = any(isinstance(label, float) for label in classes)
        if continuous or len(classes) * _ROWS_A_CLASS > len(y):
            raise DataError(
                f"Classification needs a target with few classes, but {name!r} is a number with "
                f"{len(classes)} different values in {len(y)} rows. Use task='regression'."
            )
    rarest = int(counts.argmin())
    if counts[rarest] < MIN_CLASS_ROWS:
        few = int((counts < MIN_CLASS_ROWS).sum())
        more = f" ({few} classes have too few)" if few > 1 else ""
        rows = "1 row" if counts[rarest] == 1 else f"{counts[rarest]} rows"
        raise DataError(
            f"Classification needs {MIN_CLASS_ROWS} rows of each class (training, validation, "
            f"test), but class {shown(classes[rarest])} of target {name!r} has {rows}{more}. "
            "Add rows, merge it with another class, or remove it."
        )
    return classes, y


def _label(value: object) -> Label:
    """Returns a label as the Python value that JSON gives back."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | float | np.number):
        number = float(value)
        return int(value) if number.is_integer() else number
    return str(value)


def require_varied(name: str, distinct: int, value: object) -> None:
    """Refuses a constant target."""
    if distinct < 2:
        raise DataError(
            f"Target {name!r} needs at least two different values, but every row holds "
            f"{shown(value)}. Choose another target column, or add rows."
        )


def target_numbers(name: str, column: pd.Series) -> npt.NDArray[np.float64]:
    """Returns a regression target as floats of shape (N,).

    Raises:
        DataError: It is text, truth values or dates, constant, or not finite.
    """
    if pd.api.types.is_bool_dtype(column.dtype):
        raise DataError(
            f"Regression needs a target of numbers, but {name!r} holds truth values. "
            "Use task='classification', or write 0 and 1."
        )
    if not pd.api.types.is_string_dtype(column.dtype):
        _refuse_dates(name, column)
    values = numbers_of(
        name, column, remedy="Correct these cells, or use task='classification' for classes."
    )
    require_finite([name], values[:, None])
    require_varied(name, len(np.unique(values)), float(values[0]))
    return values
