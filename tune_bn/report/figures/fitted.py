"""The chosen network itself: its training, its inference statistics, its predictions."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from tune_bn.report.errors import ReportError
from tune_bn.report.figures.style import (
    BLUE,
    BLUE_RGB,
    GREY,
    SERIES,
    VERMILLION,
    add_note,
    base_figure,
    empty_figure,
    log_axis,
    takes_template,
)
from tune_bn.report.results.wording import number_text, plotly_text, value_text

__all__ = [
    "confusion_counts",
    "plot_confusion",
    "plot_inference_statistics",
    "plot_loss_curves",
    "plot_predictions",
]

_MOST_CLASSES = 30
_MOST_POINTS = 2000


@takes_template
def plot_loss_curves(epochs: Sequence[Mapping[str, float]], *, template: Any = None) -> go.Figure:
    """Returns a figure of training and validation loss by epoch.

    Args:
        epochs: For each epoch a mapping with ``epoch``, ``train_loss`` and ``loss`` (validation).
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.

    Raises:
        ReportError: If an epoch lacks one of them.

    Example:
        >>> figure = plot_loss_curves([{"epoch": 1, "train_loss": 0.9, "loss": 1.0}])
        >>> [trace.name for trace in figure.data]
        ['training', 'validation']
    """
    title = "Loss of the chosen network by epoch"
    if not epochs:
        return empty_figure(title, "No epoch was recorded.")
    for epoch in epochs:
        if missing := {"epoch", "train_loss", "loss"} - set(epoch):
            raise ReportError(
                f"plot_loss_curves needs {min(missing)!r} of each epoch, but got {dict(epoch)!r}."
            )
    x = [epoch["epoch"] for epoch in epochs]
    figure = go.Figure()
    for key, name, colour, dash in (
        ("train_loss", "training", GREY, "dash"),
        ("loss", "validation", BLUE, "solid"),
    ):
        figure.add_trace(
            go.Scatter(
                x=x,
                y=[epoch[key] for epoch in epochs],
                mode="lines+markers",
                line={"color": colour, "width": 2, "dash": dash},
                marker={"size": 5},
                name=name,
                hovertemplate="epoch %{x}: %{y:.4g}<extra></extra>",
            )
        )
    base_figure(figure, title=title, height=360)
    figure.update_xaxes(title_text="Epoch")
    figure.update_yaxes(title_text="Loss")
    values = [v for e in epochs for v in (e["train_loss"], e["loss"])]
    figure.update_yaxes(log_axis(values))
    return figure


@takes_template
def plot_inference_statistics(
    layers: Mapping[str, Mapping[str, npt.ArrayLike]], *, template: Any = None
) -> go.Figure:
    """Returns a figure of the statistics that a network infers with, against the exact ones.

    One marker per feature: how far its running mean lies from the mean over all rows, in standard
    deviations, and the ratio of the variances. Exact statistics lie at (0, 1).

    Args:
        layers: Name of a layer → ``running_mean``, ``running_var``, ``mean``, ``var``, each of
            shape (C,).
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.

    Raises:
        ReportError: If a layer lacks one of them, or they differ in shape.
    """
    title = "Inference statistics against the exact ones"
    if not layers:
        return empty_figure(title, "The network has no batch norm.")
    figure = go.Figure()
    for i, (name, given) in enumerate(layers.items()):
        found = {key: np.asarray(value, dtype=float) for key, value in given.items()}
        keys = ("running_mean", "running_var", "mean", "var")
        shapes = {found[key].shape for key in keys if key in found}
        if len(shapes) != 1 or not set(keys) <= set(found):
            raise ReportError(
                f"plot_inference_statistics needs {', '.join(keys)} of one shape for each layer, "
                f"but got {sorted(found)} for {name!r}."
            )
        spread = np.sqrt(np.maximum(found["var"], 1e-12))
        shift = (found["running_mean"] - found["mean"]) / spread
        ratio = found["running_var"] / np.maximum(found["var"], 1e-12)
        figure.add_trace(
            go.Scatter(
                x=shift,
                y=ratio,
                mode="markers",
                marker={
                    "size": 7,
                    "opacity": 0.75,
                    "color": SERIES[i % len(SERIES)],
                    "symbol": ("circle", "diamond", "square", "triangle-up", "x", "cross")[i % 6],
                },
                name=plotly_text(name, 24),
                customdata=np.arange(shift.size),
                hovertemplate=(
                    "feature %{customdata}<br>mean %{x:+.2g} sd, variance × %{y:.3g}"
                    "<extra>" + plotly_text(name, 24) + "</extra>"
                ),
            )
        )
    base_figure(figure, title=title, height=400)
    figure.add_vline(x=0, line={"color": GREY, "width": 1, "dash": "dot"})
    figure.add_hline(y=1, line={"color": GREY, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="Running − exact mean, in its sd")
    figure.update_yaxes(title_text="Running ÷ exact variance")
    return figure


def confusion_counts(
    true: Sequence[Any], predicted: Sequence[Any], classes: Sequence[Any]
) -> npt.NDArray[np.int64]:
    """Returns how often each true class was predicted as each, shape (classes, classes).

    Raises:
        ReportError: If the two differ in length, or hold a label that is no class.
    """
    if len(true) != len(predicted):
        raise ReportError(
            f"A confusion matrix needs a prediction for each row, but got {len(true)} true and "
            f"{len(predicted)} predicted labels."
        )
    place = {value_text(_python(c)): i for i, c in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for row, column in zip(true, predicted, strict=True):
        names = value_text(_python(row)), value_text(_python(column))
        if unknown := [n for n in names if n not in place]:
            raise ReportError(
                f"A confusion matrix needs labels among {list(place)}, but got {unknown[0]!r}."
            )
        counts[place[names[0]], place[names[1]]] += 1
    return counts


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


@takes_template
def plot_confusion(
    true: Sequence[Any], predicted: Sequence[Any], classes: Sequence[Any], *, template: Any = None
) -> go.Figure:
    """Returns a figure of the confusion matrix: rows are true classes, columns predicted ones.

    Args:
        true: Label of each row, N of them.
        predicted: Predicted label of each row.
        classes: All labels, in order; of more than 30 only the most frequent are shown.
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.

    Raises:
        ReportError: If the two differ in length, or hold a label that is no class.
    """
    title = "Predictions on the test rows"
    counts = confusion_counts(true, predicted, classes)
    note = ""
    if len(classes) > _MOST_CLASSES:
        kept = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:_MOST_CLASSES])
        counts = counts[np.ix_(kept, kept)]
        note = f"The {_MOST_CLASSES} most frequent of {len(classes)} classes."
        classes = [classes[i] for i in kept]
    names = [plotly_text(value_text(_python(c)), 14) for c in classes]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    text = [[str(n) if n else "" for n in row] for row in counts]
    places = list(range(len(names)))
    figure = go.Figure(
        go.Heatmap(
            z=share,
            x=places,
            y=places,
            text=text,
            texttemplate="%{text}" if len(names) <= 20 else None,
            customdata=counts,
            colorscale=[[0, f"rgba({BLUE_RGB},0.04)"], [1, f"rgba({BLUE_RGB},0.7)"]],
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{customdata} rows, %{z:.1%} of the true class<extra></extra>",
        )
    )
    base_figure(figure, title=title, height=min(90 + 34 * len(names), 760) + 60)
    figure.update_xaxes(
        title_text="Predicted", tickvals=places, ticktext=names, showgrid=False, tickangle=0
    )
    figure.update_yaxes(
        title_text="True", tickvals=places, ticktext=names, showgrid=False, autorange="reversed"
    )
    figure.update_layout(margin={"t": 56})
    if note:
        add_note(figure, note)
    return figure


@takes_template
def plot_predictions(
    true: Sequence[float], predicted: Sequence[float], *, template: Any = None
) -> go.Figure:
    """Returns a figure of predicted against true values; the diagonal is a perfect prediction.

    Args:
        true: Value of each row, N of them; of more than 2,000 rows evenly chosen ones are shown.
        predicted: Predicted value of each row.
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.

    Raises:
        ReportError: If the two differ in length.
    """
    title = "Predictions on the test rows"
    x, y = np.asarray(true, dtype=float), np.asarray(predicted, dtype=float)
    if x.shape != y.shape:
        raise ReportError(
            f"plot_predictions needs a prediction for each row, but got {x.size} true and "
            f"{y.size} predicted values."
        )
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if not x.size:
        return empty_figure(title, "There are no test rows with finite predictions.")
    shown = np.unique(np.linspace(0, x.size - 1, min(x.size, _MOST_POINTS)).astype(int))
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    error = math.sqrt(float(np.mean((x - y) ** 2)))
    figure = go.Figure(
        [
            go.Scatter(
                x=[low, high],
                y=[low, high],
                mode="lines",
                line={"color": VERMILLION, "width": 1.5, "dash": "dash"},
                name="perfect",
                hoverinfo="skip",
            ),
            go.Scatter(
                x=x[shown],
                y=y[shown],
                mode="markers",
                marker={"size": 6, "color": BLUE, "opacity": 0.6},
                name=f"test rows (root mean square error {number_text(error, 3)})",
                hovertemplate="true %{x:.4g}<br>predicted %{y:.4g}<extra></extra>",
            ),
        ]
    )
    base_figure(figure, title=title, height=440)
    figure.update_xaxes(title_text="True value")
    figure.update_yaxes(title_text="Predicted value")
    if shown.size < x.size:
        note = f"{shown.size:,} of {x.size:,} rows shown."
        add_note(figure, note)
    return figure
