"""Differentially private training refuses these layers as it refuses torch's batch norm.

Batch norm mixes the examples of a batch, which breaks what private training promises. opacus knows
torch's layers by their exact class and would let these pass, so they are entered in its lists of
what to refuse, and of what to put in their place, as soon as it is imported. It need not be
installed, and is not imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from torch import nn

from tune_bn.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, EwaBatchNorm
from tune_bn.nn.sync import SyncBatchNorm

__all__ = ["register_with_opacus"]

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
    if _MODULE in sys.modules:
        _enter()
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _enter() -> None:
    validator = sys.modules["opacus.validators.module_validator"].ModuleValidator
    for registry in (validator.VALIDATORS, validator.FIXERS):
        for ours, theirs in _LIKE.items():
            registry[ours] = registry[theirs]


class _Finder(MetaPathFinder):
    """Finds one module, once, and lets it be followed by ``_enter``."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,  # noqa: ARG002 - the interface's
    ) -> ModuleSpec | None:
        """Returns the module's spec, with another loader."""
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """Another loader, and ``_enter`` afterwards."""

    def __init__(self, inner: Loader) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leaves it to the other."""
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Runs the module, then enters the layers beside torch's."""
        self._inner.exec_module(module)
        _enter()
