"""A row's answer does not depend on the rows beside it, in any format and for any kind of column.

A model's own record of a column decides how a cell is read: alone, in any order, beside any other
rows, from a CSV file as from Parquet, from a data frame as from mappings.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tune_bn.training import DataError, Preprocessing, load_dataset
from tune_bn.training.tables import read_rows

ROWS = 60
Cells = list[str]

# What a column of the table is learned from, and what it is asked for later on.
KINDS: dict[str, tuple[Callable[[int], str], Cells]] = {
    "codes": (lambda i: ("01", "02", "2A")[i % 3], ["01", "02", "2A", "1", "7", "", "1.0"]),
    "codes of digits": (lambda i: ("007", "010", "100")[i % 3], ["007", "7", "100", "", "8"]),
    "truth values": (lambda i: ("True", "False")[i % 2], ["True", "false", "TRUE", "", "1"]),
    "words": (
        lambda i: ("yes", "no", "None")[i % 3],
        ["yes", "None", "NA", "", "true", "1", "nan"],
    ),
    "numbers": (lambda i: str(i * 1.5), ["1", "2.5", "-3", "", "NA", "1e3", " 4 "]),
    "large numbers": (
        lambda i: str(2**60 + i * 2**51),
        ["1152921504606846977", "1152921504606846976", "9007199254740993", "0.5", "", "3e18"],
    ),
    "numbers with gaps": (lambda i: "-" if i % 9 == 0 else str(i), ["-", "1", "", "2.5"]),
    "money": (lambda i: f"${1000 + 7 * i:,}", ["$1,234", "$7", "1,000.5", "", "12"]),
    "decimal commas": (lambda i: f"{i * 1.5:.1f}".replace(".", ","), ["1,5", "2", "", "1000,25"]),
    "days": (lambda i: f"2024-01-{i % 28 + 1:02}", ["2024-05-31", "", "2024-01-01 10:00"]),
    "dotted days": (
        lambda i: f"{i % 28 + 1:02}.01.2024",
        ["31.05.2024", "", "2024-05-31", "01.02.2023"],
    ),
    "clock times": (lambda i: f"{i % 24:02}:30", ["12:30", "", "7:05"]),
    "durations": (lambda i: f"{i % 3}h {i}m", ["1h 5m", "PT5M", "", "26:00:00", "2 hours"]),
    "names": (lambda i: f"n{i % 45}", ["n1", "n44", "n99", "", "NA"]),
}


@pytest.fixture(scope="module", params=[True, False], ids=["from CSV", "from Parquet"])
def learned(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Preprocessing:
    """A model's record of all kinds of columns, learned from a file of text."""
    table = pd.DataFrame({n: [make(i) for i in range(ROWS)] for n, (make, _) in KINDS.items()})
    table["y"] = np.arange(ROWS) * 1.0
    file = tmp_path_factory.mktemp("data") / ("t.csv" if request.param else "t.parquet")
    if request.param:
        table.to_csv(file, index=False)
        return load_dataset(file, target="y", missing=["NA", "nan"]).preprocessing
    table.to_parquet(file)
    return load_dataset(file, target="y").preprocessing


rows_of_text = st.lists(
    st.fixed_dictionaries({name: st.sampled_from(cells) for name, (_, cells) in KINDS.items()}),
    min_size=2,
    max_size=8,
)


def through(path: Path, rows: list[dict[str, str]], format_: str) -> pd.DataFrame:
    """Returns the rows as a model gets them from a file."""
    table = pd.DataFrame(rows, dtype=object)
    if format_ == "csv":
        table.to_csv(path / "r.csv", index=False)
        return read_rows(path / "r.csv").table
    pq.write_table(
        pa.table(
            {n: pa.array([None if v == "" else v for v in table[n]], pa.string()) for n in table}
        ),
        path / "r.parquet",
    )
    return read_rows(path / "r.parquet").table


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)
@given(rows=rows_of_text, data=st.data())
@pytest.mark.parametrize("format_", ["csv", "parquet", "mappings"])
def test_a_row_alone_is_as_in_any_file(
    learned: Preprocessing,
    tmp_path: Path,
    format_: str,
    rows: list[dict[str, str]],
    data: st.DataObject,
) -> None:
    """To the last bit, in any order and beside any others."""
    if format_ == "mappings":
        whole = learned.transform(rows)
        alone = [learned.transform(row) for row in rows]
    else:
        order = data.draw(st.permutations(range(len(rows))))
        shuffled = learned.transform(through(tmp_path, [rows[i] for i in order], format_))
        whole = torch.empty_like(shuffled)
        whole[order] = shuffled
        alone = [learned.transform(through(tmp_path, [row], format_)) for row in rows]
    for one, inputs in zip(alone, whole, strict=True):
        assert torch.equal(one[0], inputs)


def test_the_judge_sees_a_reading_by_neighbours(learned: Preprocessing, tmp_path: Path) -> None:
    """The property above fails where pandas decides by the whole column, as it does by itself."""
    rows = [{name: cells[0] for name, (_, cells) in KINDS.items()} for _ in range(2)]
    rows[1]["codes"] = "2A"
    pd.DataFrame(rows).to_csv(tmp_path / "both.csv", index=False)
    pd.DataFrame(rows[:1]).to_csv(tmp_path / "one.csv", index=False)
    both = learned.transform(pd.read_csv(tmp_path / "both.csv"))
    one = learned.transform(pd.read_csv(tmp_path / "one.csv"))
    assert not torch.equal(both[0], one[0])


typed_values = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.integers(2**53, 2**62), st.sampled_from("01")
)


@given(st.lists(typed_values, min_size=2, max_size=6))
def test_a_mapping_alone_is_as_among_others(values: list[object]) -> None:
    """Types are not levelled: True is not 1, and a large integer stays exact beside a gap."""
    table = pd.DataFrame(
        {
            "a": pd.Series([True, 1, 2, "0", 2**60 + 1] * 10, dtype=object).map(str),
            "y": np.arange(50.0),
        }
    )
    learned = _categories(table)
    whole = learned.transform([{"a": value} for value in values])
    for value, inputs in zip(values, whole, strict=True):
        assert torch.equal(learned.transform({"a": value})[0], inputs)


def _categories(table: pd.DataFrame) -> Preprocessing:
    from tune_bn.training.learning import learn
    from tune_bn.training.target import Target

    return learn(table[["a"]], target=Target("y", "regression", None, 0.0, 1.0))[0]


def test_large_integers_beside_gaps_in_parquet(tmp_path: Path) -> None:
    """Kept to the last digit, as categories must be."""
    learned = _categories(pd.DataFrame({"a": [str(2**60 + 1), "3"] * 5}))
    for name, cells in (("gap", [2**60 + 1, None]), ("none", [2**60 + 1, 3])):
        pq.write_table(pa.table({"a": pa.array(cells, pa.int64())}), tmp_path / f"{name}.parquet")
        table = read_rows(tmp_path / f"{name}.parquet").table
        assert learned.transform(table)[0].tolist() == [1.0, 0.0]


def test_digits_alone_are_the_codes_that_the_model_knows(tmp_path: Path) -> None:
    """A file that holds 01 and 02 alone, as CSV and as text in NPZ."""
    cells = ["01", "02", "2A"] * 20
    table = pd.DataFrame({"x0": cells, "y": np.arange(60.0)})
    table.to_csv(tmp_path / "t.csv", index=False)
    np.savez(tmp_path / "t.npz", X=np.array(cells)[:, None], y=np.arange(60.0))
    for file in ("t.csv", "t.npz"):
        target = "y" if file == "t.csv" else None
        learned = load_dataset(tmp_path / file, target=target).preprocessing
        pd.DataFrame({"x0": ["01", "02"]}).to_csv(tmp_path / "new.csv", index=False)
        np.savez(tmp_path / "new.npz", X=np.array([["01"], ["02"]]))
        for new in ("new.csv", "new.npz"):
            inputs, notes = learned.transform_noting(read_rows(tmp_path / new).table)
            assert inputs.tolist() == [[1, 0, 0], [0, 1, 0]]
            assert notes == []


def test_unknown_categories_are_counted_and_named() -> None:
    learned = _categories(pd.DataFrame({"a": ["x", "y"] * 5}))
    _, notes = learned.transform_noting({"a": "z"})
    assert [str(n) for n in notes] == [
        "a: 1 of 1 values is not among the model's 2 categories ('z')"
    ]
    rows = [{"a": value} for value in ("p", "q", "x", "r", "s", None, "p")]
    inputs, notes = learned.transform_noting(rows)
    assert [str(n) for n in notes] == [
        "a: 5 of 7 values are not among the model's 2 categories ('p', 'q', 'r' and 1 more)",
        "1 of 7 rows holds no value that the model knows of",
    ]
    assert not inputs[0].any()


@pytest.mark.parametrize(
    ("name", "cell", "message"),
    [
        ("numbers", "-", "'numbers' needs numbers, but got '-'"),
        ("money", "€5", r"'money' needs numbers like '\$1,234.5', but got '€5'"),
        ("clock times", "2024-05-31 09:05", r"'clock times' needs dates like 13:30 \(%H:%M\), but"),
        ("durations", "5", "'durations' needs numbers like '1h 30m', but got '5'"),
        ("dotted days", "05/31/2024", r"needs dates like 31.05.2024 \(%d.%m.%Y\), but got"),
    ],
)
def test_a_cell_that_is_written_otherwise_is_refused(
    learned: Preprocessing, name: str, cell: str, message: str
) -> None:
    """Nothing is guessed: the message shows how the model's column is written."""
    row = {n: cells[0] for n, (_, cells) in KINDS.items()}
    with pytest.raises(DataError, match=message):
        learned.transform({**row, name: cell})
