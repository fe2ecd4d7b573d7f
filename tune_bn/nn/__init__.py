"""Batch norm with exponentially weighted inference statistics, and the networks built on it.

Needs torch only; knows nothing of the search.
"""

try:
    import torch as _torch  # noqa: F401 - only to say which extra is missing
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError(
        "tune_bn.nn needs torch, but it is not installed. "
        "Install it with: pip install 'tune-bn[torch]'",
        name="torch",
    ) from error

from tune_bn.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, EwaBatchNorm
from tune_bn.nn.control import (
    flush_stats,
    freeze_stats,
    no_stats_update,
    trust_stats,
    unfreeze_stats,
)
from tune_bn.nn.convert import convert_batchnorm, to_torch
from tune_bn.nn.errors import BatchNormError
from tune_bn.nn.fold import fold_batchnorm, redundant_biases
from tune_bn.nn.lazy import LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d
from tune_bn.nn.models import MLP, ConvNet
from tune_bn.nn.privacy import register_with_opacus as _register_with_opacus
from tune_bn.nn.recalibrate import recalibrate
from tune_bn.nn.sync import SyncBatchNorm
from tune_bn.nn.tracks import best_decay, load_tracks, select_decay, tracks_state

_register_with_opacus()

__all__ = [
    "MLP",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "BatchNormError",
    "ConvNet",
    "EwaBatchNorm",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "SyncBatchNorm",
    "best_decay",
    "convert_batchnorm",
    "flush_stats",
    "fold_batchnorm",
    "freeze_stats",
    "load_tracks",
    "no_stats_update",
    "recalibrate",
    "redundant_biases",
    "select_decay",
    "to_torch",
    "tracks_state",
    "trust_stats",
    "unfreeze_stats",
]
