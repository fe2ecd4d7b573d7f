"""Why inference statistics should be corrected: test accuracy after the first few steps.

The same network is trained on the digits twice, with torch's batch norm and with this package's.
Training is the same to the last digit; only what inference uses differs. torch mixes the first
batches with a start of mean 0 and variance 1, so an early test score says little about the
network, which matters whenever a tuner stops bad trials early.

    python examples/batchnorm_inference.py [--smoke-test]
"""

import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from tune_bn.nn import MLP, best_decay, to_torch


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(0))
    x = torch.tensor(data.data, dtype=torch.float32) / 8 - 1
    return x[order], torch.tensor(data.target)[order]


def network(decay: float, *, is_torch: bool = False) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MLP(64, 10, width=64, decay=decay, decays=(0.9, 0.99, 0.999))
    return to_torch(model) if is_torch else model


def train_and_test(model: nn.Module, steps: list[int]) -> list[float]:
    """Trains on 1,200 rows and returns the test accuracy after each of some numbers of steps."""
    x, y = digits()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    generator = torch.Generator().manual_seed(1)
    accuracies = []
    for step in range(1, steps[-1] + 1):
        model.train()
        rows = torch.randint(1200, (64,), generator=generator)
        optimiser.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call] # torch's
        optimiser.step()
        if step in steps:
            accuracies.append(accuracy(model, 1500, 1797))
    return accuracies


def accuracy(model: nn.Module, first: int, last: int) -> float:
    x, y = digits()
    model.eval()
    with torch.no_grad():
        return float((model(x[first:last]).argmax(1) == y[first:last]).float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    steps = [5, 20, 50] if parser.parse_args().smoke_test else [5, 10, 20, 50, 200]
    torch.set_num_threads(1)

    print("test accuracy after steps:    " + "".join(f"{step:>8}" for step in steps))
    for decay in (0.9, 0.99, 0.999):
        for name, is_torch in (("torch", True), ("tune_bn", False)):
            scores = train_and_test(network(decay, is_torch=is_torch), steps)
            print(f"decay {decay:<6} {name:<17}" + "".join(f"{score:8.3f}" for score in scores))

    # One run keeps several averages, so the decay is picked afterwards, on validation rows.
    model = network(0.9)
    train_and_test(model, steps)
    decay = best_decay(model, lambda m: -accuracy(m, 1200, 1500))
    print(f"picked after the run: decay {decay}, test accuracy {accuracy(model, 1500, 1797):.3f}")


if __name__ == "__main__":
    main()
