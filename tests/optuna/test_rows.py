"""Earlier results come from data frames and CSV files: the same draws, stages and pages."""

from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import create_trial

from tune_bn.optuna import CoarseToFineSampler, stages

SPACE: dict[str, BaseDistribution] = {
    "n": IntDistribution(1, 1000, log=True),
    "x": FloatDistribution(0, 1),
    "rate": FloatDistribution(0, 1, step=0.1),
    "units": CategoricalDistribution([16, 32, 64]),
}
Row = dict[str, Any]


def study_of(write: Callable[[Row], Row]) -> optuna.Study:
    """Returns a study of 40 rows, written this way, and of eight trials more."""
    study = optuna.create_study(study_name="s", sampler=CoarseToFineSampler(seed=0))
    rng = np.random.default_rng(0)
    for _ in range(40):
        row = {
            "n": int(rng.integers(1, 1000)),
            "x": float(rng.random()),
            "rate": int(rng.integers(0, 11)) / 10,
            "units": int(rng.choice([16, 32, 64])),
        }
        value = abs(row["n"] - 70) + row["x"] + row["rate"]
        study.add_trial(create_trial(params=write(row), distributions=SPACE, value=value))
    for _ in range(8):
        trial = study.ask(SPACE)
        study.tell(trial, abs(trial.params["n"] - 70) + trial.params["x"])
    return study


def _numpy(row: Row) -> Row:
    kinds: dict[str, Any] = {"n": np.int64, "x": np.float64, "rate": np.float64, "units": np.int64}
    return {name: kinds[name](value) for name, value in row.items()}


def _text(row: Row) -> Row:
    rate = f"{row['rate']:.2f}"
    return {"n": str(row["n"]), "x": repr(row["x"]), "rate": rate, "units": row["units"]}


@pytest.mark.parametrize("write", [_numpy, _text])
def test_rows_count_however_they_are_written(write):
    """Draws and windows are those of python's own numbers."""
    plain, other = study_of(dict), study_of(write)
    assert [t.params for t in plain.trials[40:]] == [t.params for t in other.trials[40:]]
    assert stages(plain) == stages(other)


@pytest.mark.parametrize("write", [_numpy, _text])
def test_a_row_is_not_drawn_again(write):
    """Of eleven steps, all but one in rows, the one that is left is drawn."""
    space = {"rate": SPACE["rate"]}
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    for i in [0, 1, 2, 3, 4, 5, 6, 8, 9, 10]:
        written = write({"n": 1, "x": 0.0, "rate": i / 10, "units": 16})["rate"]
        study.add_trial(create_trial(params={"rate": written}, distributions=space, value=i))
    assert study.ask(space).params["rate"] == pytest.approx(0.7)
