"""The page says when the network lost, by how many rows, and what to take instead."""

from typing import Any

import pytest

from tune_bn.report.pages.listings import scores_table
from tune_bn.report.pages.verdict import verdict, winner


def summary(own: float, **others: float | None) -> dict[str, Any]:
    return {
        "metric": "accuracy",
        "maximize": True,
        "data": {"rows": {"train": 800, "test": 400}},
        "best": {"test": {"accuracy": own, "loss": 0.1}},
        "baselines": {
            name.replace("_", " "): None if value is None else {"accuracy": value, "loss": 0.2}
            for name, value in others.items()
        },
    }


def test_a_model_that_did_better_is_named_with_its_rows():
    """Forty rows of four hundred are no chance: take the other one."""
    text = verdict(summary(0.8, ridge_regression=0.9))
    assert text == (
        "Ridge regression did better on the test rows than the chosen network: accuracy 0.9 "
        "against 0.8, 40 rows of 400. Take ridge regression."
    )


def test_a_simpler_model_that_does_as_well_is_to_be_taken():
    """One row may be chance."""
    text = verdict(summary(0.9, ridge_regression=0.8975))
    assert "1 row of 400" in text
    assert "ridge regression does as well and is simpler, take it" in text


def test_a_default_that_does_as_well_is_said():
    """Then tuning has gained little, however good both are."""
    text = verdict(summary(0.9, default_network=0.8975, guess=0.1))
    assert "1 row of 400" in text
    assert "tuning has gained little" in text


def test_equals_are_called_so():
    """Neither is the best of these, and what is simpler is to be taken."""
    assert verdict(summary(0.9, default_network=0.9, guess=0.1)) == (
        "The chosen network and the default network are equal on the test rows, with accuracy 0.9, "
        "and no other is better. Tuning has gained nothing that this shows."
    )
    assert verdict(summary(0.9, ridge_regression=0.9)) == (
        "The chosen network and ridge regression are equal on the test rows, with accuracy 0.9, "
        "and no other is better. Ridge regression is simpler, take it."
    )


def test_a_default_that_was_chosen_is_no_rival_of_itself():
    """Where the default configuration is kept, the next best model is what it is compared with."""
    given = summary(0.9, default_network=0.9, ridge_regression=0.7)
    given["best"]["is_default"] = True
    assert verdict(given) == (
        "The chosen network, the default one, is the best of these on the test rows: accuracy 0.9 "
        "against 0.7 of ridge regression, 80 rows of 400."
    )
    del given["baselines"]["ridge regression"]
    assert verdict(given) == ""


def test_a_clear_lead_needs_no_warning():
    """The rival is named, with the rows between them."""
    text = verdict(summary(0.9, ridge_regression=0.7, guess=0.1))
    assert "the best of these" in text
    assert "80 rows of 400" in text
    assert "chance" not in text


def test_weights_leave_fewer_rows_to_judge_by():
    """Where a few rows carry the weight, a lead that would be clear may be chance."""
    given = summary(0.9, ridge_regression=0.8)
    assert "chance" not in verdict(given)
    given["data"]["test_rows_by_weight"] = 30.0
    text = verdict(given)
    assert "may be chance" in text
    assert "rows of" not in text  # 0.1 is a share of the weight, not of the rows


def test_rows_compared_by_the_run_decide_for_any_metric():
    """What lies within two standard errors is said to, for an error as for accuracy."""
    given: dict[str, Any] = {
        "metric": "r2",
        "maximize": True,
        "best": {"test": {"r2": 0.94}},
        "baselines": {"ridge regression": {"r2": 0.937}, "always the mean": {"r2": 0.0}},
    }
    assert "chance" not in verdict(given)
    said = verdict({**given, "within_error": ["ridge regression"]})
    assert "The difference may be chance: ridge regression does as well and is simpler" in said
    assert "chance" not in verdict({**given, "within_error": []})
    clear = {**summary(0.9, ridge_regression=0.8975), "within_error": []}
    assert "chance" not in verdict(clear)


def test_other_metrics_are_told_without_rows():
    """An error has no rows, and less of it is better."""
    given = {
        "metric": "rmse",
        "maximize": False,
        "best": {"test": {"rmse": 2.0}},
        "baselines": {"ridge regression": {"rmse": 1.5}},
    }
    assert winner(given) == "ridge regression"
    assert "rmse 1.5 against 2. Take ridge regression." in verdict(given)


def test_the_winner_is_marked_in_the_table():
    """One row says that it is the best."""
    table = scores_table(summary(0.8, ridge_regression=0.9, guess=0.1))
    assert table is not None
    names = [row[0] for row in table.rows]
    assert names == ["chosen network", "ridge regression (best)", "guess"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"metric": "accuracy", "best": {"test": {"accuracy": 1.0}}},
        summary(0.9),
        summary(0.9, guess=None),
        {**summary(0.9, guess=0.1), "maximize": None},
        summary(float("nan"), guess=0.1),
    ],
)
def test_nothing_is_said_where_nothing_is_known(given: dict[str, Any]):
    """Without two scores and a direction there is no winner."""
    assert verdict(given) == ""
