"""Contours: how good the trials around each place of a plane are, and lines of what is as good.

The surface is a mean of neighbours (Nadaraya 1964, Watson 1964), with a width that follows how
close the trials lie: no model of the objective, and nothing where no trial is near. It describes
trials, whose other parameters differ too; a search never looks at it.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["FEWEST", "LEVELS", "Band", "band", "neighbour_means"]

FEWEST = 10
"""Trials below which there is no surface."""
LEVELS = (0.2, 0.4, 0.6, 0.8)
"""Shares of the trials that are surpassed, at which lines run."""

_Floats = npt.NDArray[np.float64]
_NEIGHBOURS = 5  # half as far as the furthest of them lies, that wide is a mean
_NARROWEST = 0.03  # of a side of the plane
_NEAR = 0.1  # how far from the nearest trial something is said


class Band(NamedTuple):
    """All of a surface that is not below a level.

    Args:
        area: As a path of SVG.
        edge: Lines along the level, as a path; "" for none.
    """

    area: str
    edge: str


def neighbour_means(points: _Floats, goodness: _Floats, across: _Floats, up: _Floats) -> _Floats:
    """Returns the mean goodness of the trials around each place, of shape (len(up), len(across)).

    Args:
        points: Places of the N trials in the unit square, of shape (N, 2).
        goodness: Of each, of shape (N,).
        across: Places to look at, from 0 to 1.
        up: Likewise.

    Returns:
        NaN where no trial is near; all NaN below `FEWEST` trials.
    """
    found = np.full((len(up), len(across)), np.nan)
    if len(points) < FEWEST:
        return found
    for i, y in enumerate(up):
        squared = (across[:, None] - points[:, 0]) ** 2 + (y - points[:, 1]) ** 2
        nearest = np.partition(squared, _NEIGHBOURS - 1, axis=1)[:, :_NEIGHBOURS].max(axis=1)
        weights = np.exp(-squared / (2 * np.maximum(nearest / 4, _NARROWEST**2))[:, None])
        is_near = squared.min(axis=1) <= _NEAR**2
        found[i, is_near] = (weights @ goodness / weights.sum(axis=1))[is_near]
    return found


def band(z: Any, x: Any, y: Any, level: float) -> Band:
    """Returns what of a surface is not below a level, by marching squares.

    Of a square of four places of which one is unknown half is left out, else all of it.

    Args:
        z: The surface, of shape (len(y), len(x)); NaN where it is unknown.
        x: Pixels of the columns.
        y: Pixels of the rows.
        level: In the unit of ``z``.
    """
    corners = np.stack([z[:-1, :-1], z[:-1, 1:], z[1:, 1:], z[1:, :-1]], axis=-1)
    n_known = np.isfinite(corners).sum(axis=-1)
    is_full: npt.NDArray[np.bool_] = np.asarray((corners >= level).all(axis=-1))
    is_cut = (n_known >= 3) & np.any(corners >= level, axis=-1) & ~is_full
    area, edge = [], []
    for i, row in enumerate(is_full):
        ends = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
        for start, end in ends.reshape(-1, 2):
            area.append(f"M{x[start]:.1f} {y[i]:.1f}H{x[end]:.1f}V{y[i + 1]:.1f}H{x[start]:.1f}z")
    for i, j in zip(*np.nonzero(is_cut), strict=True):
        square = [(x[j], y[i]), (x[j + 1], y[i]), (x[j + 1], y[i + 1]), (x[j], y[i + 1])]
        known = np.flatnonzero(np.isfinite(corners[i, j]))
        shape, lines = _cut([square[k] for k in known], corners[i, j, known] - level)
        area.append("M" + "L".join(shape) + "z")
        edge += lines
    return Band("".join(area), "".join(edge))


def _cut(square: list[tuple[float, float]], above: _Floats) -> tuple[list[str], list[str]]:
    """Returns the corners of the part of a shape that is not below, and the lines that cut it."""
    shape: list[str] = []
    cuts: list[tuple[bool, str]] = []  # whether the way around leaves there, and where
    for k, (a, b) in enumerate(zip(square, (*square[1:], square[0]), strict=True)):
        ours, next_ones = above[k], above[(k + 1) % len(above)]
        if ours >= 0:
            shape.append(f"{a[0]:.1f} {a[1]:.1f}")
        if (ours >= 0) != (next_ones >= 0):
            share = ours / (ours - next_ones)
            at = f"{a[0] + share * (b[0] - a[0]):.1f} {a[1] + share * (b[1] - a[1]):.1f}"
            shape.append(at)
            cuts.append((ours >= 0, at))
    if cuts and not cuts[0][0]:  # begin where the way around leaves
        cuts = [*cuts[1:], cuts[0]]
    starts, ends = cuts[::2], cuts[1::2]
    return shape, [f"M{a}L{b}" for (_, a), (_, b) in zip(starts, ends, strict=True)]
