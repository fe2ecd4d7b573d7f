"""From a table to a tuned network on disk, and back from the disk.

`load_model` needs torch only. The search itself is in `tune_bn.tuning.optuna_run`, which needs
Optuna too.
"""

from tune_bn.training.model_file import (
    ModelFileError,
    TunedModel,
    UnknownCategoriesWarning,
    load_model,
    save_model,
)
from tune_bn.tuning.errors import Stopped, TuneError

__all__ = [
    "ModelFileError",
    "Stopped",
    "TuneError",
    "TunedModel",
    "UnknownCategoriesWarning",
    "load_model",
    "save_model",
]
