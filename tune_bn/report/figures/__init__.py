"""Figures of a search; each function returns a ``plotly.graph_objects.Figure``."""

from tune_bn.report.figures.narrowing import plot_narrowing, plot_windows
from tune_bn.report.figures.progress import (
    plot_best_value,
    plot_durations,
    plot_intermediate_values,
)

__all__ = [
    "plot_best_value",
    "plot_durations",
    "plot_intermediate_values",
    "plot_narrowing",
    "plot_windows",
]
