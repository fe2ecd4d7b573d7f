"""Batch norm with exponentially weighted inference statistics, and the networks built on it.

Needs torch only; knows nothing of the search.
"""

try:
    import torch as _torch  # noqa: F401 - only to say which extra is missing
except ImportError as error:
    raise ImportError(
        "tune_bn.nn needs torch, but it is not installed. Run: pip install 'tune-bn[torch]'"
    ) from error

from .batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, EwaBatchNorm
from .errors import BatchNormError
from .models import MLP, ConvNet

__all__ = [
    "MLP",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "BatchNormError",
    "ConvNet",
    "EwaBatchNorm",
]
