"""Each file that is no table ends in a `DataError` of one line, before it takes any memory."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.refusals import NUMBERS, csv, frame, npz, refusal
from tune_bn.training import DataError, load_dataset
from tune_bn.training.from_csv import _row_notes
from tune_bn.training.tables import read_table


def test_missing_file(tmp_path: Path) -> None:
    assert "there is none at" in refusal(tmp_path / "none.csv", target="y")


def test_folder(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path, target="y")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_empty_file(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"table{suffix}"
    file.touch()
    assert "is empty (0 bytes)" in refusal(file, target="y")


@pytest.mark.parametrize(
    ("encoding", "word"),
    [("utf-16", "UTF-16"), ("cp1252", "Windows code page"), ("latin-1", "another encoding")],
)
def test_other_encodings(tmp_path: Path, encoding: str, word: str) -> None:
    """They are refused by name, wherever the first sign of them stands."""
    file = tmp_path / "table.csv"
    file.write_bytes(("a,y\n" + "1,2\n" * 20 + "café,3\n").encode(encoding))
    message = refusal(file, target="y")
    assert word in message
    assert "Save it as 'CSV UTF-8'" in message


def test_a_url(tmp_path: Path) -> None:
    assert "is a URL. Download it" in refusal("https://example.org/t.csv", target="y")


def test_blank_lines_only(tmp_path: Path) -> None:
    assert "only blank lines" in refusal(csv(tmp_path, "\n\n"), target="y")


def test_header_only(tmp_path: Path) -> None:
    message = refusal(csv(tmp_path, "a,b,y\n"), target="y")
    assert "3 columns and no row" in message


def test_parquet_without_rows(tmp_path: Path) -> None:
    assert "no row" in refusal(frame(tmp_path, a=[], y=[]), target="y")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_binary_rubbish(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"table{suffix}"
    file.write_bytes(bytes(range(256)) * 8)
    assert "could not be parsed" in refusal(file, target="y")


@pytest.mark.parametrize("suffix", [".parquet", ".npz"])
def test_file_cut_short(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".npz":
        np.savez(whole, X=np.zeros((50, 3)), y=np.zeros(50))
    else:
        pd.DataFrame({"a": NUMBERS, "y": NUMBERS}).to_parquet(whole)
    file = tmp_path / f"cut{suffix}"
    file.write_bytes(whole.read_bytes()[:-100])
    assert "could not be parsed" in refusal(file, target="y")


def test_more_cells_than_columns(tmp_path: Path) -> None:
    """By itself, pandas takes the first column for an index, or drops the last cells."""
    message = refusal(csv(tmp_path, "a,y\n" + "1,2,3\n" * 20), target="y")
    assert "could not be parsed" in message


def test_one_ragged_row(tmp_path: Path) -> None:
    message = refusal(csv(tmp_path, "a,y\n1,2\n3,4,5,6\n" + "1,2\n" * 20), target="y")
    assert "could not be parsed" in message
    assert "line 3" in message


def test_open_quote(tmp_path: Path) -> None:
    assert "could not be parsed" in refusal(csv(tmp_path, 'a,y\n"1,2\n3,4\n'), target="y")


def test_unknown_kind(tmp_path: Path) -> None:
    file = tmp_path / "table.xlsx"
    file.write_bytes(b"PK")
    assert "ending in .csv, .parquet, .npz" in refusal(file, target="y")


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = csv(tmp_path, "a,y\n1,2\n")

    def refuse(*_args: Any, **_options: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "Permission denied" in refusal(file, target="y")


def test_npz_without_x(tmp_path: Path) -> None:
    message = refusal(npz(tmp_path, data=np.zeros((20, 2)), y=np.zeros(20)))
    assert "holds: data, y" in message


@pytest.mark.parametrize("name", ["X", "y"])
def test_npz_with_objects(tmp_path: Path, name: str) -> None:
    """They would need a pickle, which can run code."""
    arrays: dict[str, Any] = {"X": np.zeros((20, 2)), "y": np.arange(20)}
    arrays[name] = arrays[name].astype(object)
    assert "pickled objects" in refusal(npz(tmp_path, **arrays))


def test_npz_with_images(tmp_path: Path) -> None:
    message = refusal(npz(tmp_path, X=np.zeros((20, 8, 8)), y=np.zeros(20)))
    assert "X.reshape(len(X), -1)" in message


def test_npz_with_another_length(tmp_path: Path) -> None:
    assert "one target a row" in refusal(npz(tmp_path, X=np.zeros((20, 2)), y=np.zeros(19)))


def test_npz_of_complex_numbers(tmp_path: Path) -> None:
    assert "complex128" in refusal(npz(tmp_path, X=np.zeros((20, 2), complex), y=np.zeros(20)))


def test_npy_named_npz(tmp_path: Path) -> None:
    file = tmp_path / "table.npz"
    with file.open("wb") as handle:
        np.save(handle, np.zeros(3))
    assert "could not be parsed" in refusal(file)


def test_npz_with_another_target(tmp_path: Path) -> None:
    file = npz(tmp_path, X=np.zeros((20, 2)), y=np.zeros(20))
    assert "needs the target 'y'" in refusal(file, target="label")


def test_npz_of_big_endian_numbers_is_read(tmp_path: Path) -> None:
    """As another machine wrote it; pandas alone refuses some operations on them."""
    numbers = np.arange(40.0).reshape(20, 2)
    swapped = npz(tmp_path, X=numbers.astype(">f8"), y=np.arange(20.0).astype(">f8"))
    found = load_dataset(swapped)
    native = npz(tmp_path, X=numbers, y=np.arange(20.0))
    assert found.train.x.equal(load_dataset(native).train.x)


def test_npz_of_what_is_no_text(tmp_path: Path) -> None:
    """Numbers that are no sign of Unicode, which numpy takes for text."""
    y = np.frombuffer(np.full(20, 0x110000, np.uint32).tobytes(), dtype="<U1")
    assert "Unicode" in refusal(npz(tmp_path, X=np.zeros((20, 2)), y=y))


def test_npz_that_says_more_than_it_holds(tmp_path: Path) -> None:
    """Its header declares a shape of terabytes: no memory is asked for."""
    file = npz(tmp_path, X=np.zeros((20, 2)), y=np.zeros(20))
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    said, longer = b"(20, 2), }", b"(20000000000, 200), }"
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(said.ljust(len(longer)), longer))
    assert "its data end before" in refusal(file)


def test_npz_that_is_a_bomb(tmp_path: Path) -> None:
    """A gigabyte of zeros in a megabyte."""
    file = tmp_path / "table.npz"
    with (
        zipfile.ZipFile(file, "w", compression=zipfile.ZIP_DEFLATED) as archive,
        archive.open("X.npy", "w") as member,
    ):
        for _ in range(256):
            member.write(bytes(1 << 20))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("y.npy", b"")
    assert "in proportion to its file" in refusal(file)


def said_to_be(path: Path, name: str, descr: str, shape: tuple[int, ...]) -> Path:
    """Writes a sound NPZ file, one of whose arrays is a header alone, which says this."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    file = npz(path, X=np.zeros((20, 2)), y=np.zeros(20))
    with zipfile.ZipFile(file) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, header.getvalue() if member == f"{name}.npy" else content)
    return file


@pytest.mark.parametrize("shape", [(10**6, 10**6), (20, 2)])
def test_npz_text_of_no_length(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Any number of such cells fits into no bytes, but not into a table."""
    assert "has dtype <U0" in refusal(said_to_be(tmp_path, "X", "<U0", shape))


def test_npz_with_any_number_of_columns_and_no_row(tmp_path: Path) -> None:
    """No name is made for a column that holds nothing."""
    file = said_to_be(tmp_path, "X", "<f8", (0, 10**12))
    with zipfile.ZipFile(file) as archive:
        x = archive.read("X.npy")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("X.npy", x)
        header = io.BytesIO()
        np.save(header, np.zeros(0))
        archive.writestr("y.npy", header.getvalue())
    assert "needs rows" in refusal(file)


@pytest.mark.parametrize("is_repeated", [True, False])
def test_parquet_that_is_a_bomb(tmp_path: Path, is_repeated: bool) -> None:
    """Kilobytes of which one text stands in all rows: once in the file, or again and again."""
    file = tmp_path / "table.parquet"
    text = pa.array(["x" * 200_000])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), text)
    if not is_repeated:
        column = column.dictionary_decode()
    pq.write_table(
        pa.table([column, pa.array([float(i) for i in range(1000)])], names=["a", "y"]),
        file,
        compression="zstd",
        use_dictionary=is_repeated,
        store_schema=False,
    )
    assert file.stat().st_size < 20_000
    assert "in proportion to its file" in refusal(file, target="y")


def test_parquet_text_is_as_written(tmp_path: Path) -> None:
    """Read by way of a dictionary, in one row group or many, it is the same table."""
    texts = ["a", None, "", "b", "a"] * 8
    table = pa.table({"s": texts, "long": pa.array(texts, pa.large_string()), "y": range(40)})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=7)
    read = read_table(tmp_path / "t.parquet").table
    pd.testing.assert_frame_equal(read, table.to_pandas())


def test_npz_packed_by_lzma(tmp_path: Path) -> None:
    """Its own header says how much memory to take; numpy never writes it."""
    file = npz(tmp_path, X=np.zeros((20, 2)), y=np.zeros(20))
    with zipfile.ZipFile(file) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    with zipfile.ZipFile(file, "w", compression=zipfile.ZIP_LZMA) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    assert "packed by LZMA. Save it with numpy.savez_compressed" in refusal(file)


def test_npz_with_a_name_of_two_lines(tmp_path: Path) -> None:
    """The names that it holds are shown in one."""
    file = tmp_path / "table.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("X.n\npy", b"")
    assert "holds: X.n py." in refusal(file)


def test_a_header_of_another_table(tmp_path: Path) -> None:
    """Thousands of names above rows of two cells are no table, which is seen before it is read."""
    names = ",".join(f"gene {i}" for i in range(5000))
    message = refusal(csv(tmp_path, f"a,y,{names}\n" + "1,2\n" * 30), target="y")
    assert "names 5,002 columns in its header and its first row has 2 cells" in message


def test_a_wide_header_alone_is_not_read_as_a_table(tmp_path, monkeypatch):
    """For tens of thousands of empty columns pandas takes seconds; the header says enough."""
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"gene {i}" for i in range(49_000)) + "\n")
    monkeypatch.setattr("pandas.read_csv", None)
    with pytest.raises(DataError, match="49000 columns and no row"):
        load_dataset(path, target="gene 0")


def test_a_spreadsheet_named_csv(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.csv", "w") as file:
        file.writestr("xl/workbook.xml", "<workbook/>")
    assert "is a zip archive, as a spreadsheet is. Save it as" in refusal(
        tmp_path / "t.csv", target="y"
    )


def test_a_title_above_the_header(tmp_path: Path) -> None:
    message = refusal(csv(tmp_path, "Sales of May\n\na,y\n1,2\n"), target="y")
    assert "Its columns are 'Sales of May'. Begin it with the names of its columns" in message


def test_rows_are_counted_whatever_their_bytes_are(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are for pandas to refuse, or to leave unread."""
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n1,2\n3,\xed\n4\n")
    assert _row_notes(path, ["a", "b"], ",", 0) == [
        "the last row has 1 of 2 cells: the file may be cut short"
    ]
