"""Optuna says what went wrong, and is otherwise quiet."""

from collections.abc import Iterator

import optuna
import pytest

from tests.support.quiet import optuna_says


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Only errors are logged, for the length of a test."""
    with optuna_says(optuna.logging.ERROR):
        yield
