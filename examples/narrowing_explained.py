"""Coarse, then fine: what a search tries in each stage, and where it looks next.

The first row of the figure is the scheme as it is taught: twenty random points, then a box of half
the width around the best one, and again (`Narrowing.textbook()`). The second row is this package's
default: short stages, a window around each of the few best trials, and draws that change one or
two parameters and keep the rest. Grey points are the trials before, orange ones those of the stage.
The blue frame holds all that the stage drew from: no orange point lies outside. Most draws came
from much less, which the pale blue shapes show.

    python examples/narrowing_explained.py [--smoke-test]    # writes narrowing_explained.html
"""

import argparse

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tune_bn import CoarseToFine, Float, Narrowing, Stage

SCHEMES = {"textbook": Narrowing.textbook(), "default": Narrowing()}
SHOWN = {"textbook": (0, 1, 2, 3), "default": (0, 1, 3, 6)}
N_TRIALS = 80


def valley(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns the height of a curved, rippled valley with its lowest point, 0, at (0.7, 0.49)."""
    beside = y - x**2
    height: np.ndarray = 4 * beside**2 + (x - 0.7) ** 2 + 0.02 * np.sin(15 * beside) ** 2
    return height


def run(narrowing: Narrowing, seed: int = 1, n_valleys: int = 1) -> CoarseToFine:
    """Searches a sum of valleys, of two parameters each."""
    names = [f"{axis}{i}" for i in range(n_valleys) for axis in "xy"]
    search = CoarseToFine(dict.fromkeys(names, Float(0, 1)), seed=seed, narrowing=narrowing)
    for _ in range(N_TRIALS):
        trial = search.ask()
        values = np.array([trial.params[name] for name in names])
        search.tell(trial, float(valley(values[::2], values[1::2]).sum()))
    return search


def panel(figure: go.Figure, search: CoarseToFine, stage: Stage, place: dict[str, int]) -> None:
    """Draws one stage: the valley, the trials so far, and the stage's windows."""
    axis = np.linspace(0, 1, 60)
    height = np.log10(valley(axis[None, :], axis[:, None]) + 1e-3)
    figure.add_contour(x=axis, y=axis, z=height, showscale=False, ncontours=12,
                       colorscale=[[0, "#c3d9ee"], [1, "#ffffff"]],
                       line={"width": 0.5, "color": "#a9b4c2"}, **place)  # fmt: skip
    earlier = [t.params for t in search.trials if t.number < stage.trials[0]]
    now = [t.params for t in search.trials if t.number in stage.trials]
    for trials, colour, size in ((earlier, "#7c8796", 5), (now, "#D55E00", 9)):
        figure.add_scatter(x=[p["x0"] for p in trials], y=[p["y0"] for p in trials],
                           marker={"color": colour, "size": size}, mode="markers",
                           **place)  # fmt: skip
    drawn = [search.origins()[number].windows or {} for number in stage.trials]
    frames = [stage.windows, *({n: w.bounds for n, w in windows.items()} for windows in drawn)]
    for i, ends in enumerate(frames):
        (left, right), (bottom, top) = ends["x0"], ends["y0"]
        line = {"color": "#1f83c6", "width": 2 if i == 0 else 1}
        figure.add_shape(type="rect", x0=left, x1=right, y0=bottom, y1=top, line=line,
                         opacity=1.0 if i == 0 else 0.3, **place)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    n_seeds = 5 if parser.parse_args().smoke_test else 100
    searches = {name: run(narrowing) for name, narrowing in SCHEMES.items()}
    shown = {name: [searches[name].stages()[i] for i in SHOWN[name]] for name in SCHEMES}
    titles = [f"{name}: {stage.name}" for name, stages in shown.items() for stage in stages]
    figure = make_subplots(2, 4, subplot_titles=titles, shared_xaxes=True, shared_yaxes=True,
                           horizontal_spacing=0.02, vertical_spacing=0.1)  # fmt: skip
    for row, (name, search) in enumerate(searches.items(), start=1):
        print(f"{name}: {len(search.stages())} stages, best {search.best.value:.6f}; of these")
        for column, stage in enumerate(shown[name], start=1):
            panel(figure, search, stage, {"row": row, "col": column})
            (left, right), (bottom, top) = stage.windows["x0"], stage.windows["y0"]
            usual = 1.0 if stage.usual_width is None else stage.usual_width
            print(f"  {stage.name}: {len(stage.trials):2} trials, usually redrawn in {usual:.2f} "
                  f"of a range, all in x {left:.2f} to {right:.2f}, y {bottom:.2f} to {top:.2f}, "
                  f"best {stage.best_value:.4f}")  # fmt: skip
    figure.update_xaxes(range=[0, 1]).update_yaxes(range=[0, 1])
    figure.update_layout(template="plotly_white", showlegend=False, height=620, width=1100,
                         title="Coarse, then fine: a stage's trials and windows")  # fmt: skip
    figure.write_html("narrowing_explained.html", include_plotlyjs="directory")
    print("figure: narrowing_explained.html")
    for n_valleys in (1, 4):
        print(f"{2 * n_valleys} parameters, {N_TRIALS} trials, the median best of {n_seeds} seeds:")
        for name, narrowing in {**SCHEMES, "no narrowing": Narrowing.off()}.items():
            best = [run(narrowing, seed, n_valleys).best.value for seed in range(n_seeds)]
            print(f"  {name}: {np.median(best):.5f}")


if __name__ == "__main__":
    main()
