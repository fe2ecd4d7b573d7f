"""The search itself: spaces, trials, the schedule, the draws. Imports numpy and nothing more."""

from tune_bn.core.errors import NarrowingError, SpaceError, StateError, TrialError
from tune_bn.core.narrowing import Narrowing
from tune_bn.core.search import CoarseToFine, Finished, Suggestion
from tune_bn.core.space import Categorical, Float, Int, Parameter
from tune_bn.core.stages import Stage

__all__ = [
    "Categorical",
    "CoarseToFine",
    "Finished",
    "Float",
    "Int",
    "Narrowing",
    "NarrowingError",
    "Parameter",
    "SpaceError",
    "Stage",
    "StateError",
    "Suggestion",
    "TrialError",
]
