"""Tools that trace, script, quantise, validate or export a model with these layers."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
import textwrap
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, fx, nn

from tests.support.batchnorm import normal
from tune_bn.nn import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    BatchNormError,
    SyncBatchNorm,
    convert_batchnorm,
    fold_batchnorm,
    to_torch,
)

X = normal(8, 3, 6, 6, dtype=torch.float32)


def net() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    convert_batchnorm(model, decays=(0.5, 0.9))
    for seed in range(3):
        model(normal(8, 3, 6, 6, seed=seed, dtype=torch.float32) + 1)
    return model.eval()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("layer", "shape"),
    [(BatchNorm1d(3), (8, 3)), (BatchNorm1d(3), (8, 3, 4)), (BatchNorm2d(3), (8, 3, 2, 2)),
     (BatchNorm3d(3), (8, 3, 2, 2, 2)), (SyncBatchNorm(3), (8, 3, 4)),
     (BatchNorm1d(3, track_running_stats=False), (8, 3))],
)  # fmt: skip
def test_fx_takes_a_layer_as_a_leaf(
    layer: nn.Module, shape: tuple[int, ...], training: bool
) -> None:
    """As torch's: one call of a module in the graph, which still is the layer and still tracks."""
    model = nn.Sequential(nn.Identity(), layer).train(training)
    traced = fx.symbolic_trace(model)
    assert [n.target for n in traced.graph.nodes if n.op == "call_module"] == ["0", "1"]
    assert traced.get_submodule("1") is layer
    x = normal(*shape, dtype=torch.float32)
    twin = copy.deepcopy(model)
    torch.testing.assert_close(traced(x), twin(x))
    for got, expected in zip(layer.buffers(), twin[1].buffers(), strict=True):
        torch.testing.assert_close(got, expected)


class WithMask(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = BatchNorm1d(3)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Hands the mask on."""
        return self.norm(x, mask=mask)  # type: ignore[no-any-return] # Module's call


def test_fx_keeps_a_mask() -> None:
    """A traced call with a mask is made with it."""
    traced = fx.symbolic_trace(WithMask())
    x, mask = normal(8, 3, dtype=torch.float32), torch.arange(8) < 6
    assert torch.equal(traced(x, mask), WithMask()(x, mask))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own
def test_fx_fusion_by_type_leaves_the_layer() -> None:
    """What fuses exact types fuses nothing, and computes the same; after to_torch it fuses."""
    from torch.fx.experimental.optimization import fuse

    model = net()
    torch.testing.assert_close(fuse(model)(X), model(X))
    fused = fuse(to_torch(copy.deepcopy(model)))
    assert not any(isinstance(m, nn.BatchNorm2d) for m in fused.modules())
    torch.testing.assert_close(fused(X), model(X), rtol=1e-4, atol=1e-5)


def test_eager_fusion_needs_torchs_layers() -> None:
    """torch.ao's fuse_modules refuses, and works after to_torch."""
    from torch.ao.quantization import fuse_modules

    model = net()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((AssertionError, NotImplementedError)):
            fuse_modules(copy.deepcopy(model), [["0", "1", "2"]])
        fused = fuse_modules(to_torch(copy.deepcopy(model)), [["0", "1", "2"]])
    torch.testing.assert_close(fused(X), model(X), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_scripting_names_what_to_do_and_changes_nothing() -> None:
    """torch.jit.script is refused in one line; what that says works."""
    model = net()
    with pytest.raises(BatchNormError, match=r"Script to_torch\(copy.deepcopy\(model\)\)"):
        torch.jit.script(model)
    assert isinstance(model[1], BatchNorm2d)
    torch.testing.assert_close(torch.jit.script(to_torch(copy.deepcopy(model)))(X), model(X))
    torch.testing.assert_close(torch.jit.trace(model, X)(X), model(X))


def test_a_training_program_of_torchs_layers_keeps_its_statistics() -> None:
    """Training under quantisation (PT2E) looks for the statistics themselves in the program."""

    def statistics(model: nn.Module) -> list[bool]:
        graph: Any = torch.export.export(model.train(), (X,)).module()
        (norm,) = [n for n in graph.graph.nodes if "batch_norm" in str(n.target)]
        return [n.op == "get_attr" for n in norm.args[3:5]]

    assert statistics(to_torch(net())) == [True, True]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "torchscript"])
def test_onnx_of_a_half_precision_model(dynamo: bool, dtype: torch.dtype) -> None:
    """Batch norm is in one type, as runtimes want it, and values are those of the model."""
    import onnx

    if dtype == torch.bfloat16 and not dynamo:
        pytest.skip("its checker has no arithmetic in bfloat16")
    model, x, file = net().to(dtype), X.to(dtype), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            program = torch.onnx.export(model, (x,), dynamo=True, verbose=False)
            assert program is not None
            proto = program.model_proto
        else:
            torch.onnx.export(model, (x,), file, dynamo=False)  # type: ignore[arg-type] # takes files, too
            proto = onnx.load_model_from_string(file.getvalue())
    inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
    types = {v.name: v.type.tensor_type.elem_type for v in inferred.graph.value_info}
    types |= {i.name: i.data_type for i in inferred.graph.initializer}
    norms = [n for n in inferred.graph.node if n.op_type == "BatchNormalization"]
    for node in norms:
        assert len({types[name] for name in node.input}) == 1
    if norms and dtype == torch.float16:
        from onnx.reference import ReferenceEvaluator

        session = ReferenceEvaluator(proto)
        outputs: Any = session.run(None, {session.input_names[0]: x.numpy()})
        np.testing.assert_allclose(
            outputs[0].astype(np.float32), model(x).detach().float().numpy(), rtol=2e-2, atol=2e-2
        )


# --- opacus ----------------------------------------------------------------------------------

# As in opacus 1.6: lists by exact class, and a module that enters torch's layers in them.
VALIDATOR = """
class ModuleValidator:
    VALIDATORS, FIXERS = {}, {}

    @classmethod
    def validate(cls, module):
        return [e for m in module.modules() if type(m) in cls.VALIDATORS
                for e in cls.VALIDATORS[type(m)](m)]
"""
ENTERS = """
from torch import nn
from .module_validator import ModuleValidator

def validate(module):
    return ["BatchNorm cannot support training with differential privacy."]

def fix(module, **kwargs):
    return nn.GroupNorm(1, module.num_features)

for kind in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm):
    ModuleValidator.VALIDATORS[kind] = validate
    ModuleValidator.FIXERS[kind] = fix
"""
CHECK = """
import types
from torch import nn
{imports}
import tune_bn.nn as ours

sys.modules["timm"], layers = types.ModuleType("timm"), types.ModuleType("timm.layers")
sys.modules["timm.layers"] = sys.modules["timm"].layers = layers
layers.BatchNormAct2d = type("BatchNormAct2d", (nn.BatchNorm2d,), dict())
activated = ours.convert_batchnorm(nn.Sequential(layers.BatchNormAct2d(3)))
from opacus.validators import ModuleValidator

kinds = [ours.BatchNorm1d, ours.BatchNorm2d, ours.BatchNorm3d, ours.SyncBatchNorm]
for kind in kinds:
    assert len(ModuleValidator.validate(nn.Sequential(kind(3)))) == 1, kind
    assert type(ModuleValidator.FIXERS[kind](kind(3))) is nn.GroupNorm
assert len(ModuleValidator.validate(activated)) == 1
model = ours.MLP(3, 2)
assert len(ModuleValidator.validate(model)) == 2
assert not ModuleValidator.validate(nn.Linear(3, 3))
import opacus.validators.batch_norm, inspect, sys
assert "differential privacy" in inspect.getsource(opacus.validators.batch_norm)
assert not any("opacus" in str(vars(f)) for f in sys.meta_path if "tune_bn" in type(f).__module__)
"""


@pytest.mark.heavy
@pytest.mark.parametrize("imports", ["import tune_bn.nn", "import opacus.validators"])
def test_private_training_refuses_the_layers(tmp_path: Path, imports: str) -> None:
    """opacus lists them as it does torch's, whichever of the two is imported first."""
    package = tmp_path / "opacus" / "validators"
    package.mkdir(parents=True)
    (tmp_path / "opacus" / "__init__.py").write_text("")
    (package / "__init__.py").write_text(
        "from .batch_norm import fix, validate\nfrom .module_validator import ModuleValidator\n"
    )
    (package / "module_validator.py").write_text(VALIDATOR)
    (package / "batch_norm.py").write_text(ENTERS)
    path = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(Path(__file__).parents[2])!r}]\n"
    code = path + textwrap.dedent(CHECK).format(imports=imports)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- timm ------------------------------------------------------------------------------------


class BatchNormAct2d(nn.BatchNorm2d):
    """As in timm 1.0: its own copy of torch's forward pass, and two layers within."""

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features)
        self.drop, self.act = nn.Identity(), nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        """Normalises and activates."""
        return self.act(self.drop(super().forward(x)))  # type: ignore[no-any-return] # a Module's


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of that name with this layer."""
    layers: Any = types.ModuleType("timm.layers")
    layers.BatchNormAct2d = BatchNormAct2d
    package: Any = types.ModuleType("timm")
    package.layers = layers
    monkeypatch.setitem(sys.modules, "timm", package)
    monkeypatch.setitem(sys.modules, "timm.layers", layers)
    yield
    sys.modules.pop("tune_bn.nn.timm", None)


@pytest.mark.usefixtures("timm")
@pytest.mark.parametrize("options", [{}, {"decays": (0.5, 0.9), "decay": 0.999}, {"accumulate": 2}])
def test_timms_layers_convert_with_their_activation(options: dict[str, Any]) -> None:
    """Training is timm's, averages are this package's, and the activation is never lost."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs: Any = nn.Sequential(nn.Conv2d(3, 4, 3), BatchNormAct2d(4))
    model: Any = convert_batchnorm(copy.deepcopy(theirs), **options)
    plain: Any = nn.Sequential(copy.deepcopy(theirs[0]), BatchNorm2d(4, **options), nn.SiLU())
    assert [*model.state_dict()] == [*theirs.state_dict()]
    assert isinstance(model[1], BatchNormAct2d)
    assert isinstance(model[1], BatchNorm2d)
    traced = fx.symbolic_trace(model)
    for seed in range(4):
        x = normal(4, 3, 6, 6, seed=seed, dtype=torch.float32) + 1
        assert torch.equal(traced(x) if seed % 2 else model(x), theirs(x))
        plain(x)
    assert torch.equal(model.eval()(x), plain.eval()(x))
    model = pickle.loads(pickle.dumps(model))
    assert torch.equal(model(x), plain(x))
    with pytest.raises(BatchNormError, match="may do more than batch norm"):
        fold_batchnorm(model)
    with pytest.raises(BatchNormError, match="BatchNormAct2d, whose"):
        SyncBatchNorm.convert_sync_batchnorm(model)
    back: Any = to_torch(copy.deepcopy(model))
    assert type(back[1]) is BatchNormAct2d
    torch.testing.assert_close(back(x), plain(x))


# --- Sharding and other conversions ----------------------------------------------------------


class DTensor(Tensor):
    """Stands for a parameter that fully_shard (torch 2.13) has cut: only its class is looked at."""


def test_a_sharded_layer_is_not_converted() -> None:
    """After fully_shard the shards know the old layer by its place; nothing is changed."""
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.BatchNorm1d(3))
    sharded = torch.Tensor._make_subclass(DTensor, torch.ones(3))
    model[2]._parameters["weight"] = sharded  # type: ignore[assignment] # no Parameter, as a shard
    for convert in (convert_batchnorm, SyncBatchNorm.convert_sync_batchnorm):
        with pytest.raises(BatchNormError, match="Convert the model before fully_shard"):
            convert(model)
        assert type(model[1]) is nn.BatchNorm1d


def test_pruned_and_hooked_norms_go_to_torch_and_back() -> None:
    """Masks and hooks come along, and values stay; a parametrised norm is refused."""
    from torch.nn.utils import parametrizations, prune

    x = normal(8, 4, dtype=torch.float32)
    for kind in (BatchNorm1d, nn.BatchNorm1d):
        model = nn.Sequential(kind(4))
        prune.l1_unstructured(model[0], "weight", 0.5)
        model[0].register_forward_hook(lambda m, args, out: out.relu())
        with torch.no_grad():
            model(x)
            expected = model.eval()(x)
            torch.testing.assert_close(to_torch(model)(x), expected)
            torch.testing.assert_close(convert_batchnorm(model)(x), expected)
        assert "0.weight_mask" in dict(model.named_buffers())
    norm = nn.Sequential(BatchNorm1d(4))
    parametrizations.spectral_norm(norm[0])
    with pytest.raises(BatchNormError, match="remove_parametrizations"):
        to_torch(norm)


def test_torchs_conversion_to_synchronised_layers_takes_the_options_away() -> None:
    """What the docs say of torch's convert_sync_batchnorm is so, and ours keeps them."""
    model = nn.Sequential(BatchNorm1d(3, decays=(0.5,)))
    theirs: Any = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(model))
    assert type(theirs[0]) is nn.SyncBatchNorm
    ours: Any = SyncBatchNorm.convert_sync_batchnorm(model)
    assert ours[0].decays == (0.5,)
