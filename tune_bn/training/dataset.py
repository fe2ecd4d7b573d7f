"""A table that was split, as arrays and as tensors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tune_bn.training.preprocessing import Preprocessing
from tune_bn.training.target import Label, Task

if TYPE_CHECKING:
    import torch

__all__ = ["Dataset", "Part", "Prepared", "Split"]


@dataclass(frozen=True)
class Split:
    """Rows of one part of the data.

    Args:
        x: Inputs, float32 of shape (N, D).
        y: Classes, int64 of shape (N,); or the standardised target, float32 of shape (N,).
        target_scale: What one unit of a regression target `y` is in the table's units.
        group: Which rows belong together, int64 of shape (N,); None for any.
        weight: How much each row counts, above 0, float32 of shape (N,); None: all the same.
    """

    x: torch.Tensor
    y: torch.Tensor
    target_scale: float = 1.0
    group: torch.Tensor | None = None
    weight: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: str | torch.device) -> Split:
        """Returns the same rows on a device."""
        weight = None if self.weight is None else self.weight.to(device)
        return replace(self, x=self.x.to(device), y=self.y.to(device), weight=weight)

    @property
    def shares(self) -> torch.Tensor | None:
        """The weights, so that their mean is 1; None without weights."""
        return None if self.weight is None else self.weight / self.weight.mean()


@dataclass(frozen=True)
class Dataset:
    """A table, ready for training.

    Args:
        name: "digits" or the file's name.
        train: 60 % of the rows; everything that is learned is learned from these.
        validation: 20 %; the search compares configurations on these.
        test: 20 %; for one score at the end.
        preprocessing: The way from a table's row to the network's input, and the target.
        fingerprint: SHA-256 of the content, the target and the task: equal for equal data.
        notes: What was left out and what was inferred, a line each.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    preprocessing: Preprocessing
    fingerprint: str
    notes: tuple[str, ...] = ()
    in_time: bool = False
    """Whether rows are in the order of time: validation after training, test after both."""

    @property
    def task(self) -> Task:
        """Returns "classification" or "regression"."""
        return self.preprocessing.target.task

    @property
    def target(self) -> str:
        """Name of the target column."""
        return self.preprocessing.target.name

    @property
    def n_features(self) -> int:
        """Inputs of the network, D."""
        return int(self.train.x.shape[1])

    @property
    def n_outputs(self) -> int:
        """Outputs of the network: the number of classes, or 1."""
        return self.preprocessing.target.n_outputs

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """The class labels in the order of the outputs; None for regression."""
        return self.preprocessing.target.classes


class Part(NamedTuple):
    """What a `Split` holds, as arrays."""

    x: npt.NDArray[np.float32]
    y: npt.NDArray[Any]
    group: npt.NDArray[np.int64] | None
    weight: npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class Prepared:
    """A table that was read, checked and split, as arrays: a `Dataset` that has no tensors yet.

    Args:
        name: As of a `Dataset`, and so are those below `parts`.
        parts: The training, validation and test rows.
        preprocessing: As there.
        fingerprint: As there.
        notes: As there.
        in_time: As there.
    """

    name: str
    parts: tuple[Part, ...]
    preprocessing: Preprocessing
    fingerprint: str
    notes: tuple[str, ...]
    in_time: bool

    def dataset(self) -> Dataset:
        """Returns it as tensors, which share the arrays' memory."""
        import torch

        scale = self.preprocessing.target.scale
        train, validation, test = (
            Split(
                *(torch.from_numpy(part.x), torch.from_numpy(part.y), scale),
                None if part.group is None else torch.from_numpy(part.group),
                None if part.weight is None else torch.from_numpy(part.weight),
            )
            for part in self.parts
        )
        return Dataset(
            *(self.name, train, validation, test, self.preprocessing, self.fingerprint),
            *(self.notes, self.in_time),
        )
