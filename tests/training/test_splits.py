"""Splits that fit the data: the future as test rows, groups that stay together."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tune_bn.training import DataError, Dataset, load_dataset
from tune_bn.training.splits import split_by_group, split_by_time

ROWS = 100


def load(path: Path, table: pd.DataFrame, **options: Any) -> Dataset:
    """Writes a table as CSV and loads it."""
    table.to_csv(path / "t.csv", index=False)
    return load_dataset(path / "t.csv", target="y", **options)


def walk(rows: int = ROWS) -> pd.DataFrame:
    """A random walk, the day of each step, and which house it was measured in."""
    draw = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=rows).strftime("%d.%m.%Y")
    return pd.DataFrame(
        {
            "day": days,
            "house": np.arange(rows) % 10,
            "a": draw.normal(size=rows),
            "y": draw.normal(size=rows).cumsum(),
        }
    )


@given(st.lists(st.integers(0, 20), min_size=10, max_size=200), st.integers(0, 99))
def test_groups_stay_together(values: list[int], seed: int) -> None:
    """Each row is in one part, each group too, and no part is empty."""
    groups = pd.factorize(np.array(values))[0]
    if groups.max() < 4:
        return
    parts = split_by_group(groups, seed=seed)
    assert sorted(np.concatenate(parts)) == list(range(len(groups)))
    held = [set(groups[part]) for part in parts]
    assert all(held)
    assert sum(map(len, held)) == len(set(values))


def test_many_groups_have_the_shares_of_rows() -> None:
    parts = split_by_group(np.arange(1000) // 5, seed=0)
    assert [len(part) for part in parts] == [600, 200, 200]


@given(st.integers(10, 300))
def test_parts_follow_one_another_in_time(rows: int) -> None:
    order = np.random.default_rng(rows).permutation(rows)
    parts = split_by_time(order)
    assert np.concatenate(parts).tolist() == order.tolist()
    assert all(abs(len(p) - s * rows) <= 1 for p, s in zip(parts, (0.6, 0.2, 0.2), strict=True))


def test_the_test_rows_are_the_future(tmp_path: Path) -> None:
    """Whatever the order of the file; the time is no input and may be absent later on."""
    table = walk()
    y = torch.tensor(table["y"])
    data = load(tmp_path, table.sample(frac=1, random_state=0), split="time", time="day")
    target = data.preprocessing.target
    found = [
        part.y.double() * target.scale + target.mean
        for part in (data.train, data.validation, data.test)
    ]
    assert torch.allclose(torch.cat(found), y, atol=1e-5)
    assert data.in_time
    assert "day" not in data.preprocessing.feature_names
    data.preprocessing.transform({"house": 1, "a": 0.0})
    assert load(tmp_path, table, split="time").in_time


def test_a_group_is_in_one_part(tmp_path: Path) -> None:
    data = load(tmp_path, walk(), group="house")
    held = [set(part.group.tolist()) for part in (data.train, data.validation, data.test)]  # type: ignore[union-attr]
    assert sum(map(len, held)) == 10
    assert "house" not in data.preprocessing.feature_names


def test_rows_in_the_order_of_time_are_noticed(tmp_path: Path) -> None:
    """A walk is; what is sorted, or has no order, is not; nor where the split is in time."""
    table = walk(300)
    assert any("use --split time" in note for note in load(tmp_path, table).notes)
    for other in (table.sort_values("y"), table.sample(frac=1, random_state=0)):
        assert not any("--split time" in note for note in load(tmp_path, other).notes)
    assert not any("--split" in note for note in load(tmp_path, table, split="time").notes)


def test_repeated_rows_are_noticed(tmp_path: Path) -> None:
    table = walk().sample(frac=1, random_state=0)
    assert not any("copies" in note for note in load(tmp_path, table).notes)
    twice = pd.concat([table, table.head(10)])
    assert any("10 of 110 rows are copies" in note for note in load(tmp_path, twice).notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "last"}, "split to be one of random, time, but got split='last'"),
        ({"time": "day"}, "needs split='time' for the time column 'day'"),
        ({"split": "time", "group": "house"}, "needs one split"),
        ({"split": "time", "time": "dai"}, "no 'dai' among 'day', 'house'"),
        ({"split": "time", "time": "word"}, "needs dates or numbers, but column 'word'"),
        ({"group": "word"}, "at least 5 groups, but column 'word' has 2"),
        ({"group": "gap"}, "50 of 100 cells of column 'gap' are empty"),
        ({"split": "time", "time": "gap"}, "50 of 100 cells of column 'gap' are empty"),
    ],
)
def test_a_split_that_cannot_be_made(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    table = walk().assign(word=["x", "z"] * 50, gap=[1.0, np.nan] * 50)
    table.loc[::2, "gap"] = np.arange(50.0)
    with pytest.raises(DataError, match=message):
        load(tmp_path, table, **options)


def test_a_class_that_is_only_in_the_future(tmp_path: Path) -> None:
    """It could not be learned."""
    table = walk().assign(y=["a", "b"] * 45 + ["new"] * 10)
    with pytest.raises(DataError, match="by this split class 'new' of target 'y' has none"):
        load(tmp_path, table, split="time")


def test_another_split_is_another_study(tmp_path: Path) -> None:
    prints = {
        load(tmp_path, walk(), **options).fingerprint
        for options in ({}, {"split": "time"}, {"split": "time", "time": "day"}, {"group": "house"})
    }
    assert len(prints) == 4


@pytest.mark.parametrize(("years", "is_said"), [(1, True), (2, True), (50, False)])
def test_a_time_that_is_too_coarse_is_said(tmp_path: Path, years: int, is_said: bool) -> None:
    """Test rows of the same year as training rows are not the future of these."""
    table = walk().assign(year=2000 + np.arange(ROWS) * years // ROWS)
    notes = load(tmp_path, table, split="time", time="year").notes
    assert any("have one 'year' in common, '200" in note for note in notes) == is_said
