"""The networks that are handed back, and those they are compared with: trained side by side."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import nn

from tune_bn.training import Config, Dataset, EpochMetrics
from tune_bn.training.ensemble import answer_together, network_seed
from tune_bn.tuning.trials.workers import Job, Listener, Workers

__all__ = ["Trained", "train_networks"]


class Trained(NamedTuple):
    """What became of the networks of a configuration.

    Args:
        model: They answer as this one, on the CPU; None if none could be trained.
        reasons: Why others could not.
    """

    model: nn.Module | None
    reasons: list[str]


def train_networks(
    asked: Sequence[tuple[Config, int]],
    dataset: Dataset,
    *,
    networks: int,
    epochs: int,
    workers: Workers,
    device: str = "cpu",
    after_epoch: Callable[[], None] = lambda: None,
    on_network: Callable[[], None] = lambda: None,
) -> list[Trained]:
    """Trains several networks of each of some configurations.

    Args:
        asked: Configurations, each with the seed of its first network; those of the others follow
            from it.
        dataset: Its training rows are trained on.
        networks: How many of each, at least 1.
        epochs: Passes over the rows.
        workers: Train them.
        device: Where.
        after_epoch: Called after each epoch; may raise to end the training.
        on_network: Called after each network, also one that diverged.
    """
    jobs = [
        Job(len(asked) * place + of, config, network_seed(seed, place))
        for place in range(networks)
        for of, (config, seed) in enumerate(asked)
    ]
    kept = _Kept(deque(jobs), after_epoch, on_network)
    workers.train(kept, dataset, epochs=epochs, device=device)
    trained = []
    for of in range(len(asked)):
        numbers = range(of, len(jobs), len(asked))
        models = [kept.models[number] for number in numbers if number in kept.models]
        reasons = [kept.reasons[number] for number in numbers if number in kept.reasons]
        model = answer_together(models, dataset.task).eval() if models else None
        trained.append(Trained(model, reasons))
    return trained


@dataclass
class _Kept(Listener):
    """Hands out the networks and keeps what they became."""

    waiting: deque[Job]
    after_epoch: Callable[[], None]
    on_network: Callable[[], None]
    models: dict[int, nn.Module] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)

    def begin(self) -> Job | None:
        return self.waiting.popleft() if self.waiting else None

    def epoch(self, _job: Job, _metrics: EpochMetrics) -> bool:
        self.after_epoch()
        return True  # to the end, for its network

    def trained(self, job: Job, network: nn.Module) -> None:
        self.models[job.number] = network
        self.on_network()

    def fail(self, job: Job, reason: str) -> None:
        self.reasons[job.number] = reason
        self.on_network()
