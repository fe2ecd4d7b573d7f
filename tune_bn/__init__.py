"""Random search that zooms in, for Optuna, Ray Tune and by hand; and batch norm beside it.

This package imports numpy at most. The adapters live in modules named after their framework:
``tune_bn.optuna``, ``tune_bn.ray``; the torch layers in ``tune_bn.nn``.
"""

from tune_bn.core import (
    Categorical,
    CoarseToFine,
    Finished,
    Float,
    Int,
    Narrowing,
    NarrowingError,
    SpaceError,
    Stage,
    StateError,
    Suggestion,
    TrialError,
)

__version__ = "0.1.0"

__all__ = [
    "Categorical",
    "CoarseToFine",
    "Finished",
    "Float",
    "Int",
    "Narrowing",
    "NarrowingError",
    "SpaceError",
    "Stage",
    "StateError",
    "Suggestion",
    "TrialError",
    "__version__",
]
