import warnings
from pathlib import Path

import numpy as np
import pytest

from tune_bn.training import Dataset, load_dataset
from tune_bn.training import baselines as linear
from tune_bn.training.baselines import baselines


def test_logistic_regression_on_digits(digits: Dataset) -> None:
    """Between 0.95 and 0.98 is where a linear model of digits ends; no warning on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = baselines(digits, seed=0)
    assert list(scores) == ["logistic regression"]
    assert 0.95 < scores["logistic regression"]["accuracy"] < 0.98
    assert scores["logistic regression"]["loss"] < 0.2


def test_the_same_arguments_give_the_same_scores(digits: Dataset) -> None:
    assert baselines(digits, seed=0) == baselines(digits, seed=0)


@pytest.mark.parametrize("limits", [(1000, 10000), (1, 1000), (1, 2)])
def test_a_solver_that_needs_longer_does_not_warn(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int]
) -> None:
    """It is given more steps, and at the last limit its result is taken as it is."""
    monkeypatch.setattr(linear, "_ITERATIONS", limits)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = baselines(digits, seed=0)
    assert scores["logistic regression"]["accuracy"] > (0.95 if limits[1] > 2 else 0.5)


def test_ridge_regression_finds_a_line(tmp_path: Path) -> None:
    """R² and RMSE are those of the noise that was added, of deviation 2."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(500, 3))
    y = x @ [10.0, -5.0, 0.0] + 2 * draw.normal(size=500)
    np.savez(tmp_path / "t.npz", X=x, y=y)
    scores = baselines(load_dataset(tmp_path / "t.npz"), seed=0)["ridge regression"]
    assert scores["rmse"] == pytest.approx(2.0, rel=0.15)
    assert scores["r2"] > 0.95
