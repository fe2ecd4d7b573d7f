import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from tune_bn.training.optimizer import NesterovSGD


def network() -> nn.Sequential:
    """Returns a network of parameters with one and two dimensions."""
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))
    with torch.no_grad():
        for place, parameter in enumerate(model.parameters()):
            parameter.copy_(torch.arange(parameter.numel()).add(place).sin().view_as(parameter))
    return model


X = torch.arange(48.0).cos().reshape(12, 4)
STEP_SIZES = [0.1, 0.05, 0.2, 0.01, 0.1]


def by_torch(momentum: float, weight_decay: float) -> nn.Module:
    model = network()
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others},
    ]
    optimizer = torch.optim.SGD(
        groups,
        lr=0.1,
        momentum=momentum,
        nesterov=momentum > 0,
    )
    for step_size in STEP_SIZES:
        for group in optimizer.param_groups:
            group["lr"] = step_size
        optimizer.zero_grad()
        model(X).square().mean().backward()
        optimizer.step()
    return model


def by_ours(momentum: float, weight_decay: float) -> nn.Module:
    model = network()
    optimizer = NesterovSGD(list(model.parameters()), momentum=momentum, weight_decay=weight_decay)
    for step_size in STEP_SIZES:
        model(X).square().mean().backward()
        optimizer.step(step_size)
    return model


def distance(first: nn.Module, second: nn.Module) -> float:
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.999])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_steps_are_those_of_torch(momentum: float, weight_decay: float) -> None:
    """To the last bits of float32: the same terms, added in another order."""
    assert distance(by_ours(momentum, weight_decay), by_torch(momentum, weight_decay)) < 1e-6


def test_the_distance_shows_another_setting() -> None:
    """The judge above sees a slightly different momentum or decay."""
    assert distance(by_ours(0.9, 0.1), by_torch(0.91, 0.1)) > 1e-4
    assert distance(by_ours(0.9, 0.1), by_torch(0.9, 0.11)) > 1e-4


def test_a_parameter_without_gradient_stays() -> None:
    used, idle = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(3))
    optimizer = NesterovSGD([idle, used], momentum=0.9, weight_decay=0.1)
    used.sum().backward()
    optimizer.step(0.1)
    assert torch.equal(idle, torch.ones(3))
    assert not torch.equal(used, torch.ones(2, 2))


def test_velocities_of_another_network_are_refused() -> None:
    optimizer = NesterovSGD([nn.Parameter(torch.ones(2))], momentum=0.9, weight_decay=0.0)
    with pytest.raises(ValueError, match=r"needs velocities of shapes \[\(2,\)\]"):
        optimizer.load_state_dict({"velocities": [torch.zeros(3)]})


def test_training_does_not_load_torchs_compiler() -> None:
    """That takes seconds in each process, and is why there is an optimiser here."""
    code = (
        "import sys; from tune_bn.training import Config, Fit, load_dataset; "
        "list(Fit(Config(width=4, depth=1), load_dataset('digits'), epochs=1)); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
