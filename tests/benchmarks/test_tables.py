"""The benchmark of tables: each table can be read, a short run has every model, the summary."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.tool import tables
from tune_bn.training.data import dataset_of

OF_SKLEARN = ("breast cancer", "wine", "digits", "diabetes")


@pytest.mark.parametrize("name", OF_SKLEARN)
def test_a_table_is_one_of_inputs_and_a_target(name):
    """It loads, with its target, as the task that it is there for."""
    read, target, task = tables.TABLES[name]
    data = dataset_of(read(), target=target, name=name, task=task)
    assert data.task == task
    assert len(data.test) >= 30


def test_a_package_that_is_missing_is_named():
    """The line says how to install it."""
    with pytest.raises(ModuleNotFoundError, match=r"needs no_such, .* constraints\.txt no_such"):
        tables._file("no_such", "a.csv")


def test_a_short_run_has_every_model(tmp_path):
    """Its rows are those of the file, each with table, model, score and machine."""
    out = tmp_path / "rows.jsonl"
    rows = tables.run(out, trials=1, seeds=1, epochs=2, tables=["wine"])
    assert [row["model"] for row in rows] == [
        "tuned network",
        "always the most frequent class",
        "logistic regression",
        "gradient boosting",
        "default network",
        "random forest",
        "scikit-learn's MLP",
    ]
    written = pd.read_json(out, lines=True, precise_float=True)
    assert written["score"].tolist() == [row["score"] for row in rows]
    assert written["machine"].notna().all()
    assert tables.summary(rows).count("\n") == 3
    assert tables.run(out, trials=1, seeds=1, epochs=2, tables=["wine"]) == []  # all is there
    assert tables.run(out, trials=1, seeds=1, epochs=2, tables=["wine"], groups=["others"]) == []


def test_a_pipeline_gets_the_rows_of_the_split():
    """Anchors that read the table itself learn from the same rows, in the same order."""
    read, target, task = tables.TABLES["wine"]
    table = read()
    data = dataset_of(table, target=target, task=task, seed=3)
    rows, others = tables.rows_of(data, table, seed=3)
    for inputs, split in ((rows, (data.train, data.validation)), (others, (data.test,))):
        own = np.concatenate([part.y.numpy() for part in split])
        assert (table.loc[inputs.index, target].to_numpy() == own).all()
    assert target not in rows
    assert sorted([*rows.index, *others.index]) == list(range(len(table)))


def test_the_summary_tells_gain_and_error():
    """Means over the seeds; the gain is paired by seed; a missing score is no zero."""
    scores = {"tuned network": [0.9, 0.8], "default network": [0.8, 0.8], "ridge regression": [0.5]}
    rows = [
        {"table": "t", "model": model, "seed": seed, "score": score}
        for model, found in scores.items()
        for seed, score in enumerate(found)
    ]
    rows.append({"table": "t", "model": "ridge regression", "seed": 1, "score": None})
    assert tables.summary(rows).splitlines()[-1] == (
        "| t | 2 | 0.850 | 0.800 | 0.500 | +0.050 ± 0.050 |"
    )


def test_all_models_are_of_the_splits_of_the_tuned_network():
    """Seeds that it lacks do not count for others; a table that it has not met is none."""
    scores = {"tuned network": [0.9, 0.8], "RealMLP": [0.8, 0.7, 0.1]}
    rows = [
        {"table": "t", "model": model, "seed": seed, "score": score}
        for model, found in scores.items()
        for seed, score in enumerate(found)
    ]
    rows.append({"table": "u", "model": "RealMLP", "seed": 0, "score": 0.5})
    assert tables.summary(rows).splitlines()[2:] == ["| t | 2 | 0.850 | 0.750 | – |"]
    assert tables.goals(rows).splitlines()[-1].startswith("| RealMLP | 1 | 1 |")


def test_the_goals_count_tables_by_gain_and_error():
    """A gain within its error is ahead, not by more than it; tables of one seed do not count."""
    scores = {"a": ([0.9, 0.9], [0.8, 0.7]), "b": ([0.9, 0.7], [0.8, 0.79]), "c": ([0.1], [0.9])}

    def counts(own: str, other: str) -> str:
        rows = [
            {"table": name, "model": model, "seed": seed, "score": score}
            for name, found in scores.items()
            for model, of_model in zip((own, other), found, strict=True)
            for seed, score in enumerate(of_model)
        ]
        return tables.goals(rows).splitlines()[2]

    own, other = "tuned network", "default network"
    assert counts(own, other).startswith("| default network | 2 | 2 | 1 | 0 |")
    assert counts(other, own).startswith("| default network | 2 | 0 | 0 | 1 |")
