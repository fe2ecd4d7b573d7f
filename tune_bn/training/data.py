"""A data source → standardised tensors of training, validation and test rows.

The steps: read the table (`tables`), find the target and its task (`target`), split 60/20/20 by
seed, learn the preprocessing from the training rows (`preprocessing`), transform all three parts.
Tensors are made at the very end, so that whatever is wrong is said before torch is loaded.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.plain.checks import check_choice
from tune_bn.plain.text import shown
from tune_bn.training.columns import (
    Reading,
    category_key,
    dates_as_days,
    is_text,
    keys_of,
    numbers_of,
    reading_notes,
    reading_of,
    require_finite,
)
from tune_bn.training.doubtful import doubtful_notes, spelling_notes
from tune_bn.training.errors import DataError
from tune_bn.training.file_errors import require_unique
from tune_bn.training.from_npz import NPZ_TARGET
from tune_bn.training.learning import learn, most_categories
from tune_bn.training.preprocessing import DroppedColumn, EncodedColumn, Preprocessing
from tune_bn.training.splits import (
    Parts,
    class_notes,
    group_notes,
    group_numbers,
    order_in_time,
    ordered_notes,
    split_by_group,
    split_by_time,
)
from tune_bn.training.tables import (
    column_names,
    decimal_sign,
    file_digest,
    local_file,
    read_table,
)
from tune_bn.training.target import (
    TASKS,
    Label,
    Target,
    Task,
    encode_classes,
    infer_task,
    target_numbers,
    target_reading,
)
from tune_bn.training.written import MISSING_WORDS

if TYPE_CHECKING:
    import torch

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

MIN_ROWS = 10
"""Rows a table needs: with fewer, validation or test would be a single row."""
WEIGHS = "says how much each row counts"
"""Why a column of weights is no input."""
_LARGEST_WEIGHT = 1e30  # of which a float32 holds the squares of shares
_LEAST_TELL = 0.1  # of the rows; so few of one weight tell as much as all
_UNBALANCED = 9  # rows of the most frequent class for one of the rarest


@dataclass(frozen=True)
class Split:
    """Rows of one part of the data.

    Args:
        x: Inputs, float32 of shape (N, D).
        y: Classes, int64 of shape (N,); or the standardised target, float32 of shape (N,).
        target_scale: What one unit of a regression target `y` is in the table's units.
        group: Which rows belong together, int64 of shape (N,); None for any.
        weight: How much each row counts, above 0, float32 of shape (N,); None: all the same.
    """

    x: torch.Tensor
    y: torch.Tensor
    target_scale: float = 1.0
    group: torch.Tensor | None = None
    weight: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: str | torch.device) -> Split:
        """Returns the same rows on a device."""
        weight = None if self.weight is None else self.weight.to(device)
        return replace(self, x=self.x.to(device), y=self.y.to(device), weight=weight)

    @property
    def shares(self) -> torch.Tensor | None:
        """The weights, so that their mean is 1; None without weights."""
        return None if self.weight is None else self.weight / self.weight.mean()


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
    in_time: bool = False
    """Whether rows are in the order of time: validation after training, test after both."""

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


class _Part(NamedTuple):
    """What a `Split` holds, as arrays."""

    x: npt.NDArray[np.float32]
    y: npt.NDArray[Any]
    group: npt.NDArray[np.int64] | None
    weight: npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class Prepared:
    """A table that was read, checked and split, as arrays: a `Dataset` that has no tensors yet.

    Args:
        name: As of a `Dataset`, and so are those below `parts`.
        parts: The training, validation and test rows.
        preprocessing: As there.
        fingerprint: As there.
        notes: As there.
        in_time: As there.
    """

    name: str
    parts: tuple[_Part, ...]
    preprocessing: Preprocessing
    fingerprint: str
    notes: tuple[str, ...]
    in_time: bool

    def dataset(self) -> Dataset:
        """Returns it as tensors, which share the arrays' memory."""
        import torch

        scale = self.preprocessing.target.scale
        train, validation, test = (
            Split(
                *(torch.from_numpy(part.x), torch.from_numpy(part.y), scale),
                None if part.group is None else torch.from_numpy(part.group),
                None if part.weight is None else torch.from_numpy(part.weight),
            )
            for part in self.parts
        )
        return Dataset(
            *(self.name, train, validation, test, self.preprocessing, self.fingerprint),
            *(self.notes, self.in_time),
        )


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
    numbers or dates: `tune_bn.training.columns.reading_of`.

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
        notes += _unfound_notes(table, words, asked.missing)
        content = file_digest(path)
    return _prepare(name, content, table, asked, notes=notes, words=words, decimal=decimal)


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
    digest = hashlib.sha256(repr([(n, str(table[n].dtype)) for n in names]).encode())
    try:
        digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    except TypeError:  # of lists and the like, which are refused by name
        for each in names:
            reading_of(each, table[each])
        raise
    table = table.reset_index(drop=True)
    decimal = decimal_sign(table)
    return _prepare(
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


def _require_target(names: list[str], target: str | None, name: str) -> str:
    if target is None:
        raise DataError(
            f"Data from {name!r} needs a target column, but none was named. "
            f"Give one of its columns as target: {_some(names)}."
        )
    if target not in names:
        near = difflib.get_close_matches(target, names, n=3, cutoff=0.5)
        lowered = {column.lower(): column for column in reversed(names)}
        folded = difflib.get_close_matches(target.lower(), list(lowered), n=3, cutoff=0.5)
        near = list(dict.fromkeys([*near, *(lowered[match] for match in folded)]))[:3]
        hint = f"Did you mean {_some(near)}?" if near else f"Its columns are {_some(names)}."
        if len(names) == 1 and not near:
            hint += " Begin it with the names of its columns, and put commas between them."
        raise DataError(
            f"Data needs the target column {target!r}, but {name!r} has no such column "
            f"among its {len(names)}. {hint}"
        )
    return target


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(repr(name) for name in names[:8]) + more


@dataclass(frozen=True)
class Asked:
    """What `load_dataset` was asked for; its arguments are told there.

    Raises:
        DataError: What was asked for does not go together, whatever the table.
    """

    target: str | None = None
    task: Task | None = None
    seed: int = 0
    missing: tuple[str, ...] = MISSING_WORDS
    categories: tuple[str, ...] = ()
    split: str = "random"
    time: str | None = None
    group: str | None = None
    weights: str | None = None

    def __post_init__(self) -> None:
        words = tuple(word for word in self.missing if word.strip())
        object.__setattr__(self, "missing", words)
        if self.task is not None:
            check_choice(DataError, "Data", "task", self.task, TASKS)
        check_choice(DataError, "Data", "split", self.split, ("random", "time"))
        if self.split != "time" and self.time is not None:
            raise DataError(
                f"Data needs split='time' for the time column {self.time!r}, but got "
                f"split={self.split!r}. Add --split time, or leave out --time."
            )
        if self.split == "time" and self.group is not None:
            raise DataError(
                "Data needs one split, but got one in time and one by group. Leave out one."
            )

    def require_columns(self, names: list[str], name: str) -> str:
        """Returns the target; refuses columns that are not there.

        Args:
            names: Of the columns that are.
            name: Of the table.
        """
        target = _require_target(names, self.target, name)
        for what, column in (
            ("A split needs", self.time),
            ("A split needs", self.group),
            ("Weights need", self.weights),
        ):
            if column is not None and (column == target or column not in names):
                raise DataError(
                    f"{what} a column beside the target, but {name!r} has no {column!r} "
                    f"among {_some(names)}. Correct its spelling."
                )
        unknown = [column for column in self.categories if column not in names]
        if unknown:
            raise DataError(
                f"Data needs the columns that are to be categories, but {name!r} has no "
                f"{unknown[0]!r}. Correct its spelling, or leave it out."
            )
        return target

    def fingerprint(self, content: str, target: str, task: Task) -> str:
        """Returns what is equal for equal data, by the content of a file."""
        parts = [content, target, task]
        if self.missing != MISSING_WORDS:
            parts.append("missing: " + "\0".join(self.missing))
        if self.categories:
            parts.append("categories: " + "\0".join(sorted(self.categories)))
        if (self.split, self.group) != ("random", None):
            parts.append(f"split: {self.split} {self.time!r} {self.group!r}")
        if self.weights is not None:
            parts.append(f"weights: {self.weights}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _prepare(
    name: str,
    content: str,
    table: pd.DataFrame,
    asked: Asked,
    *,
    notes: list[str],
    words: dict[str, dict[str, int]],
    decimal: str,
) -> Prepared:
    target = asked.require_columns([str(column) for column in table.columns], name)
    task = asked.task
    reading = Reading("category")
    if target not in asked.categories and table[target].notna().any():
        reading = target_reading(
            target, table[target], task, missing=asked.missing, decimal=decimal
        )
    own_words = words.pop(target, {})
    table = _labelled(name, table, target, reading, notes, own_words, asked.missing)
    column = table[target]
    aside = {
        name: reason
        for name, reason in (
            (asked.weights, WEIGHS),
            (asked.time, "decides the split"),
            (asked.group, "decides the split"),
        )
        if name is not None
    }
    features = table.drop(columns=[target, *aside])
    readings = _readings(features, target, asked, decimal)
    notes += reading_notes({target: reading, **readings})
    notes += _word_notes({n: w for n, w in words.items() if n in readings}, readings)
    if task is None:
        task = infer_task(target, column, reading)
        distinct = int(column.nunique())
        notes.append(f"took {task} from target {target!r} ({distinct} different values)")
    y: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    classes: tuple[Label, ...] | None = None
    if task == "classification":
        try:
            classes, y = encode_classes(target, column)
        except DataError as error:
            if not own_words:
                raise
            raise DataError(
                f"{error} Its cells are empty{_because(own_words)}: --missing '' keeps these."
            ) from error
        notes += _unbalanced_notes(classes, y)
    else:
        y = target_numbers(target, column, reading)
    rows, groups = _split(table, target, asked, classes, y)
    if asked.time is not None:
        cells = table[asked.time]
        known, tested = (category_key(cells.iloc[place]) for place in (rows[0][-1], rows[2][0]))
        if known == tested:
            notes.append(
                f"training and test rows have one {asked.time!r} in common, {shown(known)}: it is "
                "too coarse to test on what comes later"
            )
    if asked.group is not None and groups is not None:
        notes += group_notes(asked.group, groups, rows)
        _, names = keys_of(table[asked.group])
        notes += spelling_notes(f"groups {asked.group!r}", names)
    if classes is not None:
        notes += class_notes(classes, np.asarray(y, np.int64), rows)
    if (asked.split, asked.group) == ("random", None):
        notes += ordered_notes(table, target, None if classes else np.asarray(y, np.float64))
    targets: npt.NDArray[Any] = y
    if classes is not None:
        learned = Target(target, task, classes, 0.0, 1.0)
    else:
        values = np.asarray(y, np.float64)
        learned = _standardisation(target, values[rows[0]])
        targets = _standardised_target(learned, values)
    preprocessing, inputs = learn(
        features.iloc[rows[0]],
        target=learned,
        y=y[rows[0]],
        readings=readings,
        missing=asked.missing,
        seed=asked.seed,
    )
    notes += _dropped_notes(preprocessing)
    notes += doubtful_notes(features, preprocessing, np.asarray(y, np.float64))
    notes += _encoded_notes(preprocessing, len(rows[0]))
    if aside:
        dropped = tuple(DroppedColumn(name, reason) for name, reason in aside.items())
        preprocessing = replace(preprocessing, columns=(*preprocessing.columns, *dropped))
    weight = (
        None if asked.weights is None else _weights(asked.weights, table[asked.weights], decimal)
    )
    if weight is not None:
        notes += _weight_notes(asked.weights, weight)
    parts = tuple(
        _Part(
            inputs if of is rows[0] else preprocessing.inputs_noting(features.iloc[of])[0],
            targets[of],
            None if groups is None else groups[of],
            None if weight is None else weight[of],
        )
        for of in rows
    )
    return Prepared(
        *(name, parts, preprocessing, asked.fingerprint(content, target, task)),
        notes=tuple(notes),
        in_time=asked.split == "time",
    )


def _split(
    table: pd.DataFrame,
    target: str,
    asked: Asked,
    classes: tuple[Label, ...] | None,
    y: npt.NDArray[np.int64] | npt.NDArray[np.float64],
) -> tuple[Parts, npt.NDArray[np.int64] | None]:
    """Returns the rows of each part, and each row's group where groups stay together."""
    groups = None
    if asked.split == "time":
        order = np.arange(len(table))
        if asked.time is not None:
            order = order_in_time(asked.time, table[asked.time])
        parts = split_by_time(order)
    elif asked.group is not None:
        groups = group_numbers(asked.group, table[asked.group])
        parts = split_by_group(groups, seed=asked.seed)
    elif classes is None:
        return split_rows(len(table), seed=asked.seed), None
    else:
        return split_rows(len(table), seed=asked.seed, classes=np.asarray(y, np.int64)), None
    if classes is not None:
        lacking = sorted(set(range(len(classes))) - set(y[parts[0]].tolist()))
        if lacking:
            raise DataError(
                f"Classification needs training rows of each class, but by this split class "
                f"{shown(classes[lacking[0]])} of target {target!r} has none. Use another "
                "split, merge it with another class, or remove it."
            )
    return parts, groups


def _weights(name: str, column: pd.Series, decimal: str) -> npt.NDArray[np.float32]:
    """Returns how much each row counts, float32 of shape (N,)."""
    style = reading_of(name, column, decimal=decimal).style
    values = numbers_of(name, column, style=style)
    wrong = ~(np.isfinite(values) & (values > 0) & (values < _LARGEST_WEIGHT))
    if wrong.any():
        first = shown(column.astype(object).iloc[int(np.flatnonzero(wrong)[0])])
        raise DataError(
            f"Weights need a number above zero for each row, but {int(wrong.sum())} of "
            f"{len(values)} cells of column {name!r} hold another ({first}). Correct them, or "
            "leave out these rows."
        )
    return np.asarray(values / values.mean(), np.float32)


def _weight_notes(name: str | None, weight: npt.NDArray[np.float32]) -> list[str]:
    """Returns a line if a few rows count as much as all others: (Σw)² / Σw² is small."""
    w = weight / np.float64(weight.max())
    tell = float(w.sum() ** 2 / (w**2).sum())
    if tell > _LEAST_TELL * len(w):
        return []
    return [
        f"by the weights of column {name!r} {len(w)} rows tell no more than {tell:.0f} of one "
        "weight: a few count as much as all others"
    ]


def _labelled(
    name: str,
    table: pd.DataFrame,
    target: str,
    reading: Reading,
    notes: list[str],
    words: dict[str, int],
    missing: Sequence[str],
) -> pd.DataFrame:
    """Returns the rows that have a target, if they are enough."""
    column = table[target]
    labelled = column.notna()
    if reading.kind == "number" and is_text(column):
        gaps = {*reading.gaps, *missing, ""}
        labelled &= ~column.map(lambda cell: str(cell).strip() in gaps)
    left_out = int((~labelled).sum())
    because = _because(words)
    if left_out == len(table):
        raise DataError(
            f"Target {target!r} needs values, but all {len(table)} of its cells are empty"
            f"{because}. Choose another target column{', or --missing' if words else ''}."
        )
    if left_out:
        keep = "; --missing '' keeps such words as classes" if words else ""
        notes.append(
            f"left out {left_out} of {len(table)} rows: their target is empty{because}{keep}"
        )
        table = table[labelled.to_numpy(dtype=bool)]
    if len(table) < MIN_ROWS:
        raise DataError(
            f"Data needs at least {MIN_ROWS} rows with a target, to split them three ways, but "
            f"{name!r} has {len(table)}. Add rows."
        )
    return table


def _because(words: dict[str, int]) -> str:
    if not words:
        return ""
    held = ", ".join(f"{shown(word)} in {count}" for word, count in list(words.items())[:3])
    return f" or a word for a missing value ({held})"


def _word_notes(words: dict[str, dict[str, int]], readings: dict[str, Reading]) -> list[str]:
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
        f"{'column' if len(names) == 1 else 'columns'} {_some(names)}; --missing '' keeps it as a "
        "category"
        for word, names in columns.items()
    ]


def _unfound_notes(
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


def _unbalanced_notes(classes: tuple[Label, ...], y: npt.NDArray[np.int64]) -> list[str]:
    counts = np.bincount(y)
    rarest = int(counts.argmin())
    if counts.max() < _UNBALANCED * counts.min():
        return []
    return [
        f"classes are unbalanced: {counts[rarest]} of {len(y)} rows are {shown(classes[rarest])}; "
        "accuracy says little of them, --metric balanced_accuracy, f1 or roc_auc more"
    ]


def _encoded_notes(preprocessing: Preprocessing, rows: int) -> list[str]:
    return [
        f"column {column.name!r} has {len(column.categories)} categories in {rows} training rows, "
        f"more than the {most_categories(rows)} that get an input each: each is used as its mean "
        "target"
        for column in preprocessing.columns
        if isinstance(column, EncodedColumn)
    ]


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


def _readings(
    features: pd.DataFrame, target: str, asked: Asked, decimal: str
) -> dict[str, Reading]:
    """Returns how each column is read, by all rows; refuses those that no row makes usable.

    How a column is written is decided by all rows, what is learned of its values by the training
    rows alone.
    """
    if features.shape[1] == 0:
        raise DataError(
            f"Data needs at least one column beside the target {target!r}, but there is "
            "none. Add a column."
        )
    readings = {}
    for name, column in features.items():
        if name in asked.categories or not column.notna().any():
            readings[str(name)] = Reading("category")
            continue
        found = readings[str(name)] = reading_of(
            str(name), column, missing=asked.missing, decimal=decimal
        )
        if found.kind == "number":
            values = numbers_of(
                str(name), column, style=found.style, gaps=found.gaps, missing=asked.missing
            )
            require_finite([str(name)], values[:, None])
        elif found.kind == "date":
            dates_as_days(
                str(name),
                column,
                date_format=found.date_format,
                gaps=found.gaps,
                missing=asked.missing,
            )
    return readings


def _standardisation(name: str, train: npt.NDArray[np.float64]) -> Target:
    largest = float(np.abs(train).max()) or 1.0  # the sum of huge numbers would overflow
    scale = float((train / largest).std() * largest)
    if scale == 0.0:
        raise DataError(
            f"Target {name!r} needs at least two different values in the training rows, but all "
            f"{len(train)} hold {train[0]:g}. Add rows, or use another seed."
        )
    return Target(name, "regression", None, float((train / largest).mean() * largest), scale)


def _standardised_target(learned: Target, y: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Returns the target in units of the training rows' deviation from their mean."""
    with np.errstate(over="ignore"):  # what overflows is refused in the next lines
        result: npt.NDArray[np.float32] = ((y - learned.mean) / learned.scale).astype(np.float32)
    if not np.isfinite(result).all():
        worst = y[np.flatnonzero(~np.isfinite(result))[0]]
        raise DataError(
            f"Target {learned.name!r} needs numbers near those of the training rows (mean "
            f"{learned.mean:.4g}, standard deviation {learned.scale:.4g}), but got {worst:.4g}, "
            "which overflows. Correct it, or leave out its row."
        )
    return result


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
