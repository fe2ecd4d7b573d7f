"""The job that is tuned: a table, one configuration of a network, its training.

Nothing here knows of a tuner: `load_dataset` makes tensors of a table, and iterating over `Fit`
trains one `Config` and gives the metrics after each epoch. Names are loaded when they are asked
for, so that a table can be read and checked before torch is there.
"""

from typing import TYPE_CHECKING

from tune_bn.plain.deferred import loaded_when_asked

if TYPE_CHECKING:
    from tune_bn.training.config import ACTIVATIONS, NORMS, Config
    from tune_bn.training.data import Dataset, Split, dataset_of, load_dataset
    from tune_bn.training.ensemble import Ensemble
    from tune_bn.training.errors import ConfigError, DataError, DivergedError
    from tune_bn.training.fit import EpochMetrics, Fit
    from tune_bn.training.metrics import evaluate
    from tune_bn.training.preprocessing import Preprocessing

__all__ = [
    "ACTIVATIONS",
    "NORMS",
    "Config",
    "ConfigError",
    "DataError",
    "Dataset",
    "DivergedError",
    "Ensemble",
    "EpochMetrics",
    "Fit",
    "Preprocessing",
    "Split",
    "dataset_of",
    "evaluate",
    "load_dataset",
]

__getattr__ = loaded_when_asked(
    __name__,
    {
        "config": ("ACTIVATIONS", "NORMS", "Config"),
        "data": ("Dataset", "Split", "dataset_of", "load_dataset"),
        "ensemble": ("Ensemble",),
        "errors": ("ConfigError", "DataError", "DivergedError"),
        "fit": ("EpochMetrics", "Fit"),
        "metrics": ("evaluate",),
        "preprocessing": ("Preprocessing",),
    },
)
