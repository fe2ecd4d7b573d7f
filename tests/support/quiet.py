"""Optuna's voice, lowered for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

import optuna

__all__ = ["optuna_says"]


@contextmanager
def optuna_says(level: int) -> Iterator[None]:
    """Has Optuna log what is at this level of ``optuna.logging`` or above, then as before."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(level)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
