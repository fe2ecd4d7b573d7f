"""Figures of a search; each function returns a ``plotly.graph_objects.Figure``."""

from tune_bn.report.figures.course import (
    plot_best_value,
    plot_durations,
    plot_intermediate_values,
)
from tune_bn.report.figures.drawn import plot_narrowing
from tune_bn.report.figures.fitted import (
    plot_confusion,
    plot_inference_statistics,
    plot_loss_curves,
    plot_predictions,
)
from tune_bn.report.figures.pair import plot_pair
from tune_bn.report.figures.relations import plot_importances, plot_parallel, plot_pareto
from tune_bn.report.figures.several import plot_best_values, plot_edf
from tune_bn.report.figures.slices import plot_slices
from tune_bn.report.figures.windows import plot_windows

__all__ = [
    "plot_best_value",
    "plot_best_values",
    "plot_confusion",
    "plot_durations",
    "plot_edf",
    "plot_importances",
    "plot_inference_statistics",
    "plot_intermediate_values",
    "plot_loss_curves",
    "plot_narrowing",
    "plot_pair",
    "plot_parallel",
    "plot_pareto",
    "plot_predictions",
    "plot_slices",
    "plot_windows",
]
