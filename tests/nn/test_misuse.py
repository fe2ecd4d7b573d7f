"""Wrong arguments and inputs are refused with errors that say what to do."""

from typing import Any

import pytest
import torch
from torch import nn

from tune_bn.nn import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    BatchNormError,
    LazyBatchNorm1d,
    SyncBatchNorm,
    freeze_stats,
    no_stats_update,
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decay": 1.5}, r"0 <= decay <= 1, but got decay=1.5. It is the weight of the past"),
        ({"decay": -0.1}, r"0 <= decay <= 1, but got decay=-0.1"),
        ({"decay": float("nan")}, r"0 <= decay <= 1, but got decay=nan"),
        ({"momentum": 2.0}, r"0 <= momentum <= 1, but got momentum=2.0. It is 1 - decay; None"),
        ({"decay": 0.9, "momentum": 0.1}, "decay or momentum = 1 - decay, but got both"),
        ({"eps": 0.0}, "eps > 0, but got eps=0.0"),
        ({"eps": -1.0}, "eps > 0, but got eps=-1.0"),
        (
            {"variance": "sample"},
            "variance to be one of biased, unbiased, but got variance='sample'",
        ),
        (
            {"single_value": "skip"},
            "single_value to be one of raise, running, but got single_value='skip'",
        ),
        ({"accumulate": 0}, "accumulate >= 1, but got accumulate=0"),
        ({"accumulate": 1.5}, "a whole number accumulate >= 1, but got accumulate=1.5"),
        ({"accumulate": "2"}, "a whole number accumulate >= 1, but got accumulate='2'"),
        ({"decays": (0.9, 1.0)}, r"0 <= decays\[1\] < 1, but got decays\[1\]=1.0"),
        ({"decays": ("0.9",)}, r"decays\[0\] < 1, but got decays\[0\]='0.9'"),
    ],
)
@pytest.mark.parametrize("cls", [BatchNorm1d, SyncBatchNorm])
def test_options_outside_their_range(cls: Any, options: dict[str, Any], message: str) -> None:
    """Each option names itself, its range and what it got."""
    with pytest.raises(BatchNormError, match=message):
        cls(3, **options)


def test_the_lazy_layers_check_the_same_options() -> None:
    """A lazy layer refuses at construction, not at the first batch."""
    with pytest.raises(BatchNormError, match="accumulate >= 1"):
        LazyBatchNorm1d(accumulate=0)


def test_unknown_options_and_no_channels() -> None:
    """A misspelt option is a TypeError; a layer for no channels is refused."""
    with pytest.raises(TypeError, match="decya"):
        BatchNorm1d(3, decya=0.9)  # type: ignore[call-arg] # misspelt on purpose
    with pytest.raises(BatchNormError, match="num_features >= 1, but got num_features=0"):
        BatchNorm1d(0)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("tracks", [True, False])
def test_a_wrong_number_of_channels(training: bool, affine: bool, tracks: bool) -> None:
    """More or fewer channels are refused in both modes, with or without parameters."""
    layer = BatchNorm1d(5, affine=affine, track_running_stats=tracks).train(training)
    for channels in (3, 7, 1):
        with pytest.raises(BatchNormError, match=rf"5 channels in .*shape \(4, {channels}\)"):
            layer(torch.zeros(4, channels))
    if tracks:
        assert layer.num_batches_tracked == 0


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (BatchNorm1d(3), (3,)),
        (BatchNorm1d(3), (2, 3, 4, 4)),
        (BatchNorm2d(3), (2, 3)),
        (BatchNorm3d(3), (2, 3, 4, 4)),
        (SyncBatchNorm(3), (3,)),
    ],
)
def test_a_wrong_number_of_dimensions(layer: nn.Module, shape: tuple[int, ...]) -> None:
    """The error says which dimensions are expected, as torch's does."""
    with pytest.raises(ValueError, match=rf"expected .*D input \(got {len(shape)}D input\)"):
        layer(torch.zeros(shape))


def test_switches_need_a_layer_to_switch() -> None:
    """Freezing or pausing a model without these layers is an error, not a silent nothing."""
    with pytest.raises(BatchNormError, match=r"freeze_stats needs .* convert_batchnorm"):
        freeze_stats(nn.Sequential(nn.BatchNorm1d(3)))
    with pytest.raises(BatchNormError, match="no_stats_update needs"), no_stats_update(nn.ReLU()):
        pass
