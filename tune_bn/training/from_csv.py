"""A CSV file → a table of text: its encoding, its separator, the names in its header.

What was odd is a note: an index that was written along, a quote that is not closed, a cut last row.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from tune_bn.training.errors import DataError
from tune_bn.training.file_errors import (
    CHUNK,
    PARSER_ERRORS,
    parse_errors,
    parsed_parts,
    require_unique,
    without_rows,
)

__all__ = ["csv_head", "csv_parts"]

_WIDE = 1000  # columns from which a table is read as objects: a text array each would cost more
_CSV_OPTIONS: dict[str, Any] = {
    "encoding": "utf-8-sig",
    "index_col": False,
    "dtype": str,
    "keep_default_na": False,
}
_OTHER_SEPARATORS = ";\t|"  # that are looked for in the header
_LOOKED_AT = 20  # rows for the separator
# The first line that Excel writes for itself, as in sep=;
_TOLD_SEPARATOR = re.compile(r"\"?sep=([^\w\"'])\"?", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*", re.ASCII)


def csv_head(path: Path) -> tuple[list[str], str, int]:
    """Returns the unique names in the header of a CSV file, their separator, and lines before."""
    _require_utf8(path)
    with parse_errors(path, "a UTF-8 CSV", csv.Error, UnicodeDecodeError):
        with path.open(encoding="utf-8-sig", newline="") as file:
            told = _TOLD_SEPARATOR.fullmatch(file.readline().rstrip("\r\n"))
        separator, skipped = (told[1], 1) if told else (_separator(path), 0)
        names = next(iter(_rows(path, separator, 1, skipped=skipped)), [])
        names[:1] = [name.lstrip("\ufeff") for name in names[:1]]  # of a mark written twice
        first = None
        if len(names) > _WIDE:
            first = next(iter(_rows(path, separator, 2, skipped=skipped)[1:]), None)
    if not names:
        raise DataError(
            f"Data needs a header line, but {path.name!r} holds only blank lines. "
            "Write the table again."
        )
    require_unique([name for name in names if name.strip()], path.name)
    if len(names) > _WIDE and first is None:  # for which pandas would take seconds
        raise without_rows(path, len(names))
    if first is not None and len(first) < len(names) / 2:
        raise DataError(
            f"Data needs a cell for each column, but {path.name!r} names {len(names):,} columns "
            f"in its header and its first row has {len(first):,} cells. Repair the header."
        )
    return names, separator, skipped


def _rows(path: Path, separator: str, most: int, *, skipped: int = 0) -> list[list[str]]:
    """Returns the first rows of a CSV file, the header among them."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(islice(file, skipped, None), delimiter=separator)
        return list(islice((row for row in lines if row), most))


def _separator(path: Path) -> str:
    """Returns the comma, or what cuts the header if that has no comma, or all rows alike."""
    names = next(iter(_rows(path, ",", 1)), [])
    for other in _OTHER_SEPARATORS:
        if not any(other in name for name in names):
            continue
        if len(names) == 1:
            if len(_rows(path, other, 1)[0]) > 1:
                return other
        elif _cuts_alike(rows := _rows(path, other, _LOOKED_AT)) and (
            not _cuts_alike(_rows(path, ",", _LOOKED_AT))
            or all(_DECIMAL_COMMA.fullmatch(c) for row in rows[1:] for c in row if "," in c)
        ):
            return other
    return ","  # one name in quotes, too


def _cuts_alike(rows: list[list[str]]) -> bool:
    return len(rows) > 1 and all(len(row) == len(rows[0]) > 1 for row in rows)


def _require_utf8(path: Path) -> None:
    """Refuses the encodings that spreadsheets write beside UTF-8, by name.

    Which Windows code page a file is in nobody can tell: guessed, names would be wrong in silence.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        start = file.read(4)
        if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            found = "in UTF-16"
        elif start == b"PK\x03\x04":
            found = "a zip archive, as a spreadsheet is"
        elif b"\0" in start:
            return  # no text at all: the parser says so
        else:
            file.seek(0)
            try:
                while chunk := file.read(CHUNK):
                    decoder.decode(chunk)
                decoder.decode(b"", final=True)
                return
            except UnicodeDecodeError as error:
                sign = error.object[error.start : error.start + 1]
                found = f"in another encoding (the byte {sign!r}; a Windows code page, perhaps)"
    raise DataError(
        f"Data needs a UTF-8 CSV file, but {path.name!r} could not be parsed as one: "
        f"it is {found}. Save it as 'CSV UTF-8'."
    )


def csv_parts(path: Path, notes: list[str], *, rows: int | None = None) -> Iterator[pd.DataFrame]:
    """Yields the cells of a CSV file as text.

    Args:
        path: The file.
        notes: Gets a line for all that is odd; all of them are there with the first part.
        rows: Most rows of a part, at least 1; None: all at once.

    Raises:
        DataError: The file cannot be read as CSV, also after some parts were yielded.
    """
    names, separator, skipped = csv_head(path)
    notes += _row_notes(path, names, separator, skipped)
    kind = object if len(names) > _WIDE else str
    options = {**_CSV_OPTIONS, "dtype": kind, "sep": separator, "skiprows": skipped}
    is_index = not names[0].strip()
    done = 0
    for part in parsed_parts(
        _frames(path, rows, options),
        lambda: parse_errors(path, "a UTF-8 CSV", pd.errors.ParserWarning, *PARSER_ERRORS),
    ):
        if is_index and done == 0:
            is_index = _counts_rows(part.iloc[:, 0])
            start = 0 if is_index and part.iloc[0, 0] == "0" else 1
        if is_index and done and not _counts_rows(part.iloc[:, 0], done + start):
            is_index = False  # and so refused, as it has no name
        yield _named(part, names, path, [] if done else notes, is_index=is_index)
        done += len(part)


def _frames(path: Path, rows: int | None, options: dict[str, Any]) -> Iterator[pd.DataFrame]:
    if rows is None:
        yield pd.read_csv(path, **options)
        return
    with pd.read_csv(path, chunksize=rows, **options) as parts:
        yield from parts


def _row_notes(path: Path, names: list[str], separator: str, skipped: int) -> list[str]:
    """Returns a line if rows end too early, and one if a cell holds the rows that follow it."""
    needed = max((place for place, name in enumerate(names, 1) if name.strip()), default=0)
    n_rows, short, first, n_cells, line = -1, 0, 0, 0, 0
    swallowed: list[str] = []
    # What is no UTF-8 pandas refuses, or leaves unread.
    options: dict[str, Any] = {"encoding": "utf-8-sig", "errors": "replace", "newline": ""}
    with suppress(csv.Error), path.open(**options) as file:
        rows = csv.reader(islice(file, skipped, None), delimiter=separator)
        for cells in rows:
            has_lines = rows.line_num - line > 1
            line = rows.line_num
            if not cells or (len(cells) == 1 and not cells[0].strip()):
                continue
            n_rows += 1
            if n_rows and len(cells) < needed:
                short += 1
                if short == 1:
                    first, n_cells = n_rows, len(cells)
            if n_rows and has_lines and not swallowed:
                swallowed = _swallowed_notes(cells, names, separator, n_rows)
    of = f"{n_cells} of {len(names)} cells"
    if not short:
        return swallowed
    if short == 1 and first == n_rows and short < n_rows:
        return [*swallowed, f"the last row has {of}: the file may be cut short"]
    if short == n_rows:
        return [*swallowed, f"no row has a cell for each name in the header (the first has {of})"]
    return [
        *swallowed,
        f"{short} of {n_rows} rows have fewer cells than the header has names (first data row "
        f"{first}: {of}): what they lack at their end is taken for empty",
    ]


def _swallowed_notes(cells: list[str], names: list[str], separator: str, row: int) -> list[str]:
    """Returns a line if a cell holds rows of the file, for want of a closing quote."""
    least = max(len(names) - 1, 1)
    for name, cell in zip(names, cells, strict=False):
        if "\n" in cell and cell.count(separator) >= least:
            return [
                f"column {name!r} holds several lines with {separator!r} in them in data row "
                f"{row}: if these are rows, a quote before them is not closed"
            ]
    return []


def _named(
    table: pd.DataFrame, names: list[str], path: Path, notes: list[str], *, is_index: bool
) -> pd.DataFrame:
    """Returns a table's columns that have a name; refuses others, unless nothing is in them."""
    table.columns = pd.Index(names)  # as written, where pandas renames for its own needs
    nameless = [place for place, name in enumerate(names) if not name.strip()]
    if is_index:
        notes.append("left out the first column: it has no name and only counts the rows")
        nameless.remove(0)
    for place in nameless:
        if table.iloc[:, place].fillna("").astype(str).str.strip().any():
            raise DataError(
                f"Data needs a name for each column, but column {place + 1} of {path.name!r} "
                "has none. Name it in the header, or remove it."
            )
    if nameless:
        columns = "an empty column" if len(nameless) == 1 else f"{len(nameless)} empty columns"
        notes.append(f"left out {columns} without a name")
    return table.loc[:, [bool(name.strip()) for name in names]]


def _counts_rows(column: pd.Series, start: int | None = None) -> bool:
    """True for 0, 1, 2, … or 1, 2, 3, …, or for what goes on from `start` so."""
    texts = column.tolist()
    if start is None:
        if not texts or texts[0] not in ("0", "1"):
            return False
        start = int(texts[0])
    return texts == [str(start + i) for i in range(len(texts))]
