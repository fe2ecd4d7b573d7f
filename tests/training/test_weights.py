"""Rows that count more than others: in training, in every score, and for the other models."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from tune_bn.training import Config, DataError, Dataset, Fit, Split, dataset_of, load_dataset
from tune_bn.training.baselines import fitted_baselines
from tune_bn.training.metrics import evaluate, others_of
from tune_bn.tuning.finish.final import all_but_test
from tune_bn.tuning.finish.remarks import gains_of


def table_of(n: int = 90) -> pd.DataFrame:
    """Returns rows of two numbers and a weight of 1, 2 or 3, with a class and a number to learn."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(n, 2)), columns=["a", "b"])
    table["kind"] = np.where(table["a"] + random.normal(size=n) > 0, "yes", "no")
    table["y"] = table["a"] * 2 + random.normal(size=n)
    table["w"] = random.integers(1, 4, n)
    return table


def data_of(target: str) -> Dataset:
    other = {"kind": "y", "y": "kind"}[target]
    return dataset_of(table_of().drop(columns=other), target=target, weights="w")


def repeated(split: Split) -> Split:
    """Returns the rows of a part, each as often as its weight says, without weights."""
    assert split.weight is not None
    times = (split.weight / split.weight.min()).round().long()
    return dataclasses.replace(
        split,
        x=split.x.repeat_interleave(times, 0),
        y=split.y.repeat_interleave(times, 0),
        weight=None,
    )


@pytest.mark.parametrize("target", ["kind", "y"])
def test_a_score_counts_a_row_as_often_as_its_weight(target):
    """Every metric is that of the repeated rows."""
    data = data_of(target)
    model = nn.Linear(data.n_features, data.n_outputs)
    for metric in others_of(data.task):
        found = evaluate(model, data.test, data.task, metric=metric)
        wanted = evaluate(model, repeated(data.test), data.task, metric=metric)
        assert found == pytest.approx(wanted, rel=1e-5)
        plain = dataclasses.replace(data.test, weight=None)
        assert found != pytest.approx(evaluate(model, plain, data.task, metric=metric), rel=1e-5)


def test_no_score_is_above_its_highest():
    """A network that is always right has an accuracy of 1, however its weights are rounded."""
    random = np.random.default_rng(0)
    for n in range(1, 40):
        weight = torch.from_numpy(random.uniform(0.1, 9, n).astype(np.float32))
        split = Split(torch.ones(n, 1), torch.zeros(n, dtype=torch.int64), weight=weight)
        model = nn.Linear(1, 2, bias=False)
        model.weight.data = torch.tensor([[1.0], [-1.0]])
        assert evaluate(model, split, "classification")["accuracy"] == 1.0


@pytest.mark.parametrize("target", ["kind", "y"])
def test_baselines_are_fitted_and_scored_by_weights(target):
    """The guess is that of the repeated rows, and so are its scores and its gains."""
    data = data_of(target)
    found = fitted_baselines(data, metric="balanced_accuracy" if target == "kind" else "mae")
    guess = next(iter(found.values()))
    again = fitted_baselines(
        dataclasses.replace(
            data,
            train=repeated(data.train),
            validation=repeated(data.validation),
            test=repeated(data.test),
        ),
        metric="balanced_accuracy" if target == "kind" else "mae",
    )
    wanted = next(iter(again.values()))
    assert guess.scores == pytest.approx(wanted.scores, rel=1e-5)
    assert guess.gains.mean() == pytest.approx(wanted.gains.mean(), rel=1e-5)
    for name in found:  # their penalties count rows in other ways
        assert set(found[name].scores) == set(again[name].scores)


def test_training_follows_the_weights():
    """Of rows that contradict one another the heavier ones are believed."""
    n = 200
    table = pd.DataFrame({"a": np.arange(n) // 2 * 1.0, "y": np.arange(n) % 2 * 1.0})
    table["w"] = np.where(table["y"] == 1.0, 9.0, 1.0)
    means = []
    for weights in ("w", None):
        used = table if weights else table.drop(columns="w")
        data = dataset_of(used, target="y", task="regression", weights=weights)
        training = Fit(Config(width=16, depth=1), data, epochs=20)
        list(training)
        training.model.eval()
        outputs = training.model(data.test.x).detach().double()
        target = data.preprocessing.target
        means.append(float(outputs.mean() * target.scale + target.mean))
    assert means[0] == pytest.approx(0.9, abs=0.1)
    assert means[1] == pytest.approx(0.5, abs=0.2)


def test_equal_weights_change_nothing():
    """But for rounding."""
    table = table_of().drop(columns=["kind", "w"])
    plain = dataset_of(table, target="y")
    weighted = dataset_of(table.assign(w=7.0), target="y", weights="w")
    a, b = (list(Fit(Config(), data, epochs=2))[-1] for data in (plain, weighted))
    assert b.loss == pytest.approx(a.loss, rel=1e-4)
    assert weighted.fingerprint != plain.fingerprint


def test_what_is_learned_of_columns_counts_each_row_once():
    """What fills gaps, means and scales are those of the rows, as the guide says."""
    table = table_of().drop(columns="kind")
    table.loc[::7, "a"] = np.nan
    plain = dataset_of(table.drop(columns="w"), target="y")
    weighted = dataset_of(table, target="y", weights="w")
    assert weighted.preprocessing.columns[:2] == plain.preprocessing.columns
    assert weighted.preprocessing.target == plain.preprocessing.target


def test_weights_go_into_the_final():
    """With the rows that they belong to."""
    data = data_of("y")
    together = all_but_test(data).train
    assert together.weight is not None
    parts = [data.train.weight, data.validation.weight]
    assert torch.equal(together.weight, torch.cat([p for p in parts if p is not None]))
    model = nn.Linear(2, 1)
    shares = data.test.shares
    assert shares is not None
    plain = dataclasses.replace(data, test=dataclasses.replace(data.test, weight=None))
    np.testing.assert_allclose(gains_of(model, data), gains_of(model, plain) * shares.numpy())


def test_the_column_is_no_input_and_may_be_absent(tmp_path):
    """From a file as from a data frame; predictions do not need it."""
    table_of().drop(columns="kind").to_csv(tmp_path / "t.csv", index=False)
    data = load_dataset(tmp_path / "t.csv", target="y", weights="w")
    assert data.n_features == 2
    assert data.train.weight is not None
    assert len(data.preprocessing.transform({"a": 1.0, "b": 2.0})) == 1
    assert any("left out column 'w'" in note for note in data.notes) is False


@pytest.mark.parametrize("wrong", [0.0, -1.0, None, np.inf])
def test_a_weight_that_is_none_is_refused(wrong):
    """The message counts them and shows the first."""
    table = table_of().drop(columns="kind").astype({"w": float})
    table.loc[3, "w"] = wrong
    with pytest.raises(
        DataError, match=r"number above zero for each row, but 1 of 90 cells of .*'w'"
    ):
        dataset_of(table, target="y", weights="w")


@pytest.mark.parametrize("name", ["y", "nope"])
def test_a_column_that_cannot_be_the_weights_is_refused(name):
    """The target, or none of the table's."""
    with pytest.raises(DataError, match=f"Weights need a column beside the target.*'{name}'"):
        dataset_of(table_of(), target="y", weights=name)


def test_weights_are_read_as_people_write_numbers(tmp_path):
    """As every other column of the same file is."""
    table = table_of()
    table["w"] = [f"{w / 2:.2f} %".replace(".", ",") for w in table["w"]]
    table.to_csv(tmp_path / "t.csv", sep=";", index=False)
    written = load_dataset(tmp_path / "t.csv", target="y", weights="w").train.weight
    wanted = data_of("y").train.weight
    assert written is not None
    assert wanted is not None
    assert torch.equal(written, wanted)
