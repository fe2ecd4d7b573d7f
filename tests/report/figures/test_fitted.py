"""Figures of the fitted network."""

import pytest

from tune_bn.report import (
    ReportError,
    plot_confusion,
    plot_inference_statistics,
    plot_loss_curves,
    plot_predictions,
)
from tune_bn.report.figures.fitted import confusion_counts


def test_confusion_counts_rows_of_each_class():
    """A row of the matrix is a true class, a column a predicted one."""
    counts = confusion_counts(["a", "b", "b"], ["a", "a", "b"], ["a", "b"])
    assert counts.tolist() == [[1, 0], [1, 1]]


def test_confusion_refuses_an_unknown_label():
    """A label that is no class is refused."""
    with pytest.raises(ReportError, match="'c'"):
        plot_confusion(["c"], ["a"], ["a", "b"])


def test_confusion_of_many_classes_says_what_is_left_out():
    """Of fifty classes the thirty most frequent are shown."""
    labels = list(range(50))
    assert "30 most frequent of 50" in plot_confusion(labels, labels, labels).layout.title.text


def test_predictions_state_their_error():
    """The legend gives the root mean square error."""
    names = [t.name for t in plot_predictions([0.0, 1.0], [1.0, 1.0]).data]
    assert any("0.707" in name for name in names)


def test_loss_curves_refuse_an_incomplete_epoch():
    """An epoch needs its number and both losses."""
    with pytest.raises(ReportError, match="loss"):
        plot_loss_curves([{"epoch": 1, "train_loss": 0.5}])


def test_inference_statistics_are_relative():
    """The shift is in standard deviations, the variance a ratio."""
    layer = {"running_mean": [1.0], "running_var": [8.0], "mean": [0.0], "var": [4.0]}
    (trace,) = plot_inference_statistics({"bn": layer}).data
    assert (trace.x[0], trace.y[0]) == (0.5, 2.0)
