"""Each unusable table ends in a `DataError` of one line: what was needed, found, what to do."""

import io
import re
import time
import warnings
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tune_bn.training import DataError, load_dataset
from tune_bn.training.data import split_rows
from tune_bn.training.preprocessing import NumberColumn
from tune_bn.training.tables import read_table

Write = Callable[[Path], Path]


def refusal(source: str | Path, **options: Any) -> str:
    """Returns the message of the refusal, after the checks that every message must pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError) as caught:
            load_dataset(source, **options)
    message = str(caught.value)
    require_one_clear_line(message)
    return message


def require_one_clear_line(message: str) -> None:
    """One line that says "needs", then what was found, then what to do, in two sentences."""
    assert "\n" not in message
    assert "need" in message
    assert message.endswith((".", "?"))
    assert len(message) < 400
    assert ". " in message


@pytest.mark.parametrize(
    "message",
    ["Data needs a\nfile. Write it.", "Bad file. Write it.", "Data needs a file, but got none."],
)
def test_the_judge_of_messages_refuses(message: str) -> None:
    """The judge above rejects two lines, no need, and no remedy."""
    with pytest.raises(AssertionError):
        require_one_clear_line(message)


def csv(path: Path, text: str) -> Path:
    file = path / "table.csv"
    file.write_text(text, encoding="utf-8")
    return file


def frame(path: Path, **columns: Any) -> Path:
    file = path / "table.parquet"
    pd.DataFrame(columns).to_parquet(file)
    return file


ROWS = 30
NUMBERS = np.arange(ROWS, dtype=float)
CLASSES = ["a", "b", "c"] * 10


# Files


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


def test_a_count_with_a_rare_value_names_regression(tmp_path: Path) -> None:
    message = refusal(frame(tmp_path, a=NUMBERS, y=[*[0, 1] * 14, 0, 7]), target="y")
    assert "Use --task regression" in message


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


# Column names


def test_duplicate_column_names(tmp_path: Path) -> None:
    """By itself, pandas renames the second to a.1."""
    assert "2 columns named 'a'" in refusal(csv(tmp_path, "a,b,a,y\n1,2,3,4\n"), target="y")


def test_nameless_column(tmp_path: Path) -> None:
    text = "a,,y\n" + "".join(f"{i},{i % 7},{i}\n" for i in range(ROWS))
    assert "column 2 of 'table.csv' has none" in refusal(csv(tmp_path, text), target="y")


def test_absent_target_lists_the_nearest_names(tmp_path: Path) -> None:
    file = frame(tmp_path, price=NUMBERS, prize=NUMBERS, colour=NUMBERS)
    message = refusal(file, target="Pricee")
    assert "Did you mean 'price'" in message
    assert "colour" not in message


def test_absent_target_without_a_near_name_lists_the_columns(tmp_path: Path) -> None:
    message = refusal(frame(tmp_path, price=NUMBERS, colour=NUMBERS), target="zzz")
    assert "Its columns are 'price', 'colour'" in message


def test_no_target_named(tmp_path: Path) -> None:
    message = refusal(frame(tmp_path, price=NUMBERS, colour=NUMBERS))
    assert "none was named" in message
    assert "'price'" in message


def test_target_for_digits() -> None:
    assert "needs the target 'target'" in refusal("digits", target="label")


def test_target_alone(tmp_path: Path) -> None:
    message = refusal(frame(tmp_path, y=NUMBERS), target="y")
    assert "at least one column beside the target" in message


# Targets


@pytest.mark.parametrize("value", [1, 1.5, "a", True])
@pytest.mark.parametrize("task", [None, "classification"])
def test_constant_target(tmp_path: Path, value: object, task: str | None) -> None:
    message = refusal(frame(tmp_path, a=NUMBERS, y=[value] * ROWS), target="y", task=task)
    assert "every row holds" in message


def test_constant_regression_target(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=[2.5] * ROWS)
    assert "every row holds 2.5" in refusal(file, target="y", task="regression")


def test_class_with_one_row(tmp_path: Path) -> None:
    message = refusal(frame(tmp_path, a=NUMBERS, y=[*["a", "b"] * 14, "a", "rare"]), target="y")
    assert "class 'rare' of target 'y' has 1 row." in message


def test_whole_number_class_with_one_row(tmp_path: Path) -> None:
    """It is still a classification, not silently a regression."""
    message = refusal(frame(tmp_path, a=NUMBERS, y=[*[0, 1] * 14, 0, 7]), target="y")
    assert "class 7 of target 'y' has 1 row." in message


def test_classes_with_fewer_rows_than_parts(tmp_path: Path) -> None:
    y = [*["a", "b"] * 13, "c", "c", "d", "d"]
    message = refusal(frame(tmp_path, a=NUMBERS, y=y), target="y")
    assert "class 'c' of target 'y' has 2 rows (2 classes have too few)" in message


def test_a_target_of_texts_that_all_differ(tmp_path: Path) -> None:
    """No class is to be merged with another: these are numbers, or a wrong column."""
    texts = [f"{n} {'km' if n % 2 else 'm'}" for n in range(30)]
    message = refusal(frame(tmp_path, a=NUMBERS, y=texts), target="y")
    assert "needs numbers or classes, but holds 30 different texts in 30 rows" in message


def test_classification_of_a_continuous_target(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 300)
    file = frame(tmp_path, a=np.arange(300), y=values)
    message = refusal(file, target="y", task="classification")
    assert "300 different values in 300 rows" in message
    assert "task='regression'" in message


def test_regression_of_text_names_the_value(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=["1.5", "much", *["2"] * 28])
    message = refusal(file, target="y", task="regression")
    assert "'much' in data row 2" in message
    assert "task='classification'" in message


def test_regression_of_truth_values(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=[True, False] * 15)
    assert "holds truth values" in refusal(file, target="y", task="regression")


def test_target_of_dates(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=pd.date_range("2024-01-01", periods=ROWS))
    assert "holds dates" in refusal(file, target="y")


def test_target_of_dates_with_a_task(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=pd.date_range("2024-01-01", periods=ROWS))
    assert "holds dates" in refusal(file, target="y", task="regression")


def test_all_missing_target(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=[None] * ROWS)
    assert "all 30 of its cells are empty" in refusal(file, target="y")


def test_infinite_target(tmp_path: Path) -> None:
    y = NUMBERS.copy()
    y[3] = np.inf
    assert "'y' needs finite numbers, but 1 of 30" in refusal(
        frame(tmp_path, a=NUMBERS, y=y), target="y"
    )


def test_unknown_task(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=NUMBERS)
    assert "'ranking'" in refusal(file, target="y", task="ranking")


# Rows and features


def test_two_rows(tmp_path: Path) -> None:
    message = refusal(csv(tmp_path, "a,y\n1,2\n3,4\n"), target="y")
    assert "at least 10 rows" in message
    assert "has 2" in message


def test_all_missing_columns(tmp_path: Path) -> None:
    """One is left out with a note; a table of nothing else is refused."""
    file = frame(tmp_path, a=NUMBERS, empty=[None] * ROWS, y=NUMBERS)
    notes = load_dataset(file, target="y").notes
    assert "left out column 'empty': no value in the training rows" in notes
    file = frame(tmp_path, empty=[None] * ROWS, y=NUMBERS)
    assert "at least one column that varies" in refusal(file, target="y")


def test_infinite_values_are_named_and_counted(tmp_path: Path) -> None:
    bad = NUMBERS.copy()
    bad[[3, 7]] = np.inf, -np.inf
    message = refusal(frame(tmp_path, a=NUMBERS, bad=bad, y=NUMBERS), target="y")
    assert "'bad' needs finite numbers, but 2 of 30 values are infinite" in message


def test_infinite_word_in_csv(tmp_path: Path) -> None:
    text = "a,y\n" + "".join(f"{i},{i}\n" for i in range(ROWS)) + "inf,3\n"
    assert "1 of 31 values are infinite" in refusal(csv(tmp_path, text), target="y")


def test_a_column_of_numbers_with_typing_errors(tmp_path: Path) -> None:
    cells = [str(i) for i in range(60)]
    cells[17] = "12,5"
    text = "a,y\n" + "".join(f'"{cell}",{i}\n' for i, cell in enumerate(cells))
    message = refusal(csv(tmp_path, text), target="y")
    assert "'12,5' in data row 18" in message


def test_nested_values(tmp_path: Path) -> None:
    file = frame(tmp_path, a=[[1.0, 2.0]] * ROWS, y=NUMBERS)
    assert "'a' holds" in refusal(file, target="y")


def test_dates_at_the_ends_of_the_calendar(tmp_path: Path) -> None:
    """They are read; pandas before 3 counts in nanoseconds, and cannot hold them."""
    file = frame(tmp_path, a=[date(1, 1, 1), date(9999, 12, 31)] * 15, y=NUMBERS)
    if pd.__version__ < "3":
        message = refusal(file, target="y")
        assert re.search(r"'a' needs dates (from 1678 to 2261|like 2024-05-31)", message)
        return
    column = load_dataset(file, target="y").preprocessing.columns[0]
    days = (date(1, 1, 1).toordinal() + date(9999, 12, 31).toordinal()) / 2 - 719163
    assert isinstance(column, NumberColumn)
    assert abs(column.mean - days) < column.scale


def test_impossible_dates(tmp_path: Path) -> None:
    file = frame(tmp_path, a=["2024-05-31", "2024-02-30"] * 15, y=NUMBERS)
    assert "'2024-02-30' in data row 2" in refusal(file, target="y")


def test_a_long_value_is_shortened(tmp_path: Path) -> None:
    file = frame(tmp_path, a=NUMBERS, y=["long " * 1000] * ROWS)
    assert "…" in refusal(file, target="y", task="regression")


def test_durations(tmp_path: Path) -> None:
    file = frame(tmp_path, a=pd.to_timedelta(NUMBERS, unit="h"), y=NUMBERS)
    assert "timedelta" in refusal(file, target="y")


def test_no_column_that_varies(tmp_path: Path) -> None:
    file = frame(tmp_path, a=[1.0] * ROWS, y=NUMBERS)
    assert "at least one column that varies" in refusal(file, target="y")


# NPZ


def npz(path: Path, **arrays: Any) -> Path:
    file = path / "table.npz"
    np.savez(file, **arrays)
    return file


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


def test_huge_integers_are_infinite(tmp_path: Path) -> None:
    """pandas alone raises OverflowError; before pandas 3 it reads them as text."""
    text = "a,y\n" + "".join(f"{i},{i}\n" for i in range(ROWS)) + "9" * 400 + ",3\n"
    message = refusal(csv(tmp_path, text), target="y")
    assert "infinite" in message or "needs numbers" in message


def test_a_target_far_from_the_training_rows(tmp_path: Path) -> None:
    """In units of their deviation it is no float32."""
    y = np.arange(60.0) * 1e-300
    y[split_rows(60, seed=0)[2][0]] = 1e300
    message = refusal(frame(tmp_path, a=np.arange(60.0), y=y), target="y", task="regression")
    assert "got 1e+300, which overflows" in message


def test_a_column_name_without_end(tmp_path: Path) -> None:
    """As an open quote makes it."""
    message = refusal(csv(tmp_path, f"a,{'b' * 5000},y\n" + "1,2,3\n" * 30), target="y")
    assert "at most 1,000 characters" in message


def test_the_median_of_huge_numbers(tmp_path: Path) -> None:
    """The sum of the middle two overflows; the median does not."""
    values = np.linspace(1.5e308, 1.7e308, 60)
    found = load_dataset(frame(tmp_path, a=values, y=np.arange(60.0)), target="y")
    assert np.isfinite(found.train.x.numpy()).all()


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


def test_names_are_compared_in_no_time(tmp_path: Path) -> None:
    """A table of 60,000 columns is refused, or read on, within a moment and not a minute."""
    names = [*(f"gene {i}" for i in range(60_000)), "gene 7"]
    begun = time.process_time()
    message = refusal(csv(tmp_path, ",".join(names) + "\n"), target="y")
    assert "2 columns named 'gene 7'" in message
    assert time.process_time() - begun < 5  # comparing each with all others takes half a minute


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


def test_identifiers_alone_are_named(tmp_path: Path) -> None:
    rows = "".join(f"id{i},{i}\n" for i in range(50))
    assert "('a' has no two training rows alike" in refusal(
        csv(tmp_path, "a,y\n" + rows), target="y"
    )
