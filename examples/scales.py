"""Scales: draw a learning rate by its power of ten, and a momentum by its distance from 1.

A uniform draw between 0.0001 and 1 spends nine trials of ten between 0.1 and 1. Drawing
alpha = 10**r with r uniform gives every power of ten its share. For beta, the weight of the past
in an average, it is 1 - beta that goes by powers of ten: 0.9 averages over 10 values, 0.999 over
1,000, and between 0.9 and 0.9005 there is no difference worth a trial (Ng, Deep Learning
Specialization, course 2, week 3, "Using an appropriate scale").

    python examples/scales.py [--smoke-test]    # writes scales.html
"""

import argparse
import math
from statistics import median

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tune_bn import CoarseToFine, Float, Narrowing

ALPHAS = {"alpha, uniform": Float(1e-4, 1), "alpha, log": Float(1e-4, 1, log=True)}
BETAS = {
    "beta, uniform": Float(0.9, 0.999),
    "beta, one-minus-log": Float(0.9, 0.999, one_minus_log=True),
}


def draws(parameter: Float, n: int, seed: int = 0) -> list[float]:
    search = CoarseToFine({"x": parameter}, seed=seed, narrowing=Narrowing.off())
    return [search.ask().params["x"] for _ in range(n)]


def powers_of_ten(name: str, value: float) -> float:
    """Returns where a value lies, in powers of ten; of a beta, those of its distance from 1."""
    return math.log10(value) if name.startswith("alpha") else math.log10(1 - value)


def shares(name: str, values: list[float]) -> dict[int, float]:
    """Returns the share of the draws in each power of ten, which is named by its lower end."""
    tens = [math.floor(powers_of_ten(name, v)) for v in values]
    return {ten: tens.count(ten) / len(tens) for ten in sorted(set(tens), key=abs)}


def distance(name: str, parameter: Float, n_trials: int, seed: int) -> float:
    """Returns how far, in powers of ten, the nearest of a few draws is from a good value."""
    good = 0.002 if name.startswith("alpha") else 0.995
    places = [powers_of_ten(name, v) for v in draws(parameter, n_trials, seed)]
    return min(abs(place - powers_of_ten(name, good)) for place in places)


def figure(n: int) -> go.Figure:
    """Returns the draws of all four on axes where equal distances are equal effects."""
    figure = make_subplots(2, 1, vertical_spacing=0.22)
    for row, group in enumerate((ALPHAS, BETAS), start=1):
        for name, parameter in group.items():
            places = [powers_of_ten(name, v) for v in draws(parameter, n)]
            figure.add_scatter(
                x=places, y=[name.split(", ")[1]] * n, mode="markers", row=row, col=1,
                marker={"symbol": "line-ns-open", "size": 26, "line": {"width": 1.5},
                        "color": "#D55E00" if name.endswith("uniform") else "#1f83c6"},
            )  # fmt: skip
    ticks = [-4, -3, -2, -1, 0]
    figure.update_xaxes(title_text="alpha", tickvals=ticks, range=[-4.1, 0.1], row=1, col=1,
                        ticktext=[f"{10.0**t:g}" for t in ticks])  # fmt: skip
    figure.update_xaxes(title_text="beta", tickvals=[-1, -2, -3], ticktext=["0.9", "0.99", "0.999"],
                        range=[-0.95, -3.05], row=2, col=1)  # fmt: skip
    return figure.update_layout(template="plotly_white", showlegend=False, height=420,
                                title=f"{n} draws each: where do the trials go?")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    n_draws, n_seeds = (2000, 100) if parser.parse_args().smoke_test else (20_000, 2000)
    for name, parameter in {**ALPHAS, **BETAS}.items():
        print(f"{name}: {n_draws:,} draws, of which")
        for ten, share in shares(name, draws(parameter, n_draws)).items():
            low, high = 10.0**ten, 10.0 ** (ten + 1)
            if name.startswith("beta"):
                low, high = 1 - high, 1 - low
            print(f"  {low:g} to {high:g}: {share:.0%}")
        of_ten = median(distance(name, parameter, 10, seed) for seed in range(n_seeds))
        print(f"  nearest of ten trials to a good value: off by a factor of {10**of_ten:.2f}")
    figure(60).write_html("scales.html", include_plotlyjs="directory")
    print("figure: scales.html")


if __name__ == "__main__":
    main()
