"""torch's own test cases for batch norm, run on these layers beside torch's.

They are imported by the tests themselves: that takes seconds, which every process that collects
tests would pay.
"""

from typing import Any

import pytest
import torch
from torch import nn

import tune_bn.nn as ours
from tests.support.batchnorm import LAYERS, SHAPES, WRONG, is_same_as_torch, normal

NAMES = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


def modules() -> list[Any]:
    """Every layer of torch's own tests that has its counterpart here."""
    from torch.testing._internal.common_modules import module_db

    return [info for info in module_db if info.module_cls.__name__ in NAMES]


def test_module_cases() -> None:
    """Output, gradients, statistics and inference equal torch's in each case of its module_db."""
    n_cases = 0
    for info in modules():
        for case in info.module_inputs_func(info, "cpu", torch.float64, False, True):
            init, call = case.constructor_input, case.forward_input
            theirs = info.module_cls(*init.args, dtype=torch.float64, **init.kwargs)
            own = getattr(ours, info.module_cls.__name__)
            layer = own(*init.args, dtype=torch.float64, **init.kwargs)
            assert is_same_as_torch(layer, theirs, call.args[0]), f"{info.name}, {case.desc}"
            n_cases += 1
    assert n_cases >= 20


@pytest.mark.parametrize("name", NAMES)
def test_module_error_cases(name: str) -> None:
    """What torch's layers refuse, these refuse, with the same builtin error."""
    (info,) = (info for info in modules() if info.module_cls.__name__ == name)
    for case in info.module_error_inputs_func(info, "cpu", torch.float32, False, True):
        init = case.module_error_input.constructor_input

        def build_and_call(init: Any = init, call: Any = case.module_error_input) -> None:
            getattr(ours, name)(*init.args, **init.kwargs)(*call.forward_input.args)

        with pytest.raises(case.error_type, match=r"expected .*D input|eps > 0, but got"):
            build_and_call()


def test_op_samples() -> None:
    """A layer with a sample's statistics, weights and eps gives what torch's function gives."""
    from torch.testing._internal.common_methods_invocations import op_db

    info = next(info for info in op_db if info.name == "nn.functional.batch_norm")
    samples = list(info.sample_inputs("cpu", torch.float64))
    assert len(samples) >= 10
    for sample in samples:
        check_sample(sample)


def check_sample(sample: Any) -> None:
    """Fails unless a layer computes what torch's function does in one case of its op_db."""
    mean, var, weight, bias = sample.args
    options = dict(sample.kwargs)
    is_training = options.get("training", False)
    x = sample.input
    if x.dim() < 2:
        with pytest.raises(ValueError, match="input"):
            ours.BatchNorm1d(1)(x)
        return
    # A momentum below 0 is refused by the layers; the output does not depend on it.
    momentum = options.get("momentum", 0.1)
    layer = LAYERS[x.dim()](
        x.shape[1],
        options.get("eps", 1e-5),
        momentum if momentum >= 0 else 0.1,
        affine=weight is not None,
        track_running_stats=mean is not None,
        dtype=torch.float64,
    )
    state = {"weight": weight, "bias": bias, "running_mean": mean, "running_var": var}
    state = {k: v.clone() for k, v in state.items() if v is not None}
    layer.load_state_dict(state, strict=False)
    layer.train(is_training)
    expected = nn.functional.batch_norm(
        x, None if mean is None else mean.clone(), None if var is None else var.clone(),
        weight, bias, **options,
    )  # fmt: skip
    torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_judge_accepts_the_layers(shape: tuple[int, ...]) -> None:
    """The comparison with torch passes for every dimension, far from zero, too."""
    cls = LAYERS[len(shape)]
    theirs = getattr(nn, cls.__name__)(5, dtype=torch.float64)
    assert is_same_as_torch(cls(5, dtype=torch.float64), theirs, normal(*shape) * 3 + 100)


@pytest.mark.parametrize("cls", WRONG)
def test_the_judge_rejects_wrong_layers(cls: type[ours.EwaBatchNorm]) -> None:
    """Unbiased variance, eps outside the root, no update, batch statistics in eval: each fails."""
    theirs = nn.BatchNorm1d(5, dtype=torch.float64)
    assert not is_same_as_torch(cls(5, dtype=torch.float64), theirs, normal(8, 5))
