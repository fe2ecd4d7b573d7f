"""torch.compile, torch.export and both ONNX exporters."""

import io
import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.backends.common import aot_autograd

from tests.support.batchnorm import LAYERS, normal
from tune_bn.nn import BatchNorm1d, BatchNorm2d, freeze_stats, no_stats_update, unfreeze_stats

pytestmark = pytest.mark.heavy


def f32(*shape: int, seed: int = 0) -> Tensor:
    return normal(*shape, seed=seed, dtype=torch.float32)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"momentum": None},
    {"decays": (0.5, 0.99), "skip_nonfinite": True, "accumulate": 2, "decay": 0.999},
    {"decays": (0.5, 0.99), "variance": "unbiased", "decay": 0.999},
    {"affine": False, "momentum": 0.0},
]


@pytest.mark.parametrize(
    "options",
    OPTIONS,
    ids=["default", "plain average", "all options", "all that enters at once", "still"],
)
def test_compiled_training_equals_eager_without_recompiling(options: dict[str, Any]) -> None:
    """fullgraph=True traces one graph, which stays as t grows, and gives eager's values."""
    torch._dynamo.reset()
    graphs: list[Any] = []

    def backend(module: Any, inputs: Any) -> Any:
        graphs.append(module)
        return module.forward

    eager, traced = BatchNorm1d(4, **options), BatchNorm1d(4, **options)
    compiled = torch.compile(traced, backend=backend, fullgraph=True)
    for step in range(12):
        a, b = (f32(8, 4, seed=step).requires_grad_() for _ in range(2))
        y, z = compiled(a), eager(b)
        torch.testing.assert_close(y, z)
        y.pow(3).sum().backward()
        z.pow(3).sum().backward()
        torch.testing.assert_close(a.grad, b.grad)
    assert len(graphs) == 1
    for p, q in zip(traced.buffers(), eager.buffers(), strict=True):
        torch.testing.assert_close(p, q)


AFFINE: list[dict[str, Any]] = [{}, {"bias": False}, {"affine": False}]


@pytest.mark.parametrize("affine", AFFINE, ids=["affine", "weight only", "none"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_step_of_a_compiler_is_batch_norm(affine: dict[str, Any], dtype: torch.dtype) -> None:
    """Written out for a compiler, values, gradients, layout and statistics are the kernel's."""
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 0.03}[dtype]
    close = partial(torch.testing.assert_close, rtol=tolerance, atol=tolerance)
    for shape in ((8, 4), (4, 4, 5), (3, 4, 5, 2), (2, 4, 3, 2, 2)):
        torch._dynamo.reset()
        x = normal(*shape, seed=1).to(dtype) * 3 + 1
        if len(shape) == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        eager, traced = (LAYERS[len(shape)](4, dtype=dtype, **affine) for _ in range(2))
        for layer in (eager, traced):
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, 0.5, 2, torch.Generator().manual_seed(2))
        a, b = (x.clone(memory_format=torch.preserve_format).requires_grad_() for _ in range(2))
        y = torch.compile(traced, backend="aot_eager", fullgraph=True)(a)
        z = eager(b)
        assert y.stride() == z.stride()
        y.pow(3).sum().backward()
        z.pow(3).sum().backward()
        close(y, z)
        close(a.grad, b.grad)
        for ours, theirs in zip(traced.parameters(), eager.parameters(), strict=True):
            close(ours.grad, theirs.grad)
        for p, q in zip(traced.buffers(), eager.buffers(), strict=True):
            torch.testing.assert_close(p, q, rtol=max(1e-6, tolerance / 10), atol=1e-6)


def test_a_compiler_works_out_the_root_once_a_channel() -> None:
    """Its graph keeps the scale in memory; an exported one holds torch's batch norm."""
    torch._dynamo.reset()
    graphs: list[str] = []

    def keep(module: Any, _: Any) -> Any:
        graphs.append(module.code)
        return module.forward

    compiled = torch.compile(BatchNorm1d(4), backend=aot_autograd(fw_compiler=keep), fullgraph=True)
    compiled(f32(8, 4))
    assert "as_strided" in graphs[0]
    assert "batch_norm" not in graphs[0]
    exported = torch.export.export(BatchNorm1d(4), (f32(8, 4),)).graph_module.code
    assert "batch_norm" in exported
    assert "as_strided" not in exported


@pytest.mark.parametrize("kind", [torch.Tensor.requires_grad_, nn.Parameter])
def test_a_backend_in_python_differentiates_twice(kind: Any) -> None:
    """A backend that runs the graph as it is gets the kernel, and so its second derivative."""
    torch._dynamo.reset()
    found = []
    layer = BatchNorm1d(3, dtype=torch.float64)
    for call in (layer, torch.compile(layer, backend="eager", fullgraph=True)):
        x = kind(normal(8, 3))
        (first,) = torch.autograd.grad(call(x).pow(3).sum(), x, create_graph=True)
        found += torch.autograd.grad(first.pow(2).sum(), x)
    torch.testing.assert_close(found[0], found[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (torch.float32, torch.int64),
        (torch.float32, torch.complex64),
        (torch.float32, torch.float64),
        (torch.float64, torch.bfloat16),
    ],
)
def test_a_compiled_layer_refuses_what_the_kernel_does(layer: torch.dtype, x: torch.dtype) -> None:
    """Inputs of other kinds are not cast in silence."""
    torch._dynamo.reset()
    compiled = torch.compile(BatchNorm1d(4, dtype=layer), backend="aot_eager", fullgraph=True)
    with pytest.raises(RuntimeError):
        compiled(torch.ones(8, 4, dtype=x))


def test_a_compiled_step_keeps_the_kernels_layout() -> None:
    """Of an input that is transposed, the output is contiguous, as the kernel's."""
    for x in (f32(4, 8).t(), f32(8, 5, 4).transpose(1, 2), f32(2, 5, 3, 4).permute(0, 3, 2, 1)):
        torch._dynamo.reset()
        layer = LAYERS[x.dim()](4)
        compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
        assert compiled(x).stride() == layer(x).stride()


def test_a_compiled_layer_hears_of_every_switch() -> None:
    """Freezing, pausing, inference and options set after compiling act, and can be undone."""
    torch._dynamo.reset()
    eager, traced = BatchNorm1d(4), BatchNorm1d(4)
    compiled = torch.compile(traced, backend="aot_eager", fullgraph=True)

    def step(seed: int, rows: int = 8) -> None:
        x = f32(rows, 4, seed=seed)
        torch.testing.assert_close(compiled(x), eager(x))
        for p, q in zip(traced.buffers(), eager.buffers(), strict=True):
            torch.testing.assert_close(p, q)

    step(0)
    for model in (traced, eager):
        freeze_stats(model)
    step(1)
    for model in (traced, eager):
        unfreeze_stats(model)
    with no_stats_update(traced), no_stats_update(eager):
        step(2)
    step(3)
    for model in (traced, eager):
        model.eval()
    step(4)
    for model in (traced, eager):
        model.train()
        model.decay = 0.5
    step(5)
    for model in (traced, eager):
        model.set_options(decays=(0.5,), variance="unbiased")
    step(6)
    step(7, rows=5)
    for model in (traced, eager):
        model.variance = "biased"
    step(8)
    torch.testing.assert_close(traced.track(0.5), eager.track(0.5))


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")  # torch's own
def test_compiled_backward_gives_eagers_values(backend: str) -> None:
    """Compiled forward and backward graphs give eager's values and statistics."""
    torch._dynamo.reset()
    eager, traced = BatchNorm2d(4, decay=0.999), BatchNorm2d(4, decay=0.999)
    compiled = torch.compile(traced, backend=backend, fullgraph=True)
    for step in range(3):
        a, b = (f32(4, 4, 5, 5, seed=step).requires_grad_() for _ in range(2))
        y, z = compiled(a), eager(b)
        y.pow(3).sum().backward()
        z.pow(3).sum().backward()
        torch.testing.assert_close(y, z)
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-4)
    for p, q in zip(traced.buffers(), eager.buffers(), strict=True):
        torch.testing.assert_close(p, q)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("options", OPTIONS[:2])
def test_export(training: bool, options: dict[str, Any]) -> None:
    """torch.export takes the layer in both modes; the program updates the same statistics."""
    layer, twin = BatchNorm1d(4, **options), BatchNorm1d(4, **options)
    for m in (layer, twin):
        m(f32(8, 4, seed=5))
        m.train(training)
    program = torch.export.export(layer, (f32(8, 4),)).module()
    for seed in range(3):
        torch.testing.assert_close(program(f32(8, 4, seed=seed)), twin(f32(8, 4, seed=seed)))
    buffers = dict(program.named_buffers())
    for name, expected in twin.named_buffers():
        torch.testing.assert_close(buffers[name], expected)


class Net(nn.Sequential):
    """A convolution and a linear layer, each followed by batch norm, with trained statistics."""

    def __init__(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            super().__init__(
                nn.Conv2d(1, 2, 3), BatchNorm2d(2, decays=(0.5,)), nn.ReLU(), nn.Flatten(),
                nn.Linear(32, 3), BatchNorm1d(3),
            )  # fmt: skip
        for seed in range(3):
            self(f32(4, 1, 6, 6, seed=seed) * 2 + 1)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "left in training"])
@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "torchscript"])
def test_onnx(dynamo: bool, training: bool) -> None:
    """Both exporters give a file whose outputs are inference's, even from a model in training."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    model = Net()
    x = f32(4, 1, 6, 6, seed=9)
    expected = model.eval()(x).detach().numpy()
    model.train(training)
    before = [b.clone() for b in model.buffers()]
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The exporters' own deprecations, and their advice to switch to inference.
        warnings.simplefilter("ignore")
        if dynamo:
            program = torch.onnx.export(model, (x,), dynamo=True, verbose=False)
            assert program is not None
            proto = program.model_proto
        else:
            mode = torch.onnx.TrainingMode.PRESERVE
            torch.onnx.export(model, (x,), file, dynamo=False, training=mode)  # type: ignore[arg-type] # takes files, too
            proto = onnx.load_model_from_string(file.getvalue())
    session = ReferenceEvaluator(proto)
    outputs: Any = session.run(None, {session.input_names[0]: x.numpy()})
    np.testing.assert_allclose(outputs[0], expected, rtol=1e-5, atol=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(before, model.buffers(), strict=True))


def test_jit_trace_of_inference_is_silent() -> None:
    """torch.jit.trace records inference without a warning about sizes it cannot follow."""
    layer = BatchNorm1d(4)
    layer(f32(8, 4) + 1)
    layer.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "`torch.jit.trace", DeprecationWarning)
        traced = torch.jit.trace(layer, f32(8, 4))
    torch.testing.assert_close(traced(f32(3, 4)), layer(f32(3, 4)))


EXPORTED: list[dict[str, Any]] = [
    {},
    {"variance": "unbiased", "decay": 0.999},
    {"decays": (0.5, 0.9)},
    {"accumulate": 2},
    {"skip_nonfinite": True, "affine": False},
]


@pytest.mark.parametrize("options", EXPORTED, ids=str)
def test_an_exported_step_can_be_switched_to_inference(options: dict[str, Any]) -> None:
    """As torchao's move_exported_model_to_eval does, and as quantisation (PT2E) needs it.

    The program holds one batch norm that is handed the layer's own buffers, with torch's default
    momentum, which is what these tools make of any. Switched, it is the layer in evaluation and
    leaves all that is kept alone; switched back, it trains on. Batches of any size enter.
    """
    eager, traced = BatchNorm2d(3, **options), BatchNorm2d(3, **options)
    rows = torch.export.Dim("rows", min=2)
    program = torch.export.export(traced, (f32(8, 3, 4, 4),), dynamic_shapes=({0: rows},)).module()
    (node,) = (n for n in program.graph.nodes if "batch_norm" in str(n.target))
    assert [n.target for n in node.args[3:5]] == ["running_mean", "running_var"]
    assert node.args[6] == 0.1

    def switch(is_training: bool) -> None:
        node.args = (*node.args[:5], is_training, *node.args[6:])
        program.recompile()
        eager.train(is_training)

    def differ() -> bool:
        buffers = dict(program.named_buffers())
        return any(
            not torch.allclose(b, buffers[name], rtol=1e-5, atol=1e-5)
            for name, b in eager.named_buffers()
        )

    for rounds in (3, 2):
        switch(True)
        for step in range(rounds):
            x = f32(8 + step, 3, 4, 4, seed=step) * 2 + 1
            torch.testing.assert_close(program(x), eager(x))
            assert not differ()
        switch(False)
        x = f32(4, 3, 4, 4, seed=9)
        torch.testing.assert_close(program(x), eager(x), rtol=1e-5, atol=1e-5)
        assert not differ()
    eager.train()(x)
    assert differ()
