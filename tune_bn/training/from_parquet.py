"""A Parquet file → a table with its types, in proportion to what the file weighs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tune_bn.plain.text import shortened
from tune_bn.training.errors import DataError
from tune_bn.training.file_errors import (
    PARSER_ERRORS,
    parse_errors,
    parsed_parts,
    require_proportion,
    require_unique,
)

__all__ = ["parquet_names", "parquet_parts"]

_PARQUET_PROPORTION = 2000  # a column of one value takes next to nothing
_TEXT_PROPORTION = 100  # of Parquet's text, of which any length may stand in every row


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


def parquet_names(path: Path) -> list[str]:
    """Returns the names of a Parquet file's columns, less an index without a name."""
    pa, pq = _parquet()
    with (
        parse_errors(path, "a Parquet", pa.ArrowException, *PARSER_ERRORS),
        pq.ParquetFile(path) as file,
    ):
        return [name for name in file.schema_arrow.names if not _is_index(name)]


def parquet_parts(
    path: Path, notes: list[str], *, rows: int | None = None
) -> Iterator[pd.DataFrame]:
    """Yields the rows of a Parquet file, with their types.

    Args:
        path: The file.
        notes: Gets a line for what was left out, with the first part.
        rows: Most rows of a part, at least 1; None: all at once.

    Raises:
        DataError: The file cannot be read as Parquet, holds other types, or would need far more
            memory than its size lets one expect; also after some parts were yielded.
    """
    pa, _ = _parquet()
    is_first = True
    for table in parsed_parts(
        _frames(path, rows),
        lambda: parse_errors(path, "a Parquet", pa.ArrowException, *PARSER_ERRORS),
    ):
        index = [str(name) for name in table.columns if _is_index(str(name))]
        if index and is_first:
            notes.append("left out the table's index: it was written along without a name")
        is_first = False
        yield table.drop(columns=index)


def _frames(path: Path, rows: int | None) -> Iterator[pd.DataFrame]:
    pa, pq = _parquet()
    # One file is meant: pq.read_table would also look for partitions in the names of folders.
    with pq.ParquetFile(path) as file:
        about, schema = file.metadata, file.schema_arrow
    require_unique(schema.names, path.name)
    _require_plain_types(schema)
    at_once = about.num_rows if rows is None else min(rows, about.num_rows)
    needed = 8 * at_once * about.num_columns
    if rows is None:
        groups = (about.row_group(i) for i in range(about.num_row_groups))
        needed = max(needed, sum(group.total_byte_size for group in groups))
    remedy = "Write it again as CSV, if it really has so many rows."
    require_proportion(path, needed, _PARQUET_PROPORTION, remedy)
    texts = [f.name for f in schema if f.type in (pa.string(), pa.large_string())]
    # A text that stands in many rows is kept once, until it is known how much all would be.
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        if rows is None:
            yield _frame(file.read(), schema, path)
            return
        for batch in file.iter_batches(batch_size=rows):
            yield _frame(pa.Table.from_batches([batch]), schema, path)


def _frame(columns: Any, schema: Any, path: Path) -> pd.DataFrame:
    """Returns an Arrow table, with texts as a dictionary, as pandas' table."""
    columns = _with_texts(columns, schema, path)
    # Whole numbers beside gaps stay whole: as floats, large ones would be others.
    table: pd.DataFrame = columns.to_pandas(ignore_metadata=True, integer_object_nulls=True)
    for about in (schema.pandas_metadata or {}).get("columns", ()):
        name = about.get("field_name")
        if about.get("pandas_type") == "categorical" and name in table.columns:
            table[name] = table[name].astype("category")  # of numbers, too
    return table


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
    require_proportion(path, n_bytes, _TEXT_PROPORTION, remedy)
    for place in places:
        field = schema.field(place)
        column = columns.column(place)
        plain = column.cast(column.type.value_type).cast(field.type)
        columns = columns.set_column(place, field, plain)
    return columns
