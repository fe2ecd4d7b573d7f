"""What a person should know of how a table was used: left out, taken for a gap, inferred."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.plain.text import shown
from tune_bn.training.asked import some_of
from tune_bn.training.columns import is_text
from tune_bn.training.learned import DroppedColumn, EncodedColumn
from tune_bn.training.learning import most_categories
from tune_bn.training.preprocessing import Preprocessing
from tune_bn.training.readings import Reading
from tune_bn.training.target import Label
from tune_bn.training.written import MISSING_WORDS

__all__ = [
    "because",
    "dropped_notes",
    "encoded_notes",
    "unbalanced_notes",
    "unfound_notes",
    "weight_notes",
    "word_notes",
]

_LEAST_TELL = 0.1  # of the rows; so few of one weight tell as much as all
_UNBALANCED = 9  # rows of the most frequent class for one of the rarest


def weight_notes(name: str | None, weight: npt.NDArray[np.float32]) -> list[str]:
    """Returns a line if a few rows count as much as all others: (Σw)² / Σw² is small."""
    w = weight / np.float64(weight.max())
    tell = float(w.sum() ** 2 / (w**2).sum())
    if tell > _LEAST_TELL * len(w):
        return []
    return [
        f"by the weights of column {name!r} {len(w)} rows tell no more than {tell:.0f} of one "
        "weight: a few count as much as all others"
    ]


def because(words: dict[str, int]) -> str:
    """Returns what else than empty cells there was, as the end of a sentence; "" for nothing."""
    if not words:
        return ""
    held = ", ".join(f"{shown(word)} in {count}" for word, count in list(words.items())[:3])
    return f" or a word for a missing value ({held})"


def word_notes(words: dict[str, dict[str, int]], readings: dict[str, Reading]) -> list[str]:
    """Returns a line for each word that was taken for a missing value and may be a category."""
    columns: dict[str, list[str]] = {}
    cells: dict[str, int] = {}
    for name, counts in words.items():
        if readings[name].kind == "category":
            for word, count in counts.items():
                columns.setdefault(word, []).append(name)
                cells[word] = cells.get(word, 0) + count
    return [
        f"took {shown(word)} for a missing value in {cells[word]} cells of "
        f"{'column' if len(names) == 1 else 'columns'} {some_of(names)}; --missing '' keeps it as "
        "a category"
        for word, names in columns.items()
    ]


def unfound_notes(
    table: pd.DataFrame, words: dict[str, dict[str, int]], missing: Sequence[str]
) -> list[str]:
    """Returns a line for words that were named as missing values and are in no cell of text."""
    named = {word.strip() for word in missing} - {*MISSING_WORDS}
    named -= {word.strip() for counts in words.values() for word in counts}
    for name in table.columns:
        if named and is_text(table[name]):
            named -= {str(cell).strip() for cell in table[name].unique()}
    return [
        f"no text of the table is {shown(word)}, which --missing names" for word in sorted(named)
    ]


def unbalanced_notes(classes: tuple[Label, ...], y: npt.NDArray[np.int64]) -> list[str]:
    """Returns a line if one class has very many more rows than another."""
    counts = np.bincount(y)
    rarest = int(counts.argmin())
    if counts.max() < _UNBALANCED * counts.min():
        return []
    return [
        f"classes are unbalanced: {counts[rarest]} of {len(y)} rows are {shown(classes[rarest])}; "
        "accuracy says little of them, --metric balanced_accuracy, f1 or roc_auc more"
    ]


def encoded_notes(preprocessing: Preprocessing, rows: int) -> list[str]:
    """Returns a line for each column of very many categories."""
    return [
        f"column {column.name!r} has {len(column.categories)} categories in {rows} training rows, "
        f"more than the {most_categories(rows)} that get an input each: each is used as its mean "
        "target"
        for column in preprocessing.columns
        if isinstance(column, EncodedColumn)
    ]


def dropped_notes(preprocessing: Preprocessing) -> list[str]:
    """Returns a line for each reason why columns are no input."""
    names: dict[str, list[str]] = {}
    for column in preprocessing.columns:
        if isinstance(column, DroppedColumn):
            names.setdefault(column.reason, []).append(column.name)
    return [
        f"left out column{'s' if len(group) > 1 else ''} {some_of(group)}: {reason}"
        for reason, group in names.items()
    ]
