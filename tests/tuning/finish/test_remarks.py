"""What the scores say in words: only what the test rows can show."""

import dataclasses

import numpy as np
import pytest

from tune_bn.training import Config
from tune_bn.training.baselines import Baseline
from tune_bn.tuning.finish.final import Finalist
from tune_bn.tuning.finish.remarks import FEW_ROWS, remarks, why_default, within_error

RIGHT = np.ones(40)
HALF = np.arange(40) % 2 * 1.0


def said(tiny, own, guess, linear=HALF) -> list[str]:
    """Returns the remarks on three models, by which rows each has right."""
    others = {"guess": guess, "linear": linear}
    return remarks(
        {"accuracy": float(own.mean())},
        own,
        {name: Baseline({"accuracy": float(g.mean())}, g) for name, g in others.items()},
        tiny,
    )


def test_a_network_that_is_better_needs_no_remark(tiny):
    assert said(tiny, RIGHT, HALF) == []


@pytest.mark.parametrize(
    ("guess", "words"),
    [(RIGHT, "worse than the guess 'guess' (accuracy 0.5 against 1)"), (HALF, "within the error")],
)
def test_a_network_that_is_no_better_than_a_guess(tiny, guess, words):
    """Two standard errors of the paired difference decides."""
    (line,) = said(tiny, HALF, guess)
    assert words in line
    assert "do not show that it has learned anything" in line


def test_another_model_that_is_better_is_named(tiny):
    (line,) = said(tiny, HALF, np.zeros(40), linear=RIGHT)
    assert line == "linear is better here than the chosen network (accuracy 0.5 against 1)"


def test_a_difference_within_its_error_is_none(tiny):
    """Better on one row of forty."""
    linear = HALF.copy()
    linear[0] = 1.0
    assert said(tiny, HALF, np.zeros(40), linear=linear) == []


def test_few_rows_are_said(tiny):
    """Of which any score may be chance."""
    few = dataclasses.replace(
        tiny,
        train=dataclasses.replace(tiny.train, x=tiny.train.x[:12], y=tiny.train.y[:12]),
        validation=dataclasses.replace(
            tiny.validation, x=tiny.validation.x[:4], y=tiny.validation.y[:4]
        ),
    )
    assert len(tiny.train) + len(tiny.validation) >= FEW_ROWS
    assert said(few, RIGHT, HALF)[0].startswith("16 rows to learn from and 18 to test on")


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (
            (0.0042, 0.0061),
            "trial 7, the best other, is better by 0.0042 in accuracy over 5 folds, within the "
            "standard error of 0.0061",
        ),
        ((-0.01, 0.002), "trial 7, the best other, is no better in accuracy over 5 folds"),
    ],
)
def test_why_the_default_is_kept(ahead, words):
    """In one sentence, with what decided."""
    default = Finalist(0, Config(), 5, {}, ahead=(0.0, 0.0))
    other = Finalist(7, Config(width=9), 5, {}, ahead=ahead)
    assert why_default([default, other], "accuracy") == (
        f"the default configuration is kept: {words}"
    )
    assert why_default([default], "accuracy") is None


def test_what_lies_within_its_error_is_listed():
    """Row by row, by two standard errors of the mean difference; not for scores of classes."""
    gains = np.array([0.0, 1.0] * 50)
    others = {"same": gains, "noise": gains + np.tile([0.1, -0.1], 50), "worse": gains - 0.1}
    assert within_error(gains, others, "r2") == ["same", "noise"]
    assert within_error(gains, others, "f1") is None
