"""What the scores of a run say in words: whether the network is worth its training.

Two models are compared row by row on the same test rows. A difference is one from two of its
standard errors on (about 95 %); whether it matters is for the person to say.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F
from torch import nn

from tune_bn.training import Dataset
from tune_bn.training.baselines import Baseline
from tune_bn.training.metrics import others_of, predict_outputs, row_gains
from tune_bn.tuning.finish.final import Finalist

__all__ = ["FEW_ROWS", "gains_of", "remarks", "why_default", "within_error"]

FEW_ROWS = 50
"""Rows to learn from below which that is said."""


def why_default(ranking: Sequence[Finalist], metric: str) -> str | None:
    """Returns why the default configuration won a final; None if no other was trained in it.

    Args:
        ranking: The default, then the others, the best first.
        metric: What they were ranked by.
    """
    winner, *others = ranking
    if not others or others[0].ahead is None:
        return None
    best = others[0]
    gain, error = others[0].ahead
    name = "the best other" if best.number is None else f"trial {best.number}, the best other,"
    how = f"is better by {gain:.2g}" if gain > 0 else "is no better"
    within = f", within the standard error of {error:.2g}" if gain > 0 else ""
    folds = min(best.folds, winner.folds)
    return (
        f"the default configuration is kept: {name} {how} in {metric} over {folds} "
        f"fold{'s' if folds > 1 else ''}{within}"
    )


def gains_of(
    model: nn.Module, dataset: Dataset, metric: str | None = None
) -> npt.NDArray[np.float64]:
    """Returns what each test row gains, as `Baseline.gains` has it.

    Args:
        model: The network, on the CPU.
        dataset: Of which the test rows are used.
        metric: What was tuned for.
    """
    outputs = predict_outputs(model, dataset.test.x).double()
    is_classes = dataset.task == "classification"
    predicted = F.log_softmax(outputs, dim=1) if is_classes else outputs.squeeze(1)
    gains = row_gains(metric, predicted.numpy(), dataset.test.y.numpy())
    if dataset.test.shares is not None:
        gains = gains * dataset.test.shares.double().numpy()
    return gains


def remarks(
    own: Mapping[str, float],
    gains: npt.NDArray[np.float64],
    others: Mapping[str, Baseline],
    dataset: Dataset,
    metric: str | None = None,
) -> list[str]:
    """Returns what a person should know before the network is used, a line each.

    Args:
        own: The network's test scores.
        gains: What `gains_of` says of it.
        others: Baselines by name; the first looks at no input.
        dataset: What all were trained on.
        metric: What was tuned for, and the gains are measured by.
    """
    score = metric if metric in others_of("regression") else "r2"
    if dataset.task == "classification":
        score = "accuracy" if metric in (None, "accuracy") else "loss"
    said = []
    n_rows = len(dataset.train) + len(dataset.validation)
    if n_rows < FEW_ROWS:
        said.append(
            f"{n_rows} rows to learn from and {len(dataset.test)} to test on: all scores here may "
            "be chance"
        )
    for place, (name, other) in enumerate(others.items()):
        ahead, error = _ahead(gains, other.gains)
        both = f"{score} {own[score]:.3g} against {other.scores[score]:.3g}"
        if place == 0 and ahead <= error:
            how = "worse than" if ahead < -error else "within the error of"
            said.append(
                f"the chosen network is {how} the guess {name!r} ({both}): these rows do not show "
                "that it has learned anything"
            )
        elif place > 0 and ahead < -error:
            said.append(f"{name} is better here than the chosen network ({both})")
    return said


def within_error(
    gains: npt.NDArray[np.float64], others: Mapping[str, npt.NDArray[np.float64]], metric: str
) -> list[str] | None:
    """Returns the models from which the network differs by two standard errors at most.

    Args:
        gains: What `gains_of` says of it.
        others: Of each other model by name.
        metric: What was tuned for.

    Returns:
        None for scores of classes, which are no mean over rows.
    """
    if metric in others_of("classification"):
        return None
    compared = {name: _ahead(gains, other) for name, other in others.items()}
    return [name for name, (ahead, error) in compared.items() if abs(ahead) <= error]


def _ahead(gains: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Returns the mean difference of two models on the same rows, and two standard errors of it."""
    difference = gains - others
    error = 2 * float(difference.std(ddof=1) / len(gains) ** 0.5) if len(gains) > 1 else 0.0
    return float(difference.mean()), error
