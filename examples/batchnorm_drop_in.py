"""An existing torch model, converted, trained, calibrated, folded and exported.

python examples/batchnorm_drop_in.py [--smoke-test]
"""

import argparse
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from tune_bn.nn import (
    convert_batchnorm,
    fold_batchnorm,
    recalibrate,
    redundant_biases,
    select_decay,
)


def existing_model() -> nn.Sequential:
    """A model as one finds it: torch's batch norm after convolutions that have a bias."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    model.eval()
    with torch.no_grad():
        return float((model(x).argmax(1) == y).float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    steps = 40 if parser.parse_args().smoke_test else 300
    torch.manual_seed(0)
    torch.set_num_threads(1)
    data = load_digits()
    x = (torch.tensor(data.images, dtype=torch.float32) / 8 - 1).unsqueeze(1)
    y = torch.tensor(data.target)
    train, test = slice(0, 1400), slice(1400, None)

    # 1. Convert: the parameters stay the same tensors, so an optimiser made before goes on.
    model = existing_model()
    print("biases that batch norm cancels:", redundant_biases(model))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    convert_batchnorm(model, decays=(0.9, 0.99))
    print(model[1])

    # 2. Train as before.
    for _ in range(steps):
        rows = torch.randint(1400, (64,))
        optimiser.zero_grad()
        F.cross_entropy(model.train()(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call] # torch's
        optimiser.step()
    for decay in (0.9, 0.99):
        select_decay(model, decay)
        print(f"decay {decay}: test accuracy {accuracy(model, x[test], y[test]):.3f}")

    # 3. Exact statistics of all training rows instead of any average.
    recalibrate(model, torch.split(x[train], 256))
    print(f"exact statistics: test accuracy {accuracy(model, x[test], y[test]):.3f}")

    # 4. Back in torch: the state_dict has torch's keys.
    plain = existing_model()
    plain.load_state_dict(model.state_dict())
    print(f"loaded into torch's layers: test accuracy {accuracy(plain, x[test], y[test]):.3f}")

    # 5. Fold batch norm into the convolutions and export what is left.
    folded = fold_batchnorm(model)
    with torch.no_grad():
        difference = (folded(x[test]) - model(x[test])).abs().max().item()
    print(f"folded: largest difference of an output {difference:.1e}")
    with tempfile.TemporaryDirectory() as folder:
        program = torch.export.export(folded, (x[:2],))
        torch.export.save(program, Path(folder) / "model.pt2")
        loaded = torch.export.load(Path(folder) / "model.pt2").module()
        print("exported and loaded:", torch.allclose(loaded(x[:2]), folded(x[:2])))


if __name__ == "__main__":
    main()
