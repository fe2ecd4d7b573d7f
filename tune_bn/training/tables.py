"""A file on disk → one table, or one clear line that says why not.

Only reading is here: which column is what is decided in `columns` and `target`.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import lzma
import math
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.plain.text import shortened
from tune_bn.training.columns import is_text, typed
from tune_bn.training.errors import DataError
from tune_bn.training.written import MISSING_WORDS, decimal_sign_of

__all__ = [
    "NPZ_TARGET",
    "SUFFIXES",
    "FileTable",
    "column_names",
    "decimal_sign",
    "file_digest",
    "local_file",
    "read_rows",
    "read_rows_in_parts",
    "read_table",
    "require_unique",
]

SUFFIXES = (".csv", ".parquet", ".npz")
NPZ_TARGET = "y"
"""Name of the target column of a table read from an NPZ file."""

_LONG = 1 << 24  # bytes of a file from which it is read in parts
_WIDE = 1000  # columns from which a table is read as objects: a text array each would cost more
_CSV_OPTIONS: dict[str, Any] = {
    "encoding": "utf-8-sig",
    "index_col": False,
    "dtype": str,
    "keep_default_na": False,
}
_OTHER_SEPARATORS = ";\t|"  # that are looked for in the header
_LOOKED_AT = 20  # rows for the separator
_CELLS = 200  # of a column for the decimal sign
# The first line that Excel writes for itself, as in sep=;
_TOLD_SEPARATOR = re.compile(r"\"?sep=([^\w\"'])\"?", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*", re.ASCII)
_CHUNK = 1 << 20  # bytes read at a time for the digest
_SURPRISE = 1 << 27  # bytes in memory below which no proportion is a surprise
_LONGEST_NAME = 1000
_NPZ_PROPORTION = 100
_PARQUET_PROPORTION = 2000  # a column of one value takes next to nothing
_TEXT_PROPORTION = 100  # of Parquet's text, of which any length may stand in every row
_PARSER_ERRORS = (
    ValueError,
    ArithmeticError,
    LookupError,
    EOFError,
    MemoryError,  # of what a damaged file says about its sizes
    NotImplementedError,
    RuntimeError,
    TypeError,
)


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
        while chunk := file.read(_CHUNK):
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
    decimal = decimal_sign(table, separator=_csv_head(path)[1])
    columns, words = {}, {}
    for name in table.columns:
        columns[name], found = typed(table[name], missing, decimal=decimal)
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
    with _readable(path) as suffix:
        if suffix == ".csv":
            names = [name for name in _csv_head(path)[0] if name.strip()]
        elif suffix == ".parquet":
            pa, pq = _parquet()
            with (
                _parse_errors(path, "a Parquet", pa.ArrowException, *_PARSER_ERRORS),
                pq.ParquetFile(path) as file,
            ):
                names = [name for name in file.schema_arrow.names if not _is_index(name)]
        else:
            return None
    _require_short(names, path)
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


def read_rows_in_parts(path: Path, *, rows: int) -> Iterator[pd.DataFrame]:
    """Yields what `read_rows` reads, at most so many rows at a time.

    A CSV or Parquet file of any length is read in the memory that its longest part needs.

    Args:
        path: The file.
        rows: Most rows of a part, at least 1.

    Raises:
        DataError: As for `read_table`, also after some parts were yielded.
    """
    suffix = path.suffix.lower()
    is_long = suffix in (".csv", ".parquet") and path.is_file() and path.stat().st_size > _LONG
    if not is_long:
        table = read_rows(path).table
        for start in range(0, len(table), rows):
            yield table.iloc[start : start + rows]
        return
    if suffix == ".csv":
        names, separator, skipped = _csv_head(path)
        options = {**_CSV_OPTIONS, "sep": separator, "skiprows": skipped, "chunksize": rows}
        with _csv_errors(path), pd.read_csv(path, **options) as parts:
            for part in parts:
                is_index = not names[0].strip()  # which was written along
                yield _named(part, names, path, [], is_index=is_index)
        return
    pa, pq = _parquet()
    with (
        _parse_errors(path, "a Parquet", pa.ArrowException, *_PARSER_ERRORS),
        pq.ParquetFile(path) as file,
    ):
        require_unique(file.schema_arrow.names, path.name)
        _require_plain_types(file.schema_arrow)
        for batch in file.iter_batches(batch_size=rows):
            yield pa.Table.from_batches([batch]).to_pandas(
                ignore_metadata=True, integer_object_nulls=True
            )


def _read(path: Path, *, needs_target: bool = True) -> tuple[pd.DataFrame, list[str]]:
    """Returns a file's table, the cells of a CSV file as text, and what was left out of it."""
    notes: list[str] = []
    with _readable(path) as suffix:
        if suffix == ".csv":
            table = _read_csv(path, notes)
        elif suffix == ".parquet":
            table = _read_parquet(path, notes)
        else:
            table = _read_npz(path, needs_target=needs_target)
    _require_short([str(name) for name in table.columns], path)
    if len(table) == 0:
        raise _without_rows(path, len(table.columns))
    return table, notes


@contextmanager
def _readable(path: Path) -> Iterator[str]:
    """Yields the suffix of a file that can be read; refuses any other, then or while reading."""
    suffix = path.suffix.lower()
    if path.is_dir():
        raise DataError(f"Data needs a file, but {str(path)!r} is a folder. Name a file in it.")
    if not path.exists():
        raise DataError(
            f"Data needs an existing file (or 'digits'), but there is none at {str(path)!r}. "
            "Check the path."
        )
    if suffix not in SUFFIXES:
        raise DataError(
            f"Data needs a file ending in {', '.join(SUFFIXES)} (or 'digits'), but got "
            f"{path.name!r}. Convert it, or rename it if only the ending is wrong."
        )
    try:
        if path.stat().st_size == 0:
            raise DataError(
                f"Data needs a header and rows, but {path.name!r} is empty (0 bytes). "
                "Write the table again."
            )
        yield suffix
    except OSError as error:
        raise DataError(
            f"Data needs a readable file, but reading {path.name!r} failed: {_line(error)}. "
            "Check its permissions and the disk."
        ) from error


def _require_short(names: Sequence[str], path: Path) -> None:
    longest = max(map(len, names), default=0)
    if longest > _LONGEST_NAME:
        raise DataError(
            f"Data needs column names of at most {_LONGEST_NAME:,} characters, but {path.name!r} "
            f"has one of {longest:,}. Shorten it, or close the quote that it begins with."
        )


@contextmanager
def _parse_errors(path: Path, kind: str, *errors: type[Exception]) -> Iterator[None]:
    """Turns a parser's errors, and its warnings, into a `DataError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    except DataError:
        raise
    except errors as error:
        raise DataError(
            f"Data needs {kind} file, but {path.name!r} could not be parsed as one: "
            f"{_line(error)}. Repair the file, or give it the ending of what it is."
        ) from error


def _line(error: Exception) -> str:
    """Returns the error's text on one line, short enough to read."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, pd.errors.ParserWarning) and "Length of header" in text:
        text = "its rows have more cells than the header has names"
    return shortened(text).rstrip(".")


def _require_proportion(path: Path, n_bytes: int, most: int, remedy: str) -> None:
    """Refuses a file that would fill the memory with far more than it holds itself."""
    size = path.stat().st_size
    if n_bytes > max(_SURPRISE, most * size):
        raise DataError(
            f"Data needs a table in proportion to its file, but {path.name!r} has {size:,} bytes "
            f"and would need {n_bytes:,} in memory. {remedy}"
        )


def require_unique(names: Sequence[str], table: str) -> None:
    """Refuses a table that has two columns of one name."""
    counts = Counter(names)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise DataError(
            f"Data needs a different name for each column, but {table!r} has "
            f"{counts[twice[0]]} columns named {twice[0]!r}. Rename all but one."
        )


def _without_rows(path: Path, n_columns: int) -> DataError:
    return DataError(
        f"Data needs rows, but {path.name!r} holds {n_columns} columns and no row. "
        "Write the table again."
    )


def _csv_head(path: Path) -> tuple[list[str], str, int]:
    """Returns the unique names in the header of a CSV file, their separator, and lines before."""
    _require_utf8(path)
    with _parse_errors(path, "a UTF-8 CSV", csv.Error, UnicodeDecodeError):
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
        raise _without_rows(path, len(names))
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
                while chunk := file.read(_CHUNK):
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


def _csv_errors(path: Path) -> AbstractContextManager[None]:
    return _parse_errors(path, "a UTF-8 CSV", pd.errors.ParserWarning, *_PARSER_ERRORS)


def _read_csv(path: Path, notes: list[str]) -> pd.DataFrame:
    names, separator, skipped = _csv_head(path)
    with _csv_errors(path):
        kind = object if len(names) > _WIDE else str
        options = {**_CSV_OPTIONS, "dtype": kind, "sep": separator, "skiprows": skipped}
        table: pd.DataFrame = pd.read_csv(path, **options)
    is_index = not names[0].strip() and _counts_rows(table.iloc[:, 0])
    notes += _swallowed_notes(table, names, separator, path) + _cut_notes(names, separator, path)
    return _named(table, names, path, notes, is_index=is_index)


def _cut_notes(names: list[str], separator: str, path: Path) -> list[str]:
    """Returns a line if the last row ends too early, as where a file was not copied whole."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _CHUNK, 0))
        lines = [line for line in file.read().splitlines() if line.strip()]
    last = lines[-1].decode(errors="replace") if lines else ""
    cells = last.count(separator) + 1
    if cells >= len(names) or '"' in last:
        return []
    return [f"the last row has {cells} cells of {len(names)}: the file may be cut short"]


def _swallowed_notes(
    table: pd.DataFrame, names: list[str], separator: str, path: Path
) -> list[str]:
    """Returns a line if a cell holds the rows that follow it, for want of a closing quote."""
    last, lines = b"", 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            last, lines = chunk[-1:], lines + chunk.count(b"\n")
    if lines + (last != b"\n") <= len(table) + 1 or len(names) > _WIDE:
        return []
    least = max(len(names) - 1, 1)
    for place, name in enumerate(names):
        for row, cell in enumerate(table.iloc[:, place]):
            if isinstance(cell, str) and "\n" in cell and cell.count(separator) >= least:
                return [
                    f"column {name!r} holds several lines with {separator!r} in them in data row "
                    f"{row + 1}: if these are rows, a quote before them is not closed"
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


def _counts_rows(column: pd.Series) -> bool:
    """True for 0, 1, 2, … or 1, 2, 3, …."""
    texts = column.tolist()
    first = texts[0] if texts else ""
    return first in ("0", "1") and texts == [str(i + int(first)) for i in range(len(texts))]


def _is_index(name: str) -> bool:
    return name.startswith("__index_level_")


def _parquet() -> tuple[Any, Any]:
    """Returns `pyarrow` and `pyarrow.parquet`."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Reading a Parquet file needs pyarrow, but it is not installed. "
            "Run: pip install 'tune-bn[cli]'"
        ) from error
    return pa, pq


def _read_parquet(path: Path, notes: list[str]) -> pd.DataFrame:
    pa, pq = _parquet()
    with _parse_errors(path, "a Parquet", pa.ArrowException, *_PARSER_ERRORS):
        # One file is meant: read_table would also look for partitions in the names of folders.
        with pq.ParquetFile(path) as file:
            about, schema = file.metadata, file.schema_arrow
        require_unique(schema.names, path.name)
        _require_plain_types(schema)
        groups = (about.row_group(i) for i in range(about.num_row_groups))
        needed = max(8 * about.num_rows * about.num_columns, sum(g.total_byte_size for g in groups))
        remedy = "Write it again as CSV, if it really has so many rows."
        _require_proportion(path, needed, _PARQUET_PROPORTION, remedy)
        texts = [f.name for f in schema if f.type in (pa.string(), pa.large_string())]
        # A text that stands in many rows is kept once, until it is known how much all would be.
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            columns = file.read()
        columns = _with_texts(columns, schema, path)
        # Whole numbers beside gaps stay whole: as floats, large ones would be others.
        table: pd.DataFrame = columns.to_pandas(ignore_metadata=True, integer_object_nulls=True)
        for about_column in (schema.pandas_metadata or {}).get("columns", ()):
            name = about_column.get("field_name")
            if about_column.get("pandas_type") == "categorical" and name in table.columns:
                table[name] = table[name].astype("category")  # of numbers, too
    index = [str(name) for name in table.columns if _is_index(str(name))]
    if index:
        notes.append("left out the table's index: it was written along without a name")
    return table.drop(columns=index)


def _require_plain_types(schema: Any) -> None:
    """Refuses what is neither numbers, text, truth values nor dates before any of it is read."""
    import pyarrow as pa

    for field in schema:
        of = field.type
        is_bytes = pa.types.is_binary(of) or pa.types.is_large_binary(of)
        if pa.types.is_nested(of) or is_bytes or pa.types.is_fixed_size_binary(of):
            raise DataError(
                "Data needs columns of numbers, text, truth values or dates, but column "
                f"{shortened(field.name)!r} holds {shortened(str(of))} values. "
                "Convert it to one of these, or remove it."
            )


def _with_texts(columns: Any, schema: Any, path: Path) -> Any:
    """Returns an Arrow table with its texts written out, row by row, if there is room for them."""
    import pyarrow.compute as pc

    places = [i for i, field in enumerate(schema) if columns.schema.field(i).type != field.type]
    n_bytes = 0
    for place in places:
        for chunk in columns.column(place).chunks:
            lengths = pc.binary_length(chunk.dictionary).take(chunk.indices)
            n_bytes += pc.sum(lengths.cast("int64")).as_py() or 0
    remedy = "Write it again as CSV, if it really holds so much text."
    _require_proportion(path, n_bytes, _TEXT_PROPORTION, remedy)
    for place in places:
        field = schema.field(place)
        column = columns.column(place)
        plain = column.cast(column.type.value_type).cast(field.type)
        columns = columns.set_column(place, field, plain)
    return columns


def _read_npz(path: Path, *, needs_target: bool) -> pd.DataFrame:
    with (
        _parse_errors(
            path, "an NPZ", zipfile.BadZipFile, zlib.error, lzma.LZMAError, *_PARSER_ERRORS
        ),
        path.open("rb") as file,
    ):
        if not zipfile.is_zipfile(file):
            raise zipfile.BadZipFile("it is no zip archive, or cut short")
        with zipfile.ZipFile(file) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            features = next((name for name in ("X", "x") if name in names), None)
            if features is None or (needs_target and "y" not in names):
                found = " ".join(", ".join(names).split()) or "none"
                raise DataError(
                    f"Data needs arrays named X (or x) and y, but {path.name!r} holds: "
                    f"{shortened(found)}. Save it with numpy.savez(path, X=..., y=...)."
                )
            x = _plain_array(archive, features, path)
            has_target = "y" in names
            y = _plain_array(archive, "y", path) if has_target else np.zeros(len(x))
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if x.ndim != 2:
        raise DataError(
            f"Data needs {features!r} of shape (rows, columns), but it has shape {x.shape} in "
            f"{path.name!r}. Reshape it with {features}.reshape(len({features}), -1)."
        )
    if y.ndim != 1 or len(y) != len(x):
        raise DataError(
            f"Data needs one target a row, but {path.name!r} holds {features!r} of shape "
            f"{x.shape} and y of shape {y.shape}. Give y the shape ({len(x)},)."
        )
    if len(x) == 0:  # of which it may have a billion columns
        raise DataError(
            f"Data needs rows, but {path.name!r} holds {features!r} of shape {x.shape}. "
            "Write the table again."
        )
    table = pd.DataFrame(x, columns=[f"x{place}" for place in range(x.shape[1])])
    return pd.concat([table, pd.Series(y, name=NPZ_TARGET)], axis=1) if has_target else table


def _plain_array(archive: zipfile.ZipFile, name: str, path: Path) -> npt.NDArray[Any]:
    """Returns one array of the archive, if it holds numbers, truth values or text."""
    needed = "Data needs arrays of numbers, truth values or text, but"
    member = next(m for m in reversed(archive.infolist()) if m.filename in (f"{name}.npy", name))
    if member.compress_type == zipfile.ZIP_LZMA:
        # It says itself how much memory its dictionary takes, up to 4 GB.
        raise DataError(
            f"Data needs an NPZ file as numpy writes it, but {name!r} in {path.name!r} is packed "
            "by LZMA. Save it with numpy.savez_compressed."
        )
    remedy = "If it really is so large, save it with numpy.savez, which does not compress."
    _require_proportion(path, member.file_size, _NPZ_PROPORTION, remedy)
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        # The third version differs from the second in the names of fields alone.
        read = np.lib.format.read_array_header_2_0
        shape, _, dtype = (np.lib.format.read_array_header_1_0 if version == (1, 0) else read)(file)
        held = member.file_size - file.tell()
    if dtype.hasobject:
        raise DataError(
            f"{needed} {name!r} in {path.name!r} holds pickled objects, which could run code. "
            f"Save it with a plain type, as in {name}.astype(float) or {name}.astype(str)."
        )
    if dtype.kind not in "biufU" or dtype.itemsize == 0:
        raise DataError(
            f"{needed} {name!r} in {path.name!r} has dtype {shortened(str(dtype))}. "
            f"Convert it with {name}.astype({'str' if dtype.kind == 'S' else 'float'})."
        )
    # Before numpy, or a table's names, make room for what the header says.
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > held:
        raise ValueError(f"{name!r} should have the shape {shape}, but its data end before")
    with archive.open(member) as file:
        array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    if dtype.kind == "U":
        _require_text(name, array, path)
    if dtype.kind == "f" and dtype.itemsize > 8:
        with np.errstate(over="ignore", invalid="ignore"):  # infinite ones are refused later
            return array.astype(np.float64)
    return array.astype(dtype.newbyteorder("="), copy=False)  # pandas needs the machine's own


def _require_text(name: str, array: npt.NDArray[np.str_], path: Path) -> None:
    """Refuses numbers that stand for no sign, which numpy takes for text."""
    codes = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))).view(np.uint32)
    if ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any():
        raise DataError(
            f"Data needs text, but {name!r} in {path.name!r} holds signs that Unicode does not "
            "have. Write the file again."
        )
