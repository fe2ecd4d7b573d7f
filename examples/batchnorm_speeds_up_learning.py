"""Batch norm speeds up learning: why an elongated loss zig-zags, and what that means for a network.

First two weights, one input of which is five times the other: the loss is a long, thin valley.
Gradient descent leaps to and fro across it and gets along it slowly, even with the best step size
there is; with both inputs normalised the valley is round. Then a network of five layers on
digits, at eight learning rates: with batch norm it learns faster, and at more of them.

    python examples/batchnorm_speeds_up_learning.py [--smoke-test]    # writes speed.html
"""

import argparse
from statistics import median

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from plotly.subplots import make_subplots
from sklearn.datasets import load_digits
from torch import Tensor

from tune_bn.nn import MLP, BatchNorm1d

COLOURS = {"none": "#D55E00", "before_activation": "#1f83c6"}


def descend(x: Tensor, y: Tensor, start: Tensor, n_steps: int) -> Tensor:
    """Returns the weights of gradient descent, (steps, 2), with the step size that is best here."""
    flattest, steepest = torch.linalg.eigvalsh(2 * x.T @ x / len(x))
    path = [start]
    for _ in range(n_steps - 1):
        path.append(path[-1] - 2 / (flattest + steepest) * 2 * x.T @ (x @ path[-1] - y) / len(x))
    return torch.stack(path)


def valley(figure: go.Figure, x: Tensor, y: Tensor, column: int) -> int:
    """Draws loss and descent; returns the steps until 99.9 % of the avoidable loss are gone."""
    best = torch.linalg.lstsq(x, y[:, None]).solution[:, 0]
    path = descend(x, y, best + torch.tensor([0.2, 1.0]), 300)
    axes = [torch.linspace(float(b) - 1.2, float(b) + 1.2, 60) for b in best]
    losses = ((x @ torch.cartesian_prod(*axes).T - y[:, None]) ** 2).mean(0).reshape(60, 60)
    place = {"row": 1, "col": column}
    figure.add_contour(x=axes[0], y=axes[1], z=losses.T.sqrt(), showscale=False, ncontours=12,
                       line={"width": 0.5, "color": "#a9b4c2"},
                       colorscale=[[0, "#c3d9ee"], [1, "#ffffff"]], **place)  # fmt: skip
    figure.add_scatter(x=path[:, 0], y=path[:, 1], line={"color": "#1f2733"}, showlegend=False,
                       marker={"size": 5}, mode="lines+markers", **place)  # fmt: skip
    excess = ((x @ path.T - y[:, None]) ** 2).mean(0) - ((x @ best - y) ** 2).mean()
    return int((excess > 0.001 * excess[0]).sum())


def steps_to_learn(norm: str, rate: float, seed: int, cap: int) -> int:
    """Returns after how many steps 90 % of the validation rows are right; the cap if never."""
    x, y = map(torch.tensor, load_digits(return_X_y=True))
    x = x.float() / 8 - 1
    torch.manual_seed(seed)
    model = MLP(64, 10, width=64, depth=5, norm=norm)
    optimiser = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    for step in range(1, cap):
        rows = torch.randint(1400, (64,))
        optimiser.zero_grad()
        F.cross_entropy(model.train()(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call] # torch's
        optimiser.step()
        if step % 10 == 0:
            with torch.no_grad():
                right = (model.eval()(x[1400:]).argmax(1) == y[1400:]).float().mean()
            if right >= 0.9:
                return step
    return cap


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    rates, n_seeds, cap = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0], 3, 600
    if parser.parse_args().smoke_test:
        rates, n_seeds, cap = [0.003, 0.03, 0.1], 1, 120
    torch.set_num_threads(1)
    torch.manual_seed(0)
    titles = ["inputs as they are", "inputs normalised", "steps until 90 % of digits are right"]
    figure = make_subplots(1, 3, column_widths=[0.29, 0.29, 0.42], subplot_titles=titles)
    x = torch.randn(400, 2) * torch.tensor([5.0, 1.0])
    y = x @ torch.tensor([0.2, 1.0]) + 0.1 * torch.randn(400)
    normalise = BatchNorm1d(2, affine=False)
    for column, (title, inputs) in enumerate(zip(titles, (x, normalise(x)), strict=False), start=1):
        print(f"{title}: down the valley in {valley(figure, inputs, y - y.mean(), column)} steps")
    for norm, colour in COLOURS.items():
        name = "without batch norm" if norm == "none" else "with batch norm"
        steps = [median(steps_to_learn(norm, r, s, cap) for s in range(n_seeds)) for r in rates]
        print(f"{name}: {min(steps)} steps at the best learning rate, and it learns within {cap} "
              f"at {sum(n < cap for n in steps)} of {len(rates)} rates")  # fmt: skip
        figure.add_scatter(x=rates, y=steps, name=name, line={"color": colour}, row=1, col=3)
    figure.update_xaxes(type="log", dtick=1, title_text="learning rate", col=3)
    figure.update_layout(template="plotly_white", height=430, width=1250)
    figure.write_html("speed.html", include_plotlyjs="directory")
    print("figure: speed.html")


if __name__ == "__main__":
    main()
