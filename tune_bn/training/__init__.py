"""The job that is tuned: a table, one configuration of a batch-norm network, its training.

Nothing here knows of a tuner: `load_dataset` makes tensors of a table, and iterating over `Fit`
trains one `Config` and gives the metrics after each epoch.
"""

from tune_bn.training.config import ACTIVATIONS, NORMS, Config
from tune_bn.training.data import Dataset, Split, dataset_of, load_dataset
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
    "EpochMetrics",
    "Fit",
    "Preprocessing",
    "Split",
    "dataset_of",
    "evaluate",
    "load_dataset",
]
