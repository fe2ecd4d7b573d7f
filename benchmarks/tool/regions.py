"""The pictures of `docs/search.md`: what each kind of region draws from.

    python -m benchmarks regions

writes one SVG file a kind into ``docs/assets``. Every rectangle and line is the window of a draw,
and every dot its value, as `tune_bn.core.draws.regions` gives them to a search.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tune_bn.core.draws.dice import uniforms
from tune_bn.core.draws.regions import (
    KINDS,
    STRATUM,
    UNTRIED,
    coarse_window,
    point,
    rank_roll,
    region_of,
)
from tune_bn.core.search.search import CoarseToFine
from tune_bn.core.space import Float, Int, Parameter
from tune_bn.core.space.window import Kept, Window
from tune_bn.plain.files import write_atomically

__all__ = ["main", "picture"]

_SIZE, _EDGE = 200, 8
_DRAWS = 40
_STYLE = """
.paper { fill: #ffffff; } .frame { fill: none; stroke: #7d8796; }
.tried { fill: #9aa3af; } .good { fill: #1f2937; } .best { fill: none; stroke: #1f2937; }
.window { fill: #0072b2; fill-opacity: .07; stroke: #0072b2; stroke-opacity: .35; }
.line { stroke: #0072b2; stroke-opacity: .45; } .draw { fill: #d55e00; }
@media (prefers-color-scheme: dark) {
  .paper { fill: #16191f; } .good { fill: #e5e7eb; } .best { stroke: #e5e7eb; }
  .window { fill: #56b4e9; fill-opacity: .12; stroke: #56b4e9; }
  .line { stroke: #56b4e9; } .draw { fill: #f0954b; }
}
"""
_FLOATS: dict[str, Parameter] = {"x": Float(0, 1), "y": Float(0, 1)}
_CELLS: dict[str, Parameter] = {"x": Int(1, 8), "y": Int(1, 6)}


def _loss(params: Mapping[str, Any]) -> float:
    x, y = params["x"], params["y"]
    return float((x - 0.62) ** 2 + 0.6 * (y - 0.4) ** 2)


def _searched(space: Mapping[str, Parameter], trials: int, seed: int) -> CoarseToFine:
    search = CoarseToFine(space, seed=seed)
    for _ in range(trials):
        trial = search.ask()
        search.tell(trial, _loss(trial.params))
    return search


def _at(space: Mapping[str, Parameter], name: str, value: Any) -> float:
    """Returns where in the picture a value lies."""
    place = space[name].position(value)
    inside = _SIZE - 2 * _EDGE
    return round(_EDGE + inside * (1 - place if name == "y" else place), 1)


def _dot(space: Mapping[str, Parameter], params: Mapping[str, Any], look: str, r: float) -> str:
    x, y = (_at(space, name, params[name]) for name in ("x", "y"))
    return f'<circle class="{look}" cx="{x}" cy="{y}" r="{r}"/>'


def _window(space: Mapping[str, Parameter], windows: Mapping[str, Window]) -> str:
    """Returns what a draw was drawn from: a rectangle, or a line where one value was kept."""
    (x0, x1), (y0, y1) = (
        sorted(_at(space, name, end) for end in windows[name].bounds) for name in ("x", "y")
    )
    if any(isinstance(window, Kept) for window in windows.values()):
        return f'<line class="line" x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}"/>'
    width, height = round(x1 - x0, 1), round(y1 - y0, 1)
    return f'<rect class="window" x="{x0}" y="{y0}" width="{width}" height="{height}"/>'


def picture(kind: str) -> str:
    """Returns the picture of a kind of region as SVG.

    Args:
        kind: One of `KINDS`.

    Raises:
        ValueError: If it is none.
    """
    if kind not in KINDS:
        raise ValueError(f"picture needs one of {', '.join(KINDS)}, but got {kind!r}.")
    space = _CELLS if kind == UNTRIED else _FLOATS
    shapes: list[str] = []
    if kind == STRATUM:
        search = CoarseToFine(space, seed=1)
        for number in range(8):
            found = {n: coarse_window(1, number, n, p, search.narrowing) for n, p in space.items()}
            params = {n: window.draw(r) for n, (window, r) in found.items()}
            shapes.append(_window(space, {n: window for n, (window, _) in found.items()}))
            shapes.append(_dot(space, params, "draw", 2.5))
    elif kind == UNTRIED:
        search = _searched(space, 47, seed=0)
        shapes += [_dot(space, trial.params, "tried", 4) for trial in search.trials]
        found_at = [n for n, o in search.origins().items() if o.mark.kind == UNTRIED]
        shapes += [_dot(space, search.params(n), "draw", 4) for n in found_at]
    else:
        search = _searched(space, 20, seed=4)
        history, narrowing = search._history, search.narrowing
        n_best = narrowing.zoom_trials
        named = [t.number for t in history.spanning(space, narrowing.elites, n_best)]
        for number in range(100, 100 + _DRAWS):
            region = region_of(
                kind,
                space,
                history,
                narrowing,
                width=0.2,
                chance=0.6,
                n_best=n_best,
                r_rank=rank_roll(0, number),
            )
            windows: dict[str, Window] = {}
            rolls = {name: uniforms(0, number, name) for name in (*space, "")}
            params = point(region, rolls, 0.0, 1.0, narrowing, windows)
            if number == 100 or any(isinstance(w, Kept) for w in windows.values()):
                shapes.append(_window(space, windows))
            shapes.append(_dot(space, params, "draw", 1.8))
        for trial in search.trials:
            look = "good" if trial.number in named else "tried"
            shapes.append(_dot(space, trial.params, look, 2.5))
        shapes.append(_dot(space, history.best.params, "best", 6))
    inside = _SIZE - 2 * _EDGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE} {_SIZE}" role="img">'
        f"<title>{kind}</title><style>{_STYLE}</style>"
        f'<rect class="paper" width="{_SIZE}" height="{_SIZE}" rx="6"/>'
        f'<rect class="frame" x="{_EDGE}" y="{_EDGE}" width="{inside}" height="{inside}"/>\n'
        + "\n".join(shapes)
        + "\n</svg>\n"
    )


def main(arguments: list[str] | None = None) -> None:
    """Writes the pictures."""
    parser = argparse.ArgumentParser(description="Draws the pictures of docs/search.md.")
    parser.add_argument("--out", type=Path, default=Path("docs/assets"), help="folder to write to")
    out = parser.parse_args(arguments).out
    for kind in KINDS:
        file = out / f"region-{kind.replace(' ', '-')}.svg"
        write_atomically(file, picture(kind))
        print(file)


if __name__ == "__main__":
    main()
