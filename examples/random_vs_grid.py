"""Random instead of grid: nine trials each, where one of two parameters does not matter.

A 3 × 3 grid tries three values of the parameter that matters, random search nine. Nobody knows
beforehand which parameter that is. The figure is that of Bergstra & Bengio 2012, "Random Search
for Hyper-Parameter Optimization", figure 1, with one panel more: the coarse stage of this
package, whose points are random too, but one in each ninth of every axis.

    python examples/random_vs_grid.py [--smoke-test]    # writes random_vs_grid.html
"""

import argparse
from collections.abc import Callable
from statistics import mean

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tune_bn import CoarseToFine, Float, Narrowing

Points = list[tuple[float, float]]


def grid(seed: int) -> Points:  # noqa: ARG001 - the same whatever the seed
    return [(i / 6, j / 6) for i in (1, 3, 5) for j in (1, 3, 5)]


def drawn(narrowing: Narrowing, seed: int) -> Points:
    space = {"matters": Float(0, 1), "idle": Float(0, 1)}
    search = CoarseToFine(space, seed=seed, narrowing=narrowing)
    return [tuple(search.ask().params.values()) for _ in range(9)]


METHODS: dict[str, Callable[[int], Points]] = {
    "grid": grid,
    "random": lambda seed: drawn(Narrowing.off(), seed),
    "coarse stage": lambda seed: drawn(Narrowing(coarse_trials=9), seed),
}


def quality(x: float, y: float, peak: tuple[float, float], *, is_idle: bool) -> float:
    """Returns how good a trial is, 1 at the peak; an idle y changes next to nothing."""
    weight = 0.001 if is_idle else 1.0
    return float(np.exp(-(((x - peak[0]) / 0.12) ** 2)) - weight * (y - peak[1]) ** 2)


def figure(peak: tuple[float, float]) -> go.Figure:
    """Returns the three layouts under the curve of the parameter that matters."""
    figure = make_subplots(2, 3, row_heights=[0.3, 0.7], vertical_spacing=0.02,
                           subplot_titles=list(METHODS), shared_xaxes=True)  # fmt: skip
    axis = np.linspace(0, 1, 201)
    for column, method in enumerate(METHODS.values(), start=1):
        x, y = np.array(method(0)).T
        curve = [quality(v, 0.5, peak, is_idle=True) for v in axis]
        hit = [quality(v, 0.5, peak, is_idle=True) for v in x]
        line, marks = {"color": "#7c8796"}, {"size": 10, "color": "#D55E00"}
        figure.add_scatter(x=axis, y=curve, line=line, row=1, col=column)
        figure.add_scatter(x=x, y=hit, mode="markers", marker=marks, row=1, col=column)
        figure.add_scatter(x=x, y=y, mode="markers", marker=marks, row=2, col=column)
        for v in x:
            figure.add_vline(v, line={"color": "#1f83c6", "width": 1, "dash": "dot"}, col=column)
        figure.update_xaxes(title_text="parameter that matters", row=2, col=column)
    figure.update_yaxes(range=[-0.03, 1.03], row=2).update_xaxes(range=[-0.03, 1.03])
    figure.update_yaxes(title_text="idle parameter", row=2, col=1)
    figure.update_yaxes(title_text="result", row=1, col=1)
    return figure.update_layout(template="plotly_white", showlegend=False, height=520,
                                title="Nine trials: three values of what matters, or nine"
                                )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    n_problems = 200 if parser.parse_args().smoke_test else 5000
    for name, method in METHODS.items():
        n_values = len({x for x, _ in method(0)})
        print(f"{name}: 9 trials, {n_values} different values of the parameter that matters")
    peaks = np.random.default_rng(0).uniform(size=(n_problems, 2))
    for is_idle in (True, False):
        best = {
            name: [max(quality(x, y, peak, is_idle=is_idle) for x, y in method(seed))
                   for seed, peak in enumerate(peaks)]
            for name, method in METHODS.items()
        }  # fmt: skip
        print(f"{n_problems} problems, {'one parameter idle' if is_idle else 'both matter'}:")
        for name, found in best.items():
            wins = mean(a > b for a, b in zip(found, best["grid"], strict=True))
            against = "" if name == "grid" else f", better than the grid in {wins:.0%}"
            print(f"  {name}: best result {mean(found):.3f} on average{against}")
    figure((0.32, 0.5)).write_html("random_vs_grid.html", include_plotlyjs="directory")
    print("figure: random_vs_grid.html")


if __name__ == "__main__":
    main()
