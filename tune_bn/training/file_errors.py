"""What a file cannot be, said in one line: missing, damaged, or far larger than it looks."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import pandas as pd

from tune_bn.plain.text import shortened
from tune_bn.training.errors import DataError

__all__ = [
    "CHUNK",
    "PARSER_ERRORS",
    "SUFFIXES",
    "known_suffix",
    "parse_errors",
    "parsed_parts",
    "readable",
    "require_proportion",
    "require_short",
    "require_unique",
    "without_rows",
]

_Part = TypeVar("_Part")

SUFFIXES = (".csv", ".parquet", ".npz")
CHUNK = 1 << 20  # bytes of a file that are looked at at a time
_SURPRISE = 1 << 27  # bytes in memory below which no proportion is a surprise
_LONGEST_NAME = 1000
PARSER_ERRORS = (
    ValueError,
    ArithmeticError,
    LookupError,
    EOFError,
    MemoryError,  # of what a damaged file says about its sizes
    NotImplementedError,
    RuntimeError,
    TypeError,
)


def known_suffix(path: Path) -> str:
    """Returns the suffix of a file that is there and not empty, in small letters."""
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
    with readable(path):
        if path.stat().st_size == 0:
            raise DataError(
                f"Data needs a header and rows, but {path.name!r} is empty (0 bytes). "
                "Write the table again."
            )
    return suffix


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what the system says of a file that cannot be read into a `DataError`."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Data needs a readable file, but reading {path.name!r} failed: {_line(error)}. "
            "Check its permissions and the disk."
        ) from error


def require_short(names: Sequence[str], path: Path) -> None:
    """Refuses names of columns that are as long as a page, as after a quote that is not closed."""
    longest = max(map(len, names), default=0)
    if longest > _LONGEST_NAME:
        raise DataError(
            f"Data needs column names of at most {_LONGEST_NAME:,} characters, but {path.name!r} "
            f"has one of {longest:,}. Shorten it, or close the quote that it begins with."
        )


@contextmanager
def parse_errors(path: Path, kind: str, *errors: type[Exception]) -> Iterator[None]:
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


def parsed_parts(
    parts: Iterator[_Part], errors: Callable[[], AbstractContextManager[None]]
) -> Iterator[_Part]:
    """Yields parts of a file, each read within `errors`: what is done with it is not."""
    while True:
        with errors():
            part = next(parts, None)
        if part is None:
            return
        yield part


def _line(error: Exception) -> str:
    """Returns the error's text on one line, short enough to read."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, pd.errors.ParserWarning) and "Length of header" in text:
        text = "its rows have more cells than the header has names"
    return shortened(text).rstrip(".")


def require_proportion(path: Path, n_bytes: int, most: int, remedy: str) -> None:
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


def without_rows(path: Path, n_columns: int) -> DataError:
    """Returns the refusal of a file that has a head only."""
    return DataError(
        f"Data needs rows, but {path.name!r} holds {n_columns} columns and no row. "
        "Write the table again."
    )
