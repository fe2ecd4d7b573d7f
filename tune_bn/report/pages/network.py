"""What a report can show of the chosen network itself, handed over as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from tune_bn.report.figures import (
    plot_confusion,
    plot_inference_statistics,
    plot_loss_curves,
    plot_predictions,
)
from tune_bn.report.figures.fitted import confusion_counts
from tune_bn.report.figures.hover import plain_text
from tune_bn.report.pages.listings import Table
from tune_bn.report.pages.markup import figure_block, folded
from tune_bn.report.results.wording import number_text, value_text

__all__ = ["NetworkResults", "network_figures"]


@dataclass(frozen=True)
class NetworkResults:
    """The training, the inference statistics and the predictions of the chosen network.

    Args:
        epochs: For each epoch ``epoch``, ``train_loss`` and ``loss`` (validation).
        layers: Name of a batch-norm layer → ``running_mean``, ``running_var`` (what it infers
            with), ``mean``, ``var`` (exact, over all training rows), each of shape (C,).
        true: Label or value of each test row.
        predicted: What the network says of each test row.
        classes: All labels, in order; None for regression.
    """

    epochs: Sequence[Mapping[str, float]] = ()
    layers: Mapping[str, Mapping[str, npt.ArrayLike]] = field(default_factory=dict)
    true: Sequence[Any] = ()
    predicted: Sequence[Any] = ()
    classes: Sequence[Any] | None = None


def network_figures(network: NetworkResults) -> list[str]:
    """Returns the figures of a network as HTML, those for which there is something to show."""
    blocks: list[tuple[str, go.Figure, str, Table]] = []
    if network.epochs:
        blocks.append(
            (
                "plot-loss",
                plot_loss_curves(network.epochs),
                "A validation loss that rises while the training loss falls is overfitting.",
                _epoch_table(network.epochs),
            )
        )
    if network.layers:
        blocks.append(
            (
                "plot-statistics",
                plot_inference_statistics(network.layers),
                "One marker for each feature of a batch-norm layer. Where the lines cross, the "
                "statistics that the network infers with are the exact ones.",
                _layer_table(network.layers),
            )
        )
    if len(network.true):
        if network.classes is not None:
            figure = plot_confusion(network.true, network.predicted, network.classes)
            caption = "Each cell counts test rows; on the diagonal the prediction is right."
        else:
            figure = plot_predictions(
                [float(v) for v in network.true], [float(v) for v in network.predicted]
            )
            caption = "Each point is a test row; on the dashed line the prediction is right."
        table = _prediction_table(network)
        blocks.append(("plot-predictions", figure, caption, table))
    return [folded(_title(block[1]), figure_block(*block)) for block in blocks]


def _title(figure: go.Figure) -> str:
    return plain_text(str(figure.layout.title.text).split("<br>")[0])


def _epoch_table(epochs: Sequence[Mapping[str, float]]) -> Table:
    rows = tuple(
        (str(int(e["epoch"])), number_text(e["train_loss"]), number_text(e["loss"])) for e in epochs
    )
    return Table("Loss by epoch", ("Epoch", "Training", "Validation"), rows, n_text_columns=0)


def _layer_table(layers: Mapping[str, Mapping[str, npt.ArrayLike]]) -> Table:
    rows = []
    for name, given in layers.items():
        found = {key: np.asarray(value, dtype=float) for key, value in given.items()}
        spread = np.sqrt(np.maximum(found["var"], 1e-12))
        shift = np.abs(found["running_mean"] - found["mean"]) / spread
        ratio = found["running_var"] / np.maximum(found["var"], 1e-12)
        rows.append(
            (
                name,
                str(shift.size),
                number_text(float(np.median(shift)), 3),
                number_text(float(shift.max(initial=0.0)), 3),
                f"{number_text(float(ratio.min()), 3)} … {number_text(float(ratio.max()), 3)}",
            )
        )
    columns = ("Layer", "Features", "Median shift (sd)", "Largest shift (sd)", "Variance ratio")
    return Table("Inference statistics", columns, tuple(rows))


def _prediction_table(network: NetworkResults) -> Table:
    if network.classes is None:
        true = np.asarray(network.true, dtype=float)
        error = np.abs(np.asarray(network.predicted, dtype=float) - true)
        rows = tuple(
            (f"{share:.0%} of the rows", f"within {number_text(float(value), 3)}")
            for share, value in zip(
                (0.5, 0.9, 1.0), np.quantile(error, [0.5, 0.9, 1.0]), strict=True
            )
        )
        return Table("Errors", ("Share", "Absolute error"), rows)
    counts = confusion_counts(network.true, network.predicted, network.classes)
    rows_of_class = []
    for i, label in enumerate(network.classes):
        n, right, said = int(counts[i].sum()), int(counts[i, i]), int(counts[:, i].sum())
        recall = f"{right / n:.1%}" if n else "–"
        precision = f"{right / said:.1%}" if said else "–"
        rows_of_class.append((value_text(label), str(n), recall, precision))
    columns = ("Class", "Test rows", "Found (recall)", "Right when said (precision)")
    return Table("Predictions by class", columns, tuple(rows_of_class))
