"""From a table to a tuned network on disk, and back from the disk.

`load_model` needs torch only. The search itself is in `tune_bn.tuning.optuna_run`, which needs
Optuna too. Names are loaded when they are asked for, as those of `tune_bn.training` are.
"""

from typing import TYPE_CHECKING

from tune_bn.plain.deferred import loaded_when_asked
from tune_bn.tuning.errors import Stopped, TuneError

if TYPE_CHECKING:
    from tune_bn.training.model_file import (
        ModelFileError,
        RowsWarning,
        TunedModel,
        UnknownCategoriesWarning,
        load_model,
        save_model,
    )

__all__ = [
    "ModelFileError",
    "RowsWarning",
    "Stopped",
    "TuneError",
    "TunedModel",
    "UnknownCategoriesWarning",
    "load_model",
    "save_model",
]

__getattr__ = loaded_when_asked(
    "tune_bn.training",
    {
        "model_file": (
            "ModelFileError",
            "RowsWarning",
            "TunedModel",
            "UnknownCategoriesWarning",
            "load_model",
            "save_model",
        )
    },
)
