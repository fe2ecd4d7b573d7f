import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from tune_bn.training import Dataset, load_dataset
from tune_bn.training import baselines as linear
from tune_bn.training.baselines import BOOSTING, baselines, fitted_baselines

GUESS = "always the most frequent class"


def test_logistic_regression_on_digits(digits: Dataset) -> None:
    """Between 0.95 and 0.98 is where a linear model of digits ends; no warning on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = baselines(digits, seed=0)
    assert list(scores) == [GUESS, "logistic regression", "gradient boosting"]
    assert scores[GUESS]["accuracy"] < 0.12
    assert scores["gradient boosting"]["accuracy"] > 0.95
    assert 0.95 < scores["logistic regression"]["accuracy"] < 0.98
    assert scores["logistic regression"]["loss"] < 0.2


def test_the_same_arguments_give_the_same_scores(small: Dataset) -> None:
    assert baselines(small, seed=0) == baselines(small, seed=0)


@pytest.mark.parametrize("limits", [(1000, 10000), (1, 1000), (1, 2)])
def test_a_solver_that_needs_longer_does_not_warn(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int]
) -> None:
    """It is given more steps, and at the last limit its result is taken as it is."""
    monkeypatch.setattr(linear, "_ITERATIONS", limits)
    monkeypatch.setattr(linear, "_boosting", lambda *_: None)  # which takes most of the time
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = baselines(digits, seed=0)
    assert scores["logistic regression"]["accuracy"] > (0.95 if limits[1] > 2 else 0.5)


def test_ridge_regression_finds_a_line(tmp_path: Path) -> None:
    """R², RMSE and MAE are those of the noise that was added, of deviation 2."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(500, 3))
    y = x @ [10.0, -5.0, 0.0] + 2 * draw.normal(size=500)
    np.savez(tmp_path / "t.npz", X=x, y=y)
    data = load_dataset(tmp_path / "t.npz")
    scores = baselines(data, seed=0, metric="mae")["ridge regression"]
    assert scores["rmse"] == pytest.approx(2.0, rel=0.15)
    assert scores["mae"] == pytest.approx(2.0 * (2 / np.pi) ** 0.5, rel=0.15)
    assert scores["r2"] > 0.95


def test_the_guess_is_what_scikit_learn_says(digits: Dataset) -> None:
    """Its accuracy is the share of the class that is most frequent in the other rows."""
    seen = torch.cat([digits.train.y, digits.validation.y])
    most = int(seen.bincount().argmax())
    found = fitted_baselines(digits, limit_s=0.0)
    assert found[GUESS].scores["accuracy"] == float((digits.test.y == most).double().mean())
    assert found[GUESS].gains.tolist() == (digits.test.y == most).double().tolist()


@pytest.mark.parametrize(("first_trees_s", "is_there"), [(0.1, True), (10.0, False)])
def test_boosting_that_would_take_too_long_is_left_out(
    small: Dataset, first_trees_s: float, is_there: bool
) -> None:
    """How long the first trees took tells how long all would."""
    times = iter([0.0, first_trees_s])
    found = fitted_baselines(small, limit_s=5.0, clock=lambda: next(times))
    assert (BOOSTING in found) == is_there


def test_a_further_metric_is_measured_of_all(small: Dataset) -> None:
    scores = baselines(small, metric="roc_auc")
    assert scores[GUESS]["roc_auc"] == 0.5
    assert scores["logistic regression"]["roc_auc"] > 0.9


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two classes in 120 rows, one of them rare."""
    draw = np.random.default_rng(0)
    y = np.arange(120) % 10 == 0
    file = tmp_path_factory.mktemp("data") / "t.npz"
    np.savez(file, X=draw.normal(size=(120, 2)) + 4 * y[:, None], y=y)
    return load_dataset(file)


def test_unbalanced_classes_are_said(small: Dataset) -> None:
    """With the metrics that do not hide it."""
    assert any("12 of 120 rows are True" in n and "roc_auc" in n for n in small.notes)
