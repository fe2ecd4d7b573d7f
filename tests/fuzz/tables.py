"""Tables as strangers write them: CSV, NPZ and Parquet files, sound, odd and damaged."""

import io
import random
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.fuzz.mutate import TEXTS, damaged

__all__ = ["csv_file", "npz_file", "parquet_file"]

_ODD_CELLS: Sequence[str] = (
    *TEXTS[:-4],
    "1e308",
    "-1e308",
    "1e-320",
    "9" * 400,
    str(2**63),
    str(-(2**70)),
    "1,5",
    '"1',
    "'",
    "NA",
    "null",
    "NaT",
    "True",
    "yes",
    "2024-02-30",
    "2024-01-01",
    "0001-01-01",
    "9999-12-31",
    "2024-01-01T00:00:00+99:99",
    "2024-01-01 10:00 nonsense",
    "1+2j",
    "[1, 2]",
    "\r",
    "a\nb",
    "€",
    "\ufeff",
    "\u00a0",
)


_WRITTEN: Sequence[Callable[[float], str]] = (
    lambda v: f"{v:,.2f}",
    lambda v: f"{v:.1f}".replace(".", ","),
    lambda v: f"{abs(v):,.0f}.–".replace(",", "'"),
    lambda v: f"{abs(v):.2f}-" if v < 0 else f"{v:.2f}",
    lambda v: f"${v:,.0f}",
    lambda v: f"({-v:.0f})" if v < 0 else f"{v:.0f}",
    lambda v: f"{v:.2f} kg",
    lambda v: f"{abs(v):.0f},- €",
    lambda v: f"{v / 30:.1f} %",
)


def _cells(rng: random.Random, rows: int) -> list[str]:
    """Returns a column as text: of one kind, in a few rows of another."""
    kind = rng.choice((0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 8, 9, 10, 10))
    if kind == 0:
        column = [str(rng.randrange(-9, 99)) for _ in range(rows)]
    elif kind == 1:
        column = [f"{rng.gauss(0, 10 ** rng.uniform(-3, 3)):.6g}" for _ in range(rows)]
    elif kind == 2:
        column = [rng.choice(("no", "yes", "")) for _ in range(rows)]
    elif kind == 3:
        start = datetime(rng.choice((1969, 2024)), 1, 1)
        column = [(start + timedelta(days=i)).date().isoformat() for i in range(rows)]
    elif kind == 4:
        column = [rng.choice(("True", "False")) for _ in range(rows)]
    elif kind == 5:
        scale = rng.choice((1e300, 1e-300, 1e15, 1.0))
        column = [repr(scale * rng.random()) for _ in range(rows)]
    elif kind == 6:
        column = [rng.choice(_ODD_CELLS)] * rows
    elif kind == 7:
        zone = rng.choice(("", "Z", "+02:00", "-0930", " UTC"))
        column = [f"2024-05-{1 + i % 28:02d}T12:{i % 60:02d}{zone}" for i in range(rows)]
    elif kind == 8:
        column = [str(i) for i in range(rows)]
    elif kind == 10:
        forms = rng.choices(_WRITTEN, k=rng.choice((1, 1, 1, 2)))
        column = [rng.choice(forms)(rng.gauss(0, 3000)) for _ in range(rows)]
    else:
        column = [rng.choice(_ODD_CELLS) for _ in range(rows)]
    for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 2, rows // 4))):
        if rows:
            column[rng.randrange(rows)] = rng.choice(_ODD_CELLS)
    return column


def csv_file(rng: random.Random) -> bytes:
    """Returns a CSV file whose target, if it has one, is called ``y``."""
    rows = rng.choice((0, 1, 9, 10, *(30,) * 4, *(60,) * 8))
    names = [f"c{i}" for i in range(rng.choice((0, 1, 2, 2, 2, 4, 7)))] + ["y"]
    columns = [_cells(rng, rows) for _ in names]
    if rng.random() < 0.7:
        columns[-1] = [rng.choice(("no", "yes")) for _ in range(rows)]
    what = rng.randrange(32)
    if what == 0:
        names[rng.randrange(len(names))] = rng.choice((*TEXTS, *_ODD_CELLS))
    elif what == 1:
        names = [rng.choice(names) for _ in names]
    elif what == 2:
        columns[rng.randrange(len(columns))].append("1")  # one row more
    elif what == 3:
        names = names[:-1]  # fewer names than cells
    elif what == 4 and rng.random() < 0.2:  # what is done for each name must not look at all
        names = [f"gene {i % 49_999}" for i in range(rng.choice((49_000, 60_000)))]
    longest = max(map(len, columns))
    columns = [column + [""] * (longest - len(column)) for column in columns]
    quoted = rng.random() < 0.95
    lines = [names, *map(list, zip(*columns, strict=True))]
    separator = rng.choice((",",) * 40 + (";", "\t", "|", ", "))
    end = rng.choice(("\n",) * 20 + ("\r\n", "\r", "\n\n", "\r\r\n"))
    text = end.join(separator.join(_quoted(cell, quoted) for cell in line) for line in lines) + end
    if rng.randrange(200) == 0:  # a very long line, a very wide table
        text += rng.choice(("x" * 3_000_000, ",".join("1" for _ in range(30_000)), '"' * 100_001))
    data = text.encode("utf-8", "surrogatepass")
    how = rng.randrange(32)
    if how == 0:
        data = b"\xef\xbb\xbf" + data
    elif how == 1:
        data = text.encode(rng.choice(("utf-16", "latin-1", "utf-32", "cp1252")), "replace")
    elif how == 2:
        data = data.replace(b",", b",\x00", rng.randrange(1, 5))
    elif how <= 9:
        data = damaged(rng, data, data)
    return data


def _quoted(cell: str, quoted: bool) -> str:
    if quoted and any(sign in cell for sign in ',"\n\r'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


_DTYPES: Sequence[str] = (
    *("<f8", "<f8", "<f8", "<i8", "<f4", "<i4", "|b1", "<U4"),
    *(
        "|O",
        "|S5",
        ">f8",
        "<f2",
        "<c16",
        "<u8",
        "|i1",
        "<M8[s]",
        "<m8[D]",
        "|V16",
        "<U0",
        "<U99999",
    ),
    *("<f16", "f8, i4", "<M8", "?", "<i3", "<U999999999999"),
)


def _npy(rng: random.Random, shape: tuple[int, ...]) -> bytes:
    """Returns an array as an NPY file, whose header may say anything."""
    dtype = rng.choice(_DTYPES[:8] if rng.random() < 0.8 else _DTYPES)
    try:
        kind = np.dtype(dtype)
        size = int(np.prod(shape)) * kind.itemsize
        body = rng.randbytes(size) if size < 100_000 else b""
        if kind.kind == "f" and rng.random() < 0.8:
            body = np.array([rng.gauss(0, 1) for _ in range(int(np.prod(shape)))], kind).tobytes()
        elif kind.kind == "i" and rng.random() < 0.8:
            body = np.array([rng.randrange(3) for _ in range(int(np.prod(shape)))], kind).tobytes()
        elif kind.kind == "U" and rng.random() < 0.8:
            body = np.array([rng.choice("abc") for _ in range(int(np.prod(shape)))], kind).tobytes()
    except (TypeError, ValueError):
        body = b""
    if dtype == "|O":
        body = b"\x80\x04N."
    said: Any = shape
    what = rng.randrange(30)
    if what == 0:
        said = rng.choice(
            ((-1, 2), (10**12,), (10**6, 10**6), (2**62, 4), (0, 3), (0, 10**12), (), "x", (1.5,))
        )
    elif what == 1:
        body = body[: rng.randrange(len(body) + 1)]
    descr = repr(dtype) if "," not in dtype else repr(np.dtype(dtype).descr)
    header = f"{{'descr': {descr}, 'fortran_order': {rng.random() < 0.1}, 'shape': {said!r}, }}"
    if what == 2:
        header = rng.choice(
            (
                "(" * 300 + ")" * 300,
                "-" * 9000 + "1",
                "{'descr': '<f8'}",
                "[1]",
                header + "#" * 20_000,
                "__import__('os').getpid()",
            )
        )
    text = header.encode("latin-1")
    version, width = rng.choice((((1, 0), 2),) * 5 + (((2, 0), 4), ((3, 0), 4), ((9, 9), 2)))
    text += b" " * (-(len(text) + 8 + width + 1) % 64) + b"\n"
    length: bytes = min(len(text), 2 ** (8 * width) - 1).to_bytes(width, "little")
    return b"\x93NUMPY" + bytes(version) + length + text + body


def npz_file(rng: random.Random) -> bytes:
    """Returns an NPZ file."""
    rows = rng.choice((0, 1, 10, *(30,) * 4, *(40,) * 8))
    shape = rng.choice(((rows, 3),) * 20 + ((rows,), (rows, 2, 2), (), (rows, 0)))
    members = [
        (rng.choice(("X",) * 8 + ("x", "data")), shape),
        (
            rng.choice(("y",) * 20 + ("Y", "")),
            rng.choice(((rows,),) * 20 + ((rows, 1), (rows + 1,))),
        ),
    ]
    if rng.random() < 0.1:
        members.append((rng.choice(("X", "y", "../../X", "/y", "a\x00b")), (rows,)))
    buffer = io.BytesIO()
    how = rng.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    with zipfile.ZipFile(buffer, "w", compression=how) as archive:
        for name, of in members:
            content, zeros = _npy(rng, of), 0
            if rng.randrange(600) == 0:  # far more than the file's own size
                zeros = rng.choice((10**6, 5 * 10**7, 4 * 10**8))
                content = _zeros_header(zeros // 8)
            member = zipfile.ZipInfo(name + (rng.choice((".npy",) * 9 + ("",)) if name else ".npy"))
            member.compress_type = zipfile.ZIP_DEFLATED if zeros else how
            with _no_warning(), archive.open(member, "w") as file:
                file.write(content)
                for _ in range(zeros // 10**6):  # not at once: the driver counts our memory, too
                    file.write(bytes(10**6))
    data: bytes = buffer.getvalue()
    return damaged(rng, data, data) if rng.random() < 0.3 else data


def _zeros_header(n: int) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({n}, 1), }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def _no_warning() -> Any:
    import warnings

    return warnings.catch_warnings(action="ignore")  # two members of one name


_UTC = timezone.utc
_COLUMNS: Sequence[tuple[Any, Callable[[random.Random], Any]]] = (
    (pa.float64(), lambda r: r.choice((r.gauss(0, 1), None, float("nan"), 1e308))),
    (pa.float64(), lambda r: r.gauss(0, 1)),
    (pa.int64(), lambda r: r.randrange(3)),
    (pa.int64(), lambda r: r.choice((None, 2**62, -(2**63)))),
    (pa.uint64(), lambda r: r.choice((2**64 - 1, 0))),
    (pa.int8(), lambda r: r.choice((None, 1, -128))),
    (pa.float16(), lambda r: np.float16(r.random())),
    (pa.bool_(), lambda r: r.choice((True, False, None))),
    (pa.string(), lambda r: r.choice(("a", "b", None))),
    (pa.string(), lambda r: r.choice([t for t in _ODD_CELLS if "\ud800" not in t])),
    (pa.large_string(), lambda r: r.choice("abc")),
    (pa.dictionary(pa.int8(), pa.string()), lambda r: r.choice(("a", "b", None))),
    (pa.dictionary(pa.int8(), pa.int64()), lambda r: r.choice((1, 2, None))),
    (pa.binary(), lambda r: r.randbytes(3)),
    (pa.binary(4), lambda r: r.randbytes(4)),
    (pa.date32(), lambda r: r.choice((date(2024, 1, 1), date(1, 1, 1), date(9999, 12, 31), None))),
    (pa.date64(), lambda r: date(2024, 1, r.randrange(1, 28))),
    (pa.timestamp("ns"), lambda r: datetime(2024, 1, r.randrange(1, 28))),
    (pa.timestamp("s"), lambda r: r.choice((datetime(9999, 1, 1), datetime(1, 1, 1)))),
    (pa.timestamp("us", "Europe/Berlin"), lambda r: datetime(2024, 1, 1, tzinfo=_UTC)),
    (pa.timestamp("ms", "+05:30"), lambda r: datetime(2024, 1, 1, r.randrange(24), tzinfo=_UTC)),
    (pa.time64("us"), lambda r: time(r.randrange(24))),
    (pa.duration("s"), lambda r: timedelta(r.randrange(9))),
    (pa.decimal128(38, 5), lambda r: r.choice((Decimal("1.5"), Decimal("9" * 33), None))),
    (pa.decimal256(70, 2), lambda r: Decimal("9" * 60)),
    (pa.null(), lambda r: None),
    (pa.list_(pa.int8()), lambda r: r.choice(([], [1, 2], None))),
    (pa.struct([("a", pa.int8())]), lambda r: {"a": 1}),
    (pa.map_(pa.string(), pa.int8()), lambda r: [("k", 1)]),
    (pa.list_(pa.float32(), 2), lambda r: [0.5, 1.5]),
)


def _parquet_table(rng: random.Random) -> bytes:
    rows = rng.choice((0, 1, 10, *(30,) * 4, *(40,) * 8))
    chosen = [rng.choice(_COLUMNS), *rng.choices(_COLUMNS[1:3], k=rng.choice((0, 1, 2)))]
    rng.shuffle(chosen)
    names = [f"c{i}" for i in range(len(chosen))]
    names[-1] = rng.choice(("y",) * 20 + ("__index_level_0__", ""))
    if rng.random() < 0.05:
        names[0] = names[-1]
    arrays = [pa.array([make(rng) for _ in range(rows)], kind) for kind, make in chosen]
    buffer = io.BytesIO()
    pq.write_table(
        pa.table(arrays, names=names),
        buffer,
        compression=rng.choice(("none", "snappy", "gzip", "zstd", "lz4", "brotli")),
        use_dictionary=rng.random() < 0.5,
        data_page_version=rng.choice(("1.0", "2.0")),
        store_schema=rng.random() < 0.8,
        row_group_size=rng.choice((5, 1000)),
        version=rng.choice(("1.0", "2.6")),
    )
    data: bytes = buffer.getvalue()
    return data


def _parquet_bomb(*, is_repeated: bool) -> bytes:
    """Returns a file of kilobytes that a gigabyte and more comes out of."""
    rows = 1000 if is_repeated else 10
    text = pa.array(["x" * (2_000_000 if is_repeated else 500_000)])
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), text)
    column = texts if is_repeated else texts.dictionary_decode()
    table = pa.table([column, pa.array([float(i) for i in range(rows)])], names=["c0", "y"])
    buffer = io.BytesIO()
    with pq.ParquetWriter(
        buffer,
        table.schema,
        compression="zstd",
        use_dictionary=is_repeated,
        dictionary_pagesize_limit=2**30,
        store_schema=False,
    ) as writer:
        for _ in range(1 if is_repeated else 200):
            writer.write_table(table)
    data: bytes = buffer.getvalue()
    return data


@cache
def _pool() -> Sequence[bytes]:
    """Returns tables to damage: making one costs more than reading it."""
    tables = [_parquet_table(random.Random(f"parquet pool {i}")) for i in range(400)]
    return [*tables, _parquet_bomb(is_repeated=True), _parquet_bomb(is_repeated=False)]


def parquet_file(rng: random.Random) -> bytes:
    """Returns a Parquet file; most damage is done to its footer, which says what the rest is."""
    data = rng.choice(_pool())
    what = rng.randrange(10)
    if what < 3:
        return data
    if what < 6:
        return damaged(rng, data, rng.choice(_pool()))
    length = int.from_bytes(data[-8:-4], "little")
    start = len(data) - 8 - length
    footer = damaged(rng, data[start:-8], rng.choice(_pool())[-400:])
    size = len(footer).to_bytes(4, "little")
    return data[:start] + footer + size + b"PAR1"
