"""Contours: what the surface says, where it says nothing, and that bands are what they claim."""

import re

import numpy as np
import optuna
import pytest

from tune_bn.report import plot_pair
from tune_bn.report.figures.contours import band, neighbour_means
from tune_bn.report.figures.drawing import draw

GRID = np.linspace(0, 1, 41)


def area_of(path: str) -> float:
    """Returns the area of all polygons of a path, which do not overlap."""
    total = 0.0
    for part in path.split("z")[:-1]:
        x, y, corners = 0.0, 0.0, []
        for letter, numbers in re.findall(r"([MLHV])([-\d. ]+)", part):
            found = [float(n) for n in numbers.split()]
            x = x if letter == "V" else found[0]
            y = y if letter == "H" else found[-1]
            corners.append((x, y))
        a, b = np.array(corners), np.roll(corners, -1, axis=0)
        total += abs(float((a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]).sum()) / 2)
    return total


def test_the_surface_is_a_mean_of_near_trials():
    """It stays between the least and the most, is a constant's constant, and follows a slope."""
    points = np.random.default_rng(0).random((300, 2))
    assert np.nanmax(np.abs(neighbour_means(points, np.full(300, 0.3), GRID, GRID) - 0.3)) < 1e-9
    means = neighbour_means(points, points[:, 0], GRID, GRID)
    assert 0 <= np.nanmin(means) <= np.nanmax(means) <= 1
    inner = (GRID > 0.1) & (GRID < 0.9)
    assert np.nanmax(np.abs(means - GRID)[:, inner]) < 0.1


def test_where_no_trial_is_near_nothing_is_said():
    """Half of the plane is empty, and stays so."""
    points = np.random.default_rng(0).random((400, 2)) * [0.5, 1]
    means = neighbour_means(points, points[:, 1], GRID, GRID)
    assert np.isnan(means[:, GRID > 0.65]).all()
    assert not np.isnan(means[:, GRID < 0.45]).any()


def test_few_trials_have_no_surface():
    """Nine trials tell of themselves alone."""
    points = np.random.default_rng(0).random((9, 2))
    assert np.isnan(neighbour_means(points, points[:, 0], GRID, GRID)).all()


@pytest.mark.parametrize("level", [0.0, 0.23, 0.5, 0.99])
def test_a_band_of_a_plane_is_the_plane_above_its_level(level):
    """Its area is exact where the surface is flat, and its edge runs along the level."""
    z = np.tile(GRID, (5, 1))
    found = band(z, 1000 * GRID, 100 * np.arange(5.0), level)
    assert area_of(found.area) == pytest.approx(400 * 1000 * (1 - level), abs=80)
    across = [float(x) for x in re.findall(r"[ML]([-\d.]+) ", found.edge)]
    assert across == pytest.approx([1000 * level] * len(across), abs=0.1)
    assert len(across) == (8 if level else 0)


def test_a_band_of_a_hill_is_a_disc_with_a_closed_edge():
    """Within the error of straight lines in squares, and each end of the edge is met by another."""
    x = np.linspace(-1, 1, 61)
    z = 1 - np.hypot(*np.meshgrid(x, x))
    found = band(z, x * 300, x * 300, 0.4)
    assert area_of(found.area) == pytest.approx(np.pi * (0.6 * 300) ** 2, rel=0.01)
    ends = re.findall(r"[ML]([-\d.]+ [-\d.]+)", found.edge)
    assert all(ends.count(end) % 2 == 0 for end in ends)


def test_unknown_squares_have_no_band():
    """Of a square of which a corner is unknown half is left out, of more corners all of it."""
    z, places = np.ones((3, 3)), [0, 10, 20]
    z[0, 0] = np.nan
    assert area_of(band(z, places, places, 0.5).area) == pytest.approx(350)
    z[1, 1] = np.nan
    assert area_of(band(z, places, places, 0.5).area) == pytest.approx(150)
    z[0, 2] = z[2, 0] = z[2, 2] = np.nan
    assert band(z, places, places, 0.5).area == ""


def test_a_pair_has_contours_on_the_page_and_in_plotly(staged: optuna.Study):
    """Of two parameters with an order; choices have none, and no contours."""
    figure = plot_pair(staged, params=["learning_rate", "width"])
    assert [trace.type for trace in figure.data][:2] == ["contour", "scatter"]
    drawn = draw(figure, width=900).svg
    assert drawn.count('shape-rendering="crispEdges"') == 5
    assert len(drawn) < 100_000
    choices = plot_pair(staged, params=["learning_rate", "activation"])
    assert "contour" not in [trace.type for trace in choices.data]
