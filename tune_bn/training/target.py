"""The target column: classes or numbers, and the way from the network's output back to them.

**The rule.** A target is classes if it is text, truth values or pandas' categories, or whole
numbers with at most 20 different values and at least five rows a value on average; any other
numbers are a regression target. `task` overrides the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.plain.text import shown
from tune_bn.training.columns import category_key, is_text, keys_of, numbers_of, require_finite
from tune_bn.training.errors import DataError
from tune_bn.training.readings import Reading, column_kind, reading_of
from tune_bn.training.written import MISSING_WORDS

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
    "target_reading",
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


def target_reading(
    name: str,
    column: pd.Series,
    task: Task | None = None,
    *,
    missing: Sequence[str] = MISSING_WORDS,
    decimal: str = "",
) -> Reading:
    """Returns how a target is read; text is classes where classes were asked for.

    Raises:
        DataError: It holds dates, or numbers with other words among them.
    """
    if task == "classification" and is_text(column):
        return Reading("category")
    if task == "regression" and is_text(column):
        # Whatever is no number is refused with its place later on.
        try:
            found = reading_of(name, column, missing=missing, decimal=decimal)
        except DataError:
            return Reading("number")
        return found if found.kind == "number" else Reading("number")
    found = reading_of(name, column, missing=missing, decimal=decimal)
    if found.kind == "date":
        _refuse_dates(name)
    return found


def infer_task(name: str, column: pd.Series, reading: Reading | None = None) -> Task:
    """Returns the task that the module's rule gives a target without missing values.

    Args:
        name: For messages.
        column: The target.
        reading: How it is read; None: as `target_reading` finds.

    Example:
        >>> infer_task("kind", pd.Series(["a", "b"])), infer_task("price", pd.Series([1.5, 2.0]))
        ('classification', 'regression')
    """
    reading = reading or target_reading(name, column)
    if reading.kind == "category":
        return "classification"
    values = numbers_of(name, column, style=reading.style, gaps=reading.gaps)
    distinct = len(np.unique(values))
    few = distinct <= MAX_INFERRED_CLASSES and distinct * _ROWS_A_CLASS <= len(values)
    return "classification" if few and _whole(values) else "regression"


def _whole(values: npt.NDArray[np.float64]) -> bool:
    return bool(np.isfinite(values).all() and (values == np.rint(values)).all())


def _refuse_dates(name: str) -> None:
    raise DataError(
        f"Target {name!r} needs numbers or classes, but holds dates. "
        "Convert it, for example to a number of days."
    )


def encode_classes(name: str, column: pd.Series) -> tuple[tuple[Label, ...], npt.NDArray[np.int64]]:
    """Returns the labels in sorted order and the class of each row, shape (N,).

    Raises:
        DataError: There is one class only, one with too few rows, or the target is continuous.
    """
    if not is_text(column) and column_kind(name, column) == "date":
        _refuse_dates(name)
    codes, found = _factorized(column)
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
        if not numeric and len(classes) > len(y) / 2:
            raise DataError(
                f"Target {name!r} needs numbers or classes, but holds {len(classes)} different "
                f"texts in {len(y)} rows, as {shown(classes[rarest])}. Write numbers as 1234.5, or "
                "choose another target column."
            )
        raise DataError(
            f"Classification needs {MIN_CLASS_ROWS} rows of each class (training, validation, "
            f"test), but class {shown(classes[rarest])} of target {name!r} has {rows}{more}. "
            f"{'Use --task regression (TunedRegressor)' if numeric else 'Add rows'}, merge it with "
            "another class, or remove it."
        )
    return classes, y


def _factorized(column: pd.Series) -> tuple[npt.NDArray[np.int64], list[object]]:
    """Returns each row's place among the different values, and these; True is not 1."""
    codes, keys = keys_of(column)
    first = {code: place for place, code in reversed(list(enumerate(codes.tolist())))}
    return codes, [column.iloc[first[code]] for code in range(len(keys))]


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


def target_numbers(
    name: str, column: pd.Series, reading: Reading | None = None
) -> npt.NDArray[np.float64]:
    """Returns a regression target as floats of shape (N,).

    Args:
        name: For messages.
        column: The target without missing values.
        reading: How it is read; None: as `target_reading` finds.

    Raises:
        DataError: It is text, truth values or dates, constant, or not finite.
    """
    if pd.api.types.is_bool_dtype(column.dtype):
        raise DataError(
            f"Regression needs a target of numbers, but {name!r} holds truth values. "
            "Use task='classification', or write 0 and 1."
        )
    reading = reading or target_reading(name, column, "regression")
    values = numbers_of(
        name,
        column,
        style=reading.style,
        gaps=reading.gaps,
        remedy="Correct these cells, or use task='classification' for classes.",
    )
    require_finite([name], values[:, None])
    require_varied(name, len(np.unique(values)), float(values[0]))
    return values
