"""Several networks that answer as one: by the mean of what they say.

Networks of one configuration that differ in their first weights and in the order of their rows
err in different places, so that their mean is nearer to the truth than most of them are, and is
less sure where they disagree (Lakshminarayanan et al. 2017, "Simple and scalable predictive
uncertainty estimation using deep ensembles", arXiv 1612.01474).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tune_bn.training.target import Task

__all__ = ["Ensemble", "answer_together", "network_seed", "networks_of"]


class Ensemble(nn.Module):
    """Maps ``(N, D)`` to ``(N, outputs)``: the mean over some networks.

    Of classes the probabilities are averaged, and their logarithms are the outputs, so that a
    softmax gives these probabilities; of numbers the outputs themselves.

    Args:
        networks: At least one, each from ``(N, D)`` to ``(N, outputs)``.
        task: What they were trained for.

    Example:
        >>> pair = Ensemble([nn.Linear(3, 2), nn.Linear(3, 2)], "classification")
        >>> odds = pair(torch.zeros(4, 3)).exp()
        >>> torch.allclose(odds.sum(dim=1), torch.ones(4))
        True
    """

    def __init__(self, networks: Sequence[nn.Module], task: Task) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.task = task

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, D)`` to ``(N, outputs)``."""
        outputs = torch.stack([network(x) for network in self.networks])
        if self.task == "regression":
            return outputs.mean(dim=0)
        total = torch.log_softmax(outputs, dim=2).logsumexp(dim=0)
        return total - math.log(len(self.networks))


def answer_together(networks: Sequence[nn.Module], task: Task) -> nn.Module:
    """Returns an `Ensemble` of the networks; of one, this one itself."""
    return networks[0] if len(networks) == 1 else Ensemble(networks, task)


def networks_of(model: nn.Module) -> list[nn.Module]:
    """Returns the networks that a model is made of: those of an `Ensemble`, or itself."""
    return list(model.networks) if isinstance(model, Ensemble) else [model]


def network_seed(seed: int, place: int) -> int:
    """Returns the seed of one of several networks.

    Args:
        seed: Of the first.
        place: Which one, from 0.
    """
    if place == 0:
        return seed
    digest = hashlib.sha256(f"{seed}:network {place}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
