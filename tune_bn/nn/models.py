"""The networks that the tool tunes: a perceptron and a small convolutional network.

Both put batch norm at one of three places and leave out the bias that it would cancel: normalising
subtracts the mean, and with it any constant that the layer before added (Ioffe & Szegedy 2015,
section 3.2). The layer's own β takes the bias's place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Generator, Tensor, empty_like, nn

from tune_bn.nn.batchnorm import BatchNorm1d, BatchNorm2d
from tune_bn.nn.errors import BatchNormError
from tune_bn.plain.checks import check_choice, check_whole

__all__ = ["ACTIVATIONS", "MLP", "NORMS", "ConvNet", "Dropout"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
NORMS = ("before_activation", "after_activation", "none")


class Dropout(nn.Dropout):
    """Torch's dropout, which draws from a generator of its own where one is set.

    Example:
        >>> import torch
        >>> layer = Dropout(0.5)
        >>> layer.generator = torch.Generator().manual_seed(0)
        >>> layer(torch.ones(4)).tolist()
        [0.0, 0.0, 2.0, 0.0]
    """

    generator: Generator | None = None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        """Drops each number with probability ``p`` and scales the others by 1 / (1 - p)."""
        if self.generator is None or not self.training:
            return super().forward(input)
        kept = 1.0 - self.p
        mask = empty_like(input).bernoulli_(kept, generator=self.generator)
        return input * mask.div_(kept)


class MLP(nn.Module):
    """A perceptron with batch norm, from ``(N, in_features)`` to ``(N, out_features)``.

    Args:
        in_features: Columns of the input, at least 1.
        out_features: Columns of the output, at least 1.
        width: Units of each hidden layer.
        depth: Number of hidden layers; 0 is a linear model.
        activation: A key of ``ACTIVATIONS``.
        norm: "before_activation" normalises z = XW, "after_activation" normalises a = g(z),
            "none" leaves batch norm out and gives the layers a bias instead.
        decay: Weight of the past in the inference statistics, in [0, 1].
        decays: Keep several averages in one run; see ``BatchNorm1d``.
        dropout: Probability of dropping a hidden unit, in [0, 1).
        normalize_input: Batch norm on the input itself, before the first layer.

    Raises:
        BatchNormError: For an unknown activation or norm, or a size below its minimum.

    Example:
        >>> import torch
        >>> MLP(64, 10, width=32)(torch.zeros(5, 64)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        width: int = 128,
        depth: int = 2,
        activation: str = "relu",
        norm: str = "before_activation",
        decay: float = 0.9,
        decays: Sequence[float] | None = None,
        dropout: float = 0.0,
        normalize_input: bool = False,
    ) -> None:
        super().__init__()
        depth = check_whole(BatchNormError, "MLP", "depth", depth, least=0)
        _check("MLP", activation, norm, in_features=in_features, out_features=out_features,
               width=width)  # fmt: skip
        layers: list[nn.Module] = []
        if normalize_input:
            layers.append(BatchNorm1d(in_features, decay=decay, decays=decays))
        features = in_features
        for _ in range(depth):
            layers.append(nn.Linear(features, width, bias=norm == "none"))
            layers += _nonlinearity(
                lambda: BatchNorm1d(width, decay=decay, decays=decays), activation, norm
            )
            if dropout:
                layers.append(Dropout(dropout))
            features = width
        layers.append(nn.Linear(features, out_features))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, in_features)`` to ``(N, out_features)``."""
        out: Tensor = self.layers(x)
        return out


class ConvNet(nn.Module):
    """A convolutional network with batch norm, from ``(N, C, H, W)`` to ``(N, out_features)``.

    Each of the ``depth`` blocks is a 3 × 3 convolution, batch norm and the activation; the channels
    double and the image is halved from block to block while it is larger than 2 pixels. The
    channels' averages over the image feed a linear layer.

    Args:
        in_shape: Channels, height, width of the input.
        out_features: Columns of the output, at least 1.
        width: Channels of the first block.
        depth: Number of blocks, at least 1.
        activation: As for ``MLP``.
        norm: As for ``MLP``.
        decay: As for ``MLP``.
        decays: As for ``MLP``.
        dropout: Probability of dropping a channel, in [0, 1).
        normalize_input: As for ``MLP``.

    Raises:
        BatchNormError: For an unknown activation or norm, or a size below its minimum.

    Example:
        >>> import torch
        >>> ConvNet((1, 8, 8), 10)(torch.zeros(5, 1, 8, 8)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        in_shape: tuple[int, int, int],
        out_features: int,
        *,
        width: int = 16,
        depth: int = 2,
        activation: str = "relu",
        norm: str = "before_activation",
        decay: float = 0.9,
        decays: Sequence[float] | None = None,
        dropout: float = 0.0,
        normalize_input: bool = False,
    ) -> None:
        super().__init__()
        channels, height, breadth = in_shape
        _check("ConvNet", activation, norm, depth=depth, channels=channels, height=height,
               breadth=breadth, out_features=out_features, width=width)  # fmt: skip
        layers: list[nn.Module] = []
        if normalize_input:
            layers.append(BatchNorm2d(channels, decay=decay, decays=decays))
        side = min(height, breadth)
        for block in range(depth):
            out = width * 2**block
            stride = 2 if block and side > 2 else 1
            side = -(-side // stride)
            layers.append(
                nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=norm == "none")
            )
            layers += _nonlinearity(
                lambda out=out: BatchNorm2d(out, decay=decay, decays=decays),  # type: ignore[misc]
                activation,
                norm,
            )
            if dropout:
                layers.append(nn.Dropout2d(dropout))
            channels = out
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, out_features)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(N, C, H, W)`` to ``(N, out_features)``."""
        out: Tensor = self.layers(x)
        return out


def _nonlinearity(
    make_norm: Callable[[], nn.Module], activation: str, norm: str
) -> list[nn.Module]:
    act = ACTIVATIONS[activation]()
    if norm == "before_activation":
        return [make_norm(), act]
    return [act, make_norm()] if norm == "after_activation" else [act]


def _check(model: str, activation: str, norm: str, **sizes: int) -> None:
    check_choice(BatchNormError, model, "activation", activation, sorted(ACTIVATIONS))
    check_choice(BatchNormError, model, "norm", norm, NORMS)
    for name, size in sizes.items():
        check_whole(BatchNormError, model, name, size, least=1)
