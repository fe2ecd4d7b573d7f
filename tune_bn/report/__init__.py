"""How a search narrowed, and what to do next: figures, advice and one page for any search."""

try:
    import plotly  # noqa: F401 - a missing package should say how to install it
except ModuleNotFoundError as error:
    if error.name != "plotly":
        raise
    raise ModuleNotFoundError(
        "tune_bn.report needs plotly, but it is not installed. "
        "Install it with: pip install 'tune-bn[report]'",
        name="plotly",
    ) from error

from tune_bn.report.advice.advise import advise
from tune_bn.report.advice.evidence import Advice
from tune_bn.report.errors import ReportError
from tune_bn.report.figures import (
    plot_best_value,
    plot_best_values,
    plot_confusion,
    plot_durations,
    plot_edf,
    plot_importances,
    plot_inference_statistics,
    plot_intermediate_values,
    plot_loss_curves,
    plot_narrowing,
    plot_pair,
    plot_parallel,
    plot_pareto,
    plot_predictions,
    plot_slices,
    plot_windows,
)
from tune_bn.report.pages.comparison import write_comparison
from tune_bn.report.pages.dashboard import DashboardCallback
from tune_bn.report.pages.network import NetworkResults
from tune_bn.report.pages.page import show_report, write_report
from tune_bn.report.results.explanation import explain
from tune_bn.report.results.results import Results, TrialResult
from tune_bn.report.results.source import results_of

__all__ = [
    "Advice",
    "DashboardCallback",
    "NetworkResults",
    "ReportError",
    "Results",
    "TrialResult",
    "advise",
    "explain",
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
    "results_of",
    "show_report",
    "write_comparison",
    "write_report",
]
