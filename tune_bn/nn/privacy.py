"""Differentially private training refuses these layers as it refuses torch's batch norm.

Batch norm mixes the examples of a batch, which breaks what private training promises. opacus knows
torch's layers by their exact class and would let these pass, so they are entered in its lists of
what to refuse, and of what to put in their place, as soon as it is imported. It need not be
installed, and is not imported here.
"""

from __future__ import annotations

import sys
from typing import Any

from torch import nn

from tune_bn.nn.afterwards import once_imported
from tune_bn.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, EwaBatchNorm
from tune_bn.nn.sync import SyncBatchNorm

__all__ = ["refuse_with_opacus", "register_with_opacus"]

_MODULE = "opacus.validators.batch_norm"  # which enters torch's layers (opacus 1.6)
_LIKE: dict[type[EwaBatchNorm], type[nn.Module]] = {
    EwaBatchNorm: nn.BatchNorm1d,
    BatchNorm1d: nn.BatchNorm1d,
    BatchNorm2d: nn.BatchNorm2d,
    BatchNorm3d: nn.BatchNorm3d,
    SyncBatchNorm: nn.SyncBatchNorm,
}


def register_with_opacus() -> None:
    """Enters the layers in opacus' lists, now or once it is imported."""
    once_imported(_MODULE, _enter)


def refuse_with_opacus(kind: type[EwaBatchNorm]) -> None:
    """Enters a layer that does more than batch norm, for which opacus has nothing to put."""
    once_imported(_MODULE, lambda: _validators().update({kind: _validators()[nn.BatchNorm2d]}))


def _validators() -> Any:
    return sys.modules["opacus.validators.module_validator"].ModuleValidator.VALIDATORS


def _enter() -> None:
    validator = sys.modules["opacus.validators.module_validator"].ModuleValidator
    for registry in (validator.VALIDATORS, validator.FIXERS):
        for ours, theirs in _LIKE.items():
            registry[ours] = registry[theirs]
