"""The search itself: spaces, trials, the schedule, the draws. Imports numpy and nothing more."""

import sys

from tune_bn.core.draws import mark
from tune_bn.core.draws.marker import Marker
from tune_bn.core.draws.narrowing import Narrowing
from tune_bn.core.draws.stages import Stage
from tune_bn.core.errors import NarrowingError, SpaceError, StateError, TrialError
from tune_bn.core.history.trial import Trial
from tune_bn.core.search.records import Finished, Suggestion
from tune_bn.core.search.search import CoarseToFine
from tune_bn.core.space import Categorical, Float, Int, Parameter
from tune_bn.core.space.window import Window

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

# Where the pickles of earlier versions look for what has moved since.
for _old, _now in {
    "narrowing": Narrowing,
    "records": Finished,
    "stages": Stage,
    "trial": Trial,
    "window": Window,
}.items():
    sys.modules[f"{__name__}.{_old}"] = sys.modules[_now.__module__]
vars(mark)["Marker"] = Marker
