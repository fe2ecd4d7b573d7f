"""Several networks answer by the mean of what each says."""

import torch
from torch import nn

from tune_bn.training.ensemble import Ensemble


def test_probabilities_are_averaged():
    """A softmax of the outputs is the mean of the networks' probabilities."""
    networks = [nn.Linear(4, 3) for _ in range(3)]
    x = 20 * torch.randn(50, 4)
    odds = torch.softmax(Ensemble(networks, "classification")(x), dim=1)
    expected = torch.stack([torch.softmax(network(x), dim=1) for network in networks]).mean(0)
    torch.testing.assert_close(odds, expected)


def test_numbers_are_averaged():
    """Outputs of numbers are means, and one network alone answers as it does."""
    networks = [nn.Linear(4, 1) for _ in range(3)]
    x = torch.randn(50, 4)
    mean = torch.stack([network(x) for network in networks]).mean(0)
    assert torch.equal(Ensemble(networks, "regression")(x), mean)
    assert torch.equal(Ensemble(networks[:1], "regression")(x), networks[0](x))


def test_certain_networks_stay_finite():
    """Networks that are sure of opposite classes give each half of the probability."""
    sure = torch.tensor([[1e4, -1e4], [-1e4, 1e4]])
    ends = [nn.Linear(1, 2), nn.Linear(1, 2)]
    for network, outputs in zip(ends, sure, strict=True):
        nn.init.zeros_(network.weight)
        network.bias.data = outputs
    odds = torch.softmax(Ensemble(ends, "classification")(torch.zeros(1, 1)), dim=1)
    torch.testing.assert_close(odds, torch.tensor([[0.5, 0.5]]))
