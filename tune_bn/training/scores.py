"""Numbers as their normal scores: what a network sees of a column is a row's rank in it.

Columns of tables have long tails, and standardised they stay long: of a few rows a network sees
next to nothing but their size. The normal score of a value is the point below which a standard
normal number lies as often as a training row's value lies below this one (scikit-learn's user
guide, "Mapping to a Gaussian distribution"); equal values have the score of their middle rank.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tune_bn.nn import MLP

__all__ = ["NormalScores", "ScoredMLP"]

_KNOTS = 65


class NormalScores(nn.Module):
    """Maps each column of ``(N, D)`` to its normal scores, linearly between 65 knots.

    Beyond the training rows' smallest and largest value the score stays what it is there. Columns
    of two values pass unchanged.

    Args:
        n_features: Columns, D.

    Example:
        >>> scores = NormalScores(1)
        >>> scores.learn(torch.tensor([[0.0], [1.0], [2.0], [1000.0]]))
        >>> x = torch.tensor([[0.5], [1000.0], [1e6]])
        >>> [round(float(score), 2) for score in scores(x)]
        [-0.87, 1.36, 1.36]
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("knots", torch.zeros(n_features, _KNOTS))
        self.register_buffer("scores", torch.zeros(n_features, _KNOTS))
        self.register_buffer("is_scored", torch.zeros(n_features, dtype=torch.bool))

    knots: Tensor
    scores: Tensor
    is_scored: Tensor

    @torch.no_grad()
    def learn(self, x: Tensor) -> None:
        """Takes the knots from training rows ``(N, D)``."""
        rows = len(x)
        places = torch.linspace(0, rows - 1, _KNOTS, dtype=torch.float64).round().long()
        for column in range(x.shape[1]):
            values = x[:, column].cpu().sort().values
            distinct = torch.unique(values)
            self.is_scored[column] = len(distinct) > 2
            knots = torch.unique(values[places])
            below = torch.searchsorted(values, knots, right=False)
            up_to = torch.searchsorted(values, knots, right=True)
            ranks = (below + up_to).double() / (2 * rows)
            scores = torch.special.ndtri(ranks)
            of_rows = _between(values[None].double(), knots[None].double(), scores[None])
            spread = of_rows.std(correction=0).clamp(min=1e-6)
            scores = (scores - of_rows.mean()) / spread
            self.knots[column] = knots[-1]
            self.scores[column] = scores[-1]
            self.knots[column, : len(knots)] = knots
            self.scores[column, : len(knots)] = scores

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, D)`` to ``(N, D)``."""
        found = _between(x.t().contiguous(), self.knots, self.scores).t()
        return torch.where(self.is_scored, found, x)


def _between(x: Tensor, knots: Tensor, scores: Tensor) -> Tensor:
    """Interpolates each row of ``(D, N)`` between the knots of its row, ``(D, K)``, ascending."""
    last = knots.shape[1] - 1
    right = torch.searchsorted(knots, x, right=True).clamp(min=min(1, last), max=last)
    left = (right - 1).clamp(min=0)
    start, end = knots.gather(1, left), knots.gather(1, right)
    share = ((x - start) / (end - start).where(end > start, 1.0)).clamp(0.0, 1.0)
    low, high = scores.gather(1, left), scores.gather(1, right)
    return low + share * (high - low)


class ScoredMLP(MLP):
    """A perceptron on normal scores; its arguments are those of `MLP`."""

    def __init__(self, in_features: int, out_features: int, **options: object) -> None:
        super().__init__(in_features, out_features, **options)  # type: ignore[arg-type]
        self.scores = NormalScores(in_features)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, in_features)`` to ``(N, out_features)``."""
        return super().forward(self.scores(x))
