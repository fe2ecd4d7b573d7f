"""Several networks that answer as one: by the mean of what they say.

Networks of one configuration that differ in their first weights and in the order of their rows
err in different places, so that their mean is nearer to the truth than most of them are, and is
less sure where they disagree (Lakshminarayanan et al. 2017, "Simple and scalable predictive
uncertainty estimation using deep ensembles", arXiv 1612.01474).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from tune_bn.training.config import Config
from tune_bn.training.data import Dataset
from tune_bn.training.errors import DivergedError
from tune_bn.training.fit import Fit
from tune_bn.training.target import Task

__all__ = ["Ensemble", "answer_together", "networks_of", "train_together"]


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


def train_together(
    config: Config,
    dataset: Dataset,
    *,
    epochs: int,
    seed: int,
    networks: int = 1,
    device: str = "cpu",
    after_epoch: Callable[[], None] = lambda: None,
    on_network: Callable[[], None] = lambda: None,
) -> nn.Module:
    """Trains networks of one configuration and returns them as one, on the CPU.

    Args:
        config: Of each.
        dataset: Its training rows are trained on.
        epochs: Passes over them.
        seed: Of the first network; those of the others follow from it.
        networks: How many, at least 1.
        device: Where to train.
        after_epoch: Called after each epoch; may raise to end the training.
        on_network: Called after each network, also one that diverged.

    Raises:
        DivergedError: The training of the first network diverged. Others that do are left out.
    """
    trained: list[nn.Module] = []
    for place in range(networks):
        training = Fit(config, dataset, epochs=epochs, seed=_seed(seed, place), device=device)
        try:
            for _ in training:
                after_epoch()
        except DivergedError:
            if not trained:
                raise
        else:
            trained.append(training.model.cpu())
        on_network()
    return answer_together(trained, dataset.task).eval()


def _seed(seed: int, place: int) -> int:
    if place == 0:
        return seed
    digest = hashlib.sha256(f"{seed}:network {place}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
