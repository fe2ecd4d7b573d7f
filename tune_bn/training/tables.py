"""A file on disk → one table, or one clear line that says why not.

Only reading is here: which column is what is decided in `columns` and `target`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tune_bn.plain.text import shortened
from tune_bn.training.columns import is_text
from tune_bn.training.doubtful import version_notes
from tune_bn.training.errors import DataError
from tune_bn.training.file_errors import (
    CHUNK,
    known_suffix,
    parsed_parts,
    readable,
    require_short,
    without_rows,
)
from tune_bn.training.from_csv import csv_head, csv_parts
from tune_bn.training.from_npz import NPZ_TARGET, read_npz
from tune_bn.training.from_parquet import parquet_names, parquet_parts
from tune_bn.training.readings import typed
from tune_bn.training.written import MISSING_WORDS, decimal_sign_of

__all__ = [
    "NPZ_TARGET",
    "FileTable",
    "column_names",
    "decimal_sign",
    "file_digest",
    "local_file",
    "read_rows",
    "read_rows_in_parts",
    "read_table",
]


_CELLS = 200  # of a column for the decimal sign


def local_file(source: str) -> Path:
    """Returns the path of a file on this machine.

    Raises:
        DataError: It is a URL.
    """
    if "://" in source:  # before a path makes one slash of two
        raise DataError(
            f"Data needs a file on this machine, but {shortened(repr(source))} is a URL. Download "
            "it, and name the file."
        )
    return Path(source)


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of the file's bytes, as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class FileTable(NamedTuple):
    """What a file holds.

    Args:
        table: At least one row; unique column names.
        notes: What was left out, a line each.
        words: Column → word → how many cells held a word that was taken for a missing value.
        decimal: As `decimal_sign_of` gives it.
    """

    table: pd.DataFrame
    notes: list[str]
    words: dict[str, dict[str, int]]
    decimal: str = ""


def read_table(path: Path, *, missing: Sequence[str] = MISSING_WORDS) -> FileTable:
    """Reads a CSV, Parquet or NPZ file as a table with at least one row and unique column names.

    A CSV file is UTF-8 with a header, separated by commas, or by semicolons, tabs or bars where
    its header has no comma or only these cut all rows alike, or by what a first line such as
    ``sep=;`` says. It knows no types: a column of it is numbers or truth values if all of its
    cells spell these, and text otherwise; blank cells and the words in `missing` are missing
    values. A first column without a name that only counts the rows is an index that was written
    along, and is left out. An NPZ file holds arrays `X` (or `x`) of shape
    (N, D) and `y` of shape (N,); its columns become x0, x1, … and y.

    Args:
        path: The file; its suffix, in any case, says how it is read.
        missing: Words that stand for a missing value in a CSV file.

    Raises:
        DataError: The file is missing, a folder, empty, of an unknown kind or not parseable.
    """
    table, notes = _read(path)
    if path.suffix.lower() != ".csv":
        return FileTable(table, notes, {}, decimal_sign(table))
    decimal = decimal_sign(table, separator=csv_head(path)[1])
    columns, words = {}, {}
    for name in table.columns:
        columns[name], found = typed(table[name], missing, decimal=decimal)
        if columns[name].dtype == float:
            notes += version_notes(str(name), table[name])
        if found:
            words[str(name)] = found
    return FileTable(pd.DataFrame(columns), notes, words, decimal)


def decimal_sign(table: pd.DataFrame, *, separator: str = "") -> str:
    """Returns what `decimal_sign_of` does, of a table's first rows."""
    cells = (column.iloc[:_CELLS] for _, column in table.items() if is_text(column))
    texts = [[c.strip() for c in column if isinstance(c, str) and c.strip()] for column in cells]
    return decimal_sign_of(texts, separator=separator)


def column_names(path: Path) -> list[str] | None:
    """Returns the names in the head of a CSV or Parquet file, before any row is read.

    Returns:
        The names; None of an NPZ file, whose columns have none.

    Raises:
        DataError: As for `read_table`, as far as a head can tell.
    """
    suffix = known_suffix(path)
    with readable(path):
        if suffix == ".csv":
            names = [name for name in csv_head(path)[0] if name.strip()]
        elif suffix == ".parquet":
            names = parquet_names(path)
        else:
            return None
    require_short(names, path)
    return names


def read_rows(path: Path) -> FileTable:
    """Reads a file's rows for a model that knows what its columns are.

    As `read_table`, but

    - the cells of a CSV file stay the text that they are, so that none is read by what stands in
      the others;
    - an NPZ file needs no `y`.

    Raises:
        DataError: As for `read_table`.
    """
    return FileTable(*_read(path, needs_target=False), {})


def read_rows_in_parts(path: Path, notes: list[str], *, rows: int) -> Iterator[pd.DataFrame]:
    """Yields what `read_rows` reads, at most so many rows at a time.

    A CSV or Parquet file of any length is read in the memory that its longest part needs.

    Args:
        path: The file.
        notes: Gets what was left out and what is odd, a line each, with the first part.
        rows: Most rows of a part, at least 1.

    Raises:
        DataError: As for `read_table`, also after some parts were yielded.
    """
    return _parts(path, notes, rows=rows, needs_target=False)


def _read(path: Path, *, needs_target: bool = True) -> tuple[pd.DataFrame, list[str]]:
    """Returns a file's table, the cells of a CSV file as text, and what was left out of it."""
    notes: list[str] = []
    (table,) = _parts(path, notes, rows=None, needs_target=needs_target)
    return table, notes


def _parts(
    path: Path, notes: list[str], *, rows: int | None, needs_target: bool
) -> Iterator[pd.DataFrame]:
    suffix = known_suffix(path)
    parts: Iterator[pd.DataFrame]
    if suffix == ".csv":
        parts = csv_parts(path, notes, rows=rows)
    elif suffix == ".parquet":
        parts = parquet_parts(path, notes, rows=rows)
    else:
        parts = _npz_parts(path, rows=rows, needs_target=needs_target)
    done, names = 0, list[str]()
    for table in parsed_parts(parts, lambda: readable(path)):
        names = names or [str(name) for name in table.columns]
        require_short(names, path)
        if len(table):
            done += len(table)
            yield table
    if not done:
        raise without_rows(path, len(names))


def _npz_parts(path: Path, *, rows: int | None, needs_target: bool) -> Iterator[pd.DataFrame]:
    table = read_npz(path, needs_target=needs_target)
    for start in range(0, len(table), rows or len(table) or 1):
        yield table.iloc[start : start + (rows or len(table))]
