"""What a layer in the middle sees while the layers before it learn, with and without batch norm.

The figure follows the input of the third activation, on rows that stay the same, from the first
step on. Without batch norm it drifts and widens; with it, mean and spread stay in place. That is
what batch norm does by construction, and the picture its inventors gave of it ("internal covariate
shift", Ioffe & Szegedy 2015).

It is not shown here, nor true as far as is known, that the network learns faster *because* of it.
Santurkar et al. 2018 ("How Does Batch Normalization Help Optimization?") asked by how much the
third layer's gradient changes when the layers before it make their step (definition 2.1); that is
printed too, and differs far less than the picture suggests.

    python examples/covariate_shift.py [--smoke-test]    # writes covariate_shift.html
"""

import argparse

import torch
import torch.nn.functional as F
from plotly.subplots import make_subplots
from sklearn.datasets import load_digits
from torch import Tensor, nn

from tune_bn.nn import MLP

NAMES = {"none": "without batch norm", "before_activation": "with batch norm"}
AT = torch.tensor([0.05, 0.25, 0.5, 0.75, 0.95])


def gradient(model: MLP, x: Tensor, y: Tensor) -> Tensor:
    """Returns the gradient of the third layer's weights."""
    third = [layer for layer in model.layers if isinstance(layer, nn.Linear)][2]
    return torch.autograd.grad(F.cross_entropy(model(x), y), third.weight)[0]


def train(norm: str, n_steps: int) -> tuple[Tensor, float]:
    """Trains; returns what the third activation sees, and by how much gradients changed.

    Returns:
        Quantiles of one unit's input before each step, (steps, 5), and the mean of ‖G − G'‖ / ‖G‖:
        G is the third layer's gradient before a step, G' the one after the layers before it have
        made theirs.
    """
    x, y = map(torch.tensor, load_digits(return_X_y=True))
    x = x.float() / 8 - 1
    torch.manual_seed(0)
    model = MLP(64, 10, width=64, depth=5, norm=norm).train()
    layers = list(model.layers)
    third = [i for i, layer in enumerate(layers) if isinstance(layer, nn.ReLU)][2]
    n_before = 4 if norm == "none" else 6  # two linear layers, with what follows each
    before, after = nn.Sequential(*layers[:n_before]), nn.Sequential(*layers[n_before:])
    optimisers = [torch.optim.SGD(m.parameters(), lr=0.03, momentum=0.9) for m in (before, after)]
    quantiles, changes = [], []
    for _ in range(n_steps):
        with torch.no_grad():
            quantiles.append(torch.quantile(model.layers[:third](x[:400])[:, 0], AT))
        rows = torch.randint(400, 1797, (64,))
        model.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call] # torch's
        old = gradient(model, x[rows], y[rows])
        optimisers[0].step()
        new = gradient(model, x[rows], y[rows])
        optimisers[1].step()
        changes.append(float((new - old).norm() / old.norm()))
    return torch.stack(quantiles), sum(changes) / n_steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    n_steps = 60 if parser.parse_args().smoke_test else 400
    torch.set_num_threads(1)
    figure = make_subplots(1, 2, subplot_titles=list(NAMES.values()))
    for column, (norm, name) in enumerate(NAMES.items(), start=1):
        seen, change = train(norm, n_steps)
        width = seen[:, 4] - seen[:, 0]  # of the middle nine tenths of the rows
        drift = float(((seen[:, 2] - seen[0, 2]).abs() / width[0]).max())
        print(f"{name}, {n_steps} steps:")
        print(f"  what the layer sees: median moves by up to {drift:.2f} of the first width,")
        print(f"  and the width is {float(width.min() / width[0]):.1f} to "
              f"{float(width.max() / width[0]):.1f} times the first")  # fmt: skip
        print(f"  the layer's gradient changes by {change:.2f} of itself, on average")
        for i, dash in enumerate(("dot", "dash", "solid", "dash", "dot")):
            look = {"line": {"dash": dash, "color": "#1f83c6"}, "showlegend": column == 2}
            figure.add_scatter(y=seen[:, i], name=f"{AT[i]:.0%}", **look, row=1, col=column)
    figure.update_xaxes(title_text="step").update_layout(
        template="plotly_white",
        height=430,
        title="What a unit of the third layer sees: quantiles",
    )
    figure.write_html("covariate_shift.html", include_plotlyjs="directory")
    print("figure: covariate_shift.html")


if __name__ == "__main__":
    main()
