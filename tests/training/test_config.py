from typing import Any

import pytest

from tune_bn.nn import models
from tune_bn.training import ACTIVATIONS, NORMS, Config, ConfigError


def test_to_dict_and_back() -> None:
    config = Config(learning_rate=0.03, width=17, activation="gelu")
    assert Config.from_dict(config.to_dict()) == config


def test_names_left_out_take_their_default() -> None:
    assert Config.from_dict({"width": 17}) == Config(width=17, dropout=0.0, inputs="standard")


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="but got 'breadth'"):
        Config.from_dict({"breadth": 17})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("learning_rate", "0.1"),
        ("learning_rate", True),
        ("momentum", 1.0),
        ("momentum", -0.1),
        ("weight_decay", -1e-9),
        ("decay", 1.0),
        ("width", 0),
        ("width", 16.0),
        ("depth", 0),
        ("batch_size", 1),
        ("activation", "step"),
        ("norm", "both"),
    ],
)
def test_impossible_values_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        Config(**{name: value})


def test_choices_are_those_of_the_network() -> None:
    """The lists are repeated here so that a configuration can be checked without a network."""
    assert set(ACTIVATIONS) == set(models.ACTIVATIONS)
    assert set(NORMS) == set(models.NORMS)
