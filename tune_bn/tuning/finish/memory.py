"""What a final has trained, kept in the study, so that a run that goes on trains it once."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

import optuna
import torch

from tune_bn import __version__
from tune_bn.plain.reading import UNREADABLE
from tune_bn.training import Config, EpochMetrics

__all__ = ["FinalMemory"]

_KEY = "tune_bn:final:"


class FinalMemory(dict[tuple[Config, int], Sequence[EpochMetrics]]):
    """Configuration and fold → the epochs of its training, none if that diverged.

    A study fixes the rows, the seed and the epochs. What another version of this package or of
    torch, or another device, has trained is not read: it would differ in the last digits.

    Args:
        study: Where it is kept, an attribute for each training.
        device: Where is trained.
    """

    def __init__(self, study: optuna.Study, device: str) -> None:
        super().__init__()
        self._study = study
        self._by = f"{__version__} {torch.__version__} {device}"
        for name, value in study.user_attrs.items():
            if name.startswith(_KEY):
                try:
                    kept = json.loads(value)
                    if kept["by"] == self._by:
                        key = Config.from_dict(kept["config"]), int(kept["fold"])
                        super().__setitem__(key, [EpochMetrics(**e) for e in kept["epochs"]])
                except UNREADABLE:  # edited by hand: it is trained again
                    continue

    def __setitem__(self, key: tuple[Config, int], epochs: Sequence[EpochMetrics]) -> None:
        """Keeps a training: all epochs of the first fold, which are shown, the last of others."""
        super().__setitem__(key, epochs)
        config, fold = key
        shown = epochs if fold == 0 else epochs[-1:]
        kept = {"by": self._by, "config": config.to_dict(), "fold": fold}
        value = json.dumps(kept | {"epochs": [asdict(each) for each in shown]}, sort_keys=True)
        digest = hashlib.sha256(f"{config.to_dict()} {fold}".encode()).hexdigest()[:16]
        self._study.set_user_attr(_KEY + digest, value)
