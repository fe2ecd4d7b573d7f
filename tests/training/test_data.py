import dataclasses
import warnings
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes

from tune_bn.training import Config, Dataset, Fit, Preprocessing, dataset_of, evaluate, load_dataset
from tune_bn.training.data import split_rows
from tune_bn.training.tables import column_names, read_rows, read_rows_in_parts
from tune_bn.training.target import infer_task

ROWS = 40


def write_diabetes(path: Path) -> Path:
    """Writes scikit-learn's diabetes with a text column, missing cells and a missing target."""
    table: pd.DataFrame = load_diabetes(as_frame=True, scaled=False).frame
    table["sex"] = table["sex"].map({1.0: "female", 2.0: "male"}).astype(object)
    draw = np.random.default_rng(0)
    for name in ("bmi", "sex", "s5"):
        table.loc[draw.random(len(table)) < 0.1, name] = None
    table.loc[[3, 5], "target"] = None
    file = path / "diabetes.csv"
    table.to_csv(file, index=False)
    return file


def table(**changes: Any) -> pd.DataFrame:
    columns = {
        "a": np.arange(ROWS) / 7,
        "b": ["red", "blue"] * (ROWS // 2),
        "y": ["no", "yes", "no", "maybe"] * (ROWS // 4),
    }
    return pd.DataFrame({**columns, **changes})


def load(path: Path, frame: pd.DataFrame, **options: Any) -> Dataset:
    """Writes the table as Parquet and loads it, with any warning as an error."""
    file = path / "table.parquet"
    frame.to_parquet(file)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_dataset(file, **{"target": "y", **options})


def equal(first: Dataset, second: Dataset) -> bool:
    parts = ("train", "validation", "test")
    pairs = [(getattr(first, part), getattr(second, part)) for part in parts]
    return all(torch.equal(a.x, b.x) and torch.equal(a.y, b.y) for a, b in pairs)


# Splitting

classes_of_rows = st.lists(st.integers(3, 40), min_size=2, max_size=8).map(
    lambda counts: np.repeat(np.arange(len(counts)), counts)
)


@given(st.integers(3, 300), st.integers(0, 2**32))
def test_parts_hold_each_row_once(rows: int, seed: int) -> None:
    parts = split_rows(rows, seed=seed)
    assert sorted(np.concatenate(parts)) == list(range(rows))


@given(st.integers(5, 300), st.integers(0, 2**32))
def test_parts_have_their_shares(rows: int, seed: int) -> None:
    """To a row: 60, 20 and 20 %."""
    for part, share in zip(split_rows(rows, seed=seed), (0.6, 0.2, 0.2), strict=True):
        assert abs(len(part) - share * rows) <= 1.0


@given(classes_of_rows, st.integers(0, 2**32))
def test_each_class_has_its_shares_in_each_part(
    classes: np.ndarray[Any, np.dtype[np.int64]], seed: int
) -> None:
    """To a row or so of each class, and with at least one row in each part."""
    shuffled = np.random.default_rng(seed).permutation(classes)
    counts = np.bincount(shuffled)
    parts = split_rows(len(shuffled), seed=seed, classes=shuffled)
    assert sorted(np.concatenate(parts)) == list(range(len(shuffled)))
    for part, share in zip(parts, (0.6, 0.2, 0.2), strict=True):
        own = np.bincount(shuffled[part], minlength=len(counts))
        assert (own >= 1).all()
        assert (np.abs(own - share * counts) <= 1.2).all()


def test_the_split_depends_on_the_seed() -> None:
    assert not np.array_equal(split_rows(50, seed=0)[0], split_rows(50, seed=1)[0])


# Loading


def test_digits(digits: Dataset) -> None:
    """Three constant pixels are no input; each class has a fifth of its rows in the test part."""
    assert digits.task == "classification"
    assert (digits.n_features, digits.n_outputs) == (61, 10)
    assert digits.classes == tuple(range(10))
    assert digits.train.x.dtype == torch.float32
    assert digits.train.y.dtype == torch.int64
    assert int(digits.test.y.bincount().min()) >= 34


def test_the_same_arguments_give_the_same_tensors(digits: Dataset) -> None:
    again = load_dataset("digits")
    assert equal(again, digits)
    assert again.fingerprint == digits.fingerprint


def test_another_seed_splits_otherwise_with_the_same_fingerprint(digits: Dataset) -> None:
    """The fingerprint is of the data, not of the split."""
    other = load_dataset("digits", seed=1)
    assert not equal(other, digits)
    assert other.fingerprint == digits.fingerprint


def test_the_three_kinds_of_file_give_the_same_tensors(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, 3))
    y = np.arange(ROWS) % 3
    frame = pd.DataFrame(x, columns=["x0", "x1", "x2"]).assign(y=y)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    np.savez(tmp_path / "t.npz", X=x, y=y)
    np.savez(tmp_path / "lower.npz", x=x, y=y[:, None])
    first = load_dataset(tmp_path / "t.csv", target="y")
    for name in ("t.parquet", "t.npz", "lower.npz"):
        target = "y" if name.endswith("parquet") else None
        assert equal(load_dataset(str(tmp_path / name), target=target), first)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_what_spreadsheets_write_elsewhere(tmp_path: Path, separator: str) -> None:
    """Other separators, with decimal commas, give the same tensors; so do a long file's parts."""
    frame = table(c=np.arange(ROWS) / 4, d=[f"{i},5" for i in range(ROWS)])
    first = load(tmp_path, frame)
    file = tmp_path / "other.csv"
    frame.to_csv(file, index=False, sep=separator, decimal=",")
    found = load_dataset(file, target="y")
    assert equal(found, first)
    assert any("read columns 'a', 'c', 'd' as numbers" in note for note in found.notes)
    parts = list(read_rows_in_parts(file, [], rows=7))
    assert [len(part) for part in parts] == [7] * 5 + [5]
    assert pd.concat(parts).equals(read_rows(file).table)


def test_the_longest_floats_are_floats(tmp_path: Path) -> None:
    """pandas cannot hash them."""
    frame = table(c=np.arange(ROWS) / 4)
    long = frame.astype({"c": np.longdouble})
    assert equal(dataset_of(long, target="y"), dataset_of(frame, target="y"))


def test_one_column_may_have_a_semicolon_in_its_name(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text('"a;b"\n' + "1;2\n" * 3)
    assert column_names(file) == ["a;b"]
    assert read_rows(file).table["a;b"].tolist() == ["1;2"] * 3


def test_the_fingerprint_changes_with_content_target_and_task(tmp_path: Path) -> None:
    frame = table(y=np.arange(ROWS) % 2, z=np.arange(ROWS) % 4)
    prints = [
        load(tmp_path, frame).fingerprint,
        load(tmp_path, frame, target="z").fingerprint,
        load(tmp_path, frame, task="regression").fingerprint,
        load(tmp_path, frame.assign(a=frame["a"] + 1)).fingerprint,
    ]
    assert len(set(prints)) == 4
    assert load(tmp_path, frame).fingerprint == prints[0]


def test_only_training_rows_decide_the_preprocessing(tmp_path: Path) -> None:
    """Other values in a test row, even a new category, change only that row's input."""
    frame = table()
    first = load(tmp_path, frame)
    row = int(split_rows(ROWS, seed=0, classes=pd.factorize(frame["y"], sort=True)[0])[2][0])
    changed = frame.copy()
    changed.loc[row, "a"] = 1e6
    changed.loc[row, "b"] = "green"
    second = load(tmp_path, changed)
    assert second.preprocessing == first.preprocessing
    assert torch.equal(second.train.x, first.train.x)
    assert second.test.x[0, 0] > 1e3
    assert second.test.x[0, 1:].tolist() == [0.0, 0.0]


def test_diabetes_with_text_and_missing_values(tmp_path: Path) -> None:
    """Regression end to end: text one-hot, cells filled, two rows without target left out."""
    data = load_dataset(write_diabetes(tmp_path), target="target")
    assert data.task == "regression"
    assert "left out 2 of 442 rows: their target is empty" in data.notes
    assert {"sex=female", "sex=male"} <= set(data.preprocessing.feature_names)
    assert len(data.train) + len(data.validation) + len(data.test) == 440
    assert abs(float(data.train.y.mean())) < 1e-6
    assert all(torch.isfinite(part.x).all() for part in (data.train, data.validation, data.test))
    training = Fit(Config(learning_rate=0.01, width=32), data, epochs=20)
    assert list(training)[-1].value("r2") > 0.2
    assert evaluate(training.model, data.test, "regression")["rmse"] < 77  # the target's deviation


def test_an_index_written_along_is_left_out(tmp_path: Path) -> None:
    """It would tell the network the order of the rows, which is often that of the target."""
    file = tmp_path / "t.csv"
    table().to_csv(file)
    data = load_dataset(file, target="y")
    assert data.preprocessing.feature_names == ("a", "b=blue", "b=red")
    assert any("only counts the rows" in note for note in data.notes)


def test_separators_at_the_end_of_each_line(tmp_path: Path) -> None:
    """As spreadsheets write them: columns without a name that are empty are none."""
    file = tmp_path / "t.csv"
    lines = table().to_csv(index=False, sep=";").splitlines()
    file.write_text("".join(f"{line};;\n" for line in lines))
    data = load_dataset(file, target="y")
    assert data.preprocessing.feature_names == ("a", "b=blue", "b=red")
    assert "left out 2 empty columns without a name" in data.notes
    parts = list(read_rows_in_parts(file, [], rows=30))
    assert [list(part.columns) for part in parts] == [["a", "b", "y"]] * 2


def test_an_unnamed_parquet_index_is_left_out(tmp_path: Path) -> None:
    frame = table()
    frame.index = pd.Index(np.arange(ROWS)[::-1])
    data = load(tmp_path, frame)
    assert data.preprocessing.feature_names == ("a", "b=blue", "b=red")


def test_a_named_parquet_index_is_a_column(tmp_path: Path) -> None:
    assert "a" in load(tmp_path, table().set_index("a")).preprocessing.feature_names


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    """Spreadsheets write one in front of the first column's name."""
    file = tmp_path / "t.csv"
    table().to_csv(file, index=False, encoding="utf-8-sig")
    assert "a" in load_dataset(file, target="y").preprocessing.feature_names


def test_the_ending_may_be_in_capitals(tmp_path: Path) -> None:
    file = tmp_path / "T.CSV"
    table().to_csv(file, index=False)
    assert load_dataset(file, target="y").name == "T.CSV"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series(["a", "b"] * 10), "classification"),
        (pd.Series([True, False] * 10), "classification"),
        (pd.Series([3, 1] * 10), "classification"),
        (pd.Series([3.0, 1.0] * 10), "classification"),
        (pd.Series([3.5, 1.0] * 10), "regression"),
        (pd.Series(range(20)), "regression"),
        (pd.Series(np.arange(100) % 20), "classification"),
        (pd.Series(np.arange(105) % 21), "regression"),
        (pd.Series(pd.Categorical([1.5, 2.5] * 10)), "classification"),
    ],
)
def test_the_rule_for_the_task(column: pd.Series, expected: str) -> None:
    assert infer_task("y", column) == expected


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["b", "a"], ("a", "b")),
        ([10, 9], (9, 10)),
        ([1.5, 0.5], (0.5, 1.5)),
        ([True, False], (False, True)),
        ([2.0, 1.0], (1, 2)),
    ],
)
def test_classes_are_sorted_plain_values(
    tmp_path: Path, values: list[object], classes: tuple[object, ...]
) -> None:
    data = load(tmp_path, table(y=values * (ROWS // 2)), task="classification")
    assert data.classes == classes
    assert [type(label) for label in data.classes or ()] == [type(label) for label in classes]


def test_a_regression_target_keeps_its_units(tmp_path: Path) -> None:
    y = np.arange(ROWS) * 1000.0
    data = load(tmp_path, table(y=y))
    target = data.preprocessing.target
    rows = split_rows(ROWS, seed=0)[0]
    assert np.allclose(data.train.y.numpy() * target.scale + target.mean, y[rows], atol=0.01)
    assert data.test.target_scale == target.scale


def test_ten_rows_are_enough(tmp_path: Path) -> None:
    data = load(tmp_path, table(y=np.arange(ROWS) / 3).iloc[:10])
    assert [len(part) for part in (data.train, data.validation, data.test)] == [6, 2, 2]
    assert len(list(Fit(Config(width=4, depth=1), data, epochs=2))) == 2


def test_a_dataset_is_frozen(digits: Dataset) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        digits.name = "other"  # type: ignore[misc] # the refusal is the test


KINDS: dict[str, Any] = {
    "nullable integers": pd.array([1, 2, None, 4] * 10, dtype="Int64"),
    "nullable floats": pd.array([1.5, None, 2.5, 4.0] * 10, dtype="Float64"),
    "nullable truth values": pd.array([True, None, False, True] * 10, dtype="boolean"),
    "decimals": [Decimal("1.5"), None, Decimal("2.5"), Decimal(4)] * 10,
    "half floats": np.arange(ROWS, dtype=np.float16),
    "bytes of unsigned integers": np.arange(ROWS, dtype=np.uint8),
    "integers beyond 2 to the 53": 2**62 + np.arange(ROWS) * 2**40,
    "tiny floats": np.arange(ROWS) * 1e-300,
    "huge floats": np.arange(ROWS) * 1e300,
    "numbers as text": [str(i) for i in range(ROWS)],
    "text": ["a", None, "b", "a"] * 10,
    "empty text": ["a", "", "b", "a"] * 10,
    "categories": pd.Categorical(["a", None, "b", "a"] * 10),
    "categories of integers": pd.Categorical([1, None, 2, 1] * 10),
    "dates": [date(2024, 1, day) for day in (1, 2, 3, 4)] * 10,
    "times with a zone": pd.date_range("2024-01-01", periods=ROWS, tz="Europe/Paris"),
    "ISO text with zones": ["2024-05-31T10:00:00+02:00", "2024-06-01"] * 20,
}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_usual_kind_of_column_can_be_used(tmp_path: Path, kind: str, suffix: str) -> None:
    """Finite inputs, an equal preprocessing from JSON, and one row as in the whole table."""
    file = tmp_path / f"t{suffix}"
    frame = table(a=KINDS[kind])
    if suffix == ".csv":
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file)
    learned = load_dataset(file, target="y").preprocessing
    assert Preprocessing.from_json(learned.to_json()) == learned
    rows = frame.drop(columns="y")
    inputs = learned.transform(rows)
    assert torch.isfinite(inputs).all()
    assert torch.equal(learned.transform(rows.iloc[[7]]), inputs[[7]])
    assert any(name.startswith("a") for name in learned.feature_names)
