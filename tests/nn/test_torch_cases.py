"""torch's own test cases for batch norm, run on these layers beside torch's."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db

import tune_bn.nn as ours
from tests.support.batchnorm import LAYERS, SHAPES, WRONG, is_same_as_torch, normal

NAMES = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


def module_inputs() -> list[Any]:
    """Every constructor and input that torch tests its layers with, in float64."""
    cases = []
    for info in module_db:
        if info.module_cls.__name__ in NAMES:
            made = info.module_inputs_func(info, "cpu", torch.float64, False, True)
            cases += [pytest.param(info.module_cls, c, id=f"{info.name}-{c.desc}") for c in made]
    return cases


@pytest.mark.parametrize(("cls", "case"), module_inputs())
def test_module_cases(cls: type[nn.Module], case: Any) -> None:
    """Output, gradients, statistics and inference equal torch's in each case of its module_db."""
    init, call = case.constructor_input, case.forward_input
    theirs = cls(*init.args, dtype=torch.float64, **init.kwargs)
    layer = getattr(ours, cls.__name__)(*init.args, dtype=torch.float64, **init.kwargs)
    assert is_same_as_torch(layer, theirs, call.args[0])


def test_all_module_cases_are_there() -> None:
    """The test above does not pass for want of cases."""
    assert len(module_inputs()) >= 20


@pytest.mark.parametrize("name", NAMES)
def test_module_error_cases(name: str) -> None:
    """What torch's layers refuse, these refuse, with the same builtin error."""
    info = next(i for i in module_db if i.module_cls.__name__ == name)
    for case in info.module_error_inputs_func(info, "cpu", torch.float32, False, True):
        init = case.module_error_input.constructor_input

        def build_and_call(init: Any = init, call: Any = case.module_error_input) -> None:
            getattr(ours, name)(*init.args, **init.kwargs)(*call.forward_input.args)

        with pytest.raises(case.error_type, match=r"expected .*D input|eps > 0, but got"):
            build_and_call()


def op_samples() -> list[Any]:
    info = next(o for o in op_db if o.name == "nn.functional.batch_norm")
    return list(info.sample_inputs("cpu", torch.float64))


@pytest.mark.parametrize("index", range(len(op_samples())))
def test_op_samples(index: int) -> None:
    """A layer with a sample's statistics, weights and eps gives what torch's function gives."""
    sample = op_samples()[index]
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
