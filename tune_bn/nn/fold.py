"""Batch norm folded into the layer beside it, for inference; and the biases that it cancels.

At inference batch norm is ``y = s x + t`` with fixed s and t per channel, so a Linear or Conv
right before it (or a Linear right after it) can take it in. Which layers are neighbours is read
from the model's graph (``torch.fx``), not guessed from the order of its attributes.
"""

# mypy: allow-untyped-calls
# torch's _assert is untyped, and where torch.jit.script reads there can be no comment about types.

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize, prune
from torch.nn.utils.weight_norm import WeightNorm, remove_weight_norm

from tune_bn.nn.errors import BatchNormError
from tune_bn.nn.replace import KNOWN

__all__ = ["fold_batchnorm", "redundant_biases"]

_FOLDABLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
# Of the layers' outputs, whose second dimension is their channels.
_DIMENSIONS: dict[type[nn.Module], int] = {nn.Linear: 2, nn.Conv1d: 3, nn.Conv2d: 4, nn.Conv3d: 5}
_REMAKERS = (prune.BasePruningMethod, WeightNorm)
_IDLE_AT_INFERENCE = (nn.Dropout, nn.Identity)


def fold_batchnorm(model: nn.Module, *, partial: bool = False) -> nn.Module:
    """Returns a copy of a model, in evaluation mode, whose batch norm is folded into its weights.

    A batch norm is folded into the Linear or Conv whose output it alone reads, or else into the
    Linear that alone reads its own output (dropout between them does no harm). Its place is taken
    by an ``Identity``, so other names stay. torch's batch-norm layers are folded too. Channels
    must be the features of a Linear, that is, its output ``(N, C)``, or those of a batch of a
    convolution's: the folded model raises for an input of more or fewer dimensions, whose channels
    are not the second one.

    Weights that are worked out anew at each call (pruning, weight norm, parametrisations) are made
    permanent in the copy. Layers with other hooks and calls with a mask are not folded.

    Args:
        model: Traceable by ``torch.fx``; not changed.
        partial: Leave what cannot be folded in place instead of raising.

    Raises:
        BatchNormError: If a batch norm cannot be folded, with the reason, or torch.fx cannot
            trace the model.

    Example:
        >>> from tune_bn.nn import MLP
        >>> model = MLP(4, 2, width=8).eval()
        >>> x = torch.ones(3, 4)
        >>> torch.allclose(fold_batchnorm(model)(x), model(x), atol=1e-5)
        True
    """
    folded = _permanent_copy(model).eval()
    graph = _Graph.of(folded, "fold_batchnorm")
    reasons = {}
    for node in graph.norms():
        norm = graph.module(node)
        assert isinstance(norm, _BatchNorm)
        before, after = graph.layer_before(node), graph.layer_after(node)
        if type(norm) not in KNOWN:
            reasons[node.target] = f"a {type(norm).__name__} may do more than batch norm"
        elif norm.running_mean is None:
            reasons[node.target] = "it keeps no running statistics"
        elif not graph.is_used_once(node):
            reasons[node.target] = "the model calls it more than once"
        elif has_hooks(norm):
            reasons[node.target] = "it has hooks, which would be lost"
        elif len(node.args) + len(node.kwargs) > 1:
            reasons[node.target] = "it is called with a mask"
        elif before is not None and _width(before)[1] == norm.num_features:
            _fold_into_before(before, norm)
            folded.set_submodule(str(node.target), _Folded(before))
        elif after is not None and _width(after)[0] == norm.num_features:
            _fold_into_after(after, norm)
            folded.set_submodule(str(node.target), _Folded(after))
        else:
            own = "no Linear or Conv of its own is right beside it"
            special = graph.special_beside(node)
            reasons[node.target] = special or own
    if reasons and not partial:
        raise BatchNormError(
            "fold_batchnorm needs every batch norm beside a Linear or Conv, but got "
            + "; ".join(f"{name!r}: {reason}" for name, reason in reasons.items())
            + ". Use partial=True to fold the others."
        )
    return folded


@torch.no_grad()
def _permanent_copy(model: nn.Module) -> nn.Module:
    """Returns a copy whose weights are parameters, where they were worked out at each call."""
    for module in model.modules():
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, _REMAKERS):
                hook(module, ())  # anew, without a history, which cannot be copied
    copied = copy.deepcopy(model)
    for module in list(copied.modules()):
        for hook in list(module._forward_pre_hooks.values()):
            if isinstance(hook, prune.BasePruningMethod):
                prune.remove(module, hook._tensor_name)
            elif isinstance(hook, WeightNorm):
                remove_weight_norm(module, hook.name)
        if parametrize.is_parametrized(module):
            # remove_parametrizations would take the weight from the original, too, which has the
            # copy's class (torch 2.13).
            names = list(module.parametrizations)  # type: ignore[arg-type] # a ModuleDict
            values = {name: getattr(module, name).clone() for name in names}
            module.__class__ = type(module).__bases__[0]
            del module._modules["parametrizations"]
            for name, value in values.items():
                module.register_parameter(name, nn.Parameter(value))
    return copied


def redundant_biases(model: nn.Module) -> list[str]:
    """Returns the names of Linear and Conv layers whose bias a following batch norm cancels.

    Such a bias gets no gradient but rounding and shifts only the running mean; build these layers
    with ``bias=False``. In the order of the forward pass. Meant for a Linear's output ``(N, C)``.

    Raises:
        BatchNormError: If torch.fx cannot trace the model.

    Example:
        >>> from tune_bn.nn import BatchNorm1d
        >>> redundant_biases(nn.Sequential(nn.Linear(4, 3), BatchNorm1d(3), nn.Linear(3, 2)))
        ['0']
    """
    graph = _Graph.of(model, "redundant_biases")
    return [
        str(node.target)
        for node in graph.calls()
        if type(graph.module(node)) in _FOLDABLE
        and graph.module(node).bias is not None
        and node.users
        and is_ordinary(graph.module(node))
        and all(
            isinstance(norm := graph.module_or_none(user), _BatchNorm)
            and type(norm) in KNOWN
            and norm.num_features == _width(graph.module(node))[1]
            for user in node.users
        )
    ]


class _Folded(nn.Identity):
    """Where a batch norm was: hands its input on, if its channels are where they were taken to be.

    A Linear of F features takes ``(N, T, F)``, too, of which batch norm normalises T: with T = F
    nothing but the number of dimensions tells the two apart.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.dimensions = _DIMENSIONS[next(c for c in _DIMENSIONS if isinstance(layer, c))]
        self.training = False

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Returns the input."""
        torch._assert(
            input.dim() == self.dimensions,
            "a batch norm was folded for inputs (N, C) of a Linear or (N, C, *) of a convolution, "
            "but got another number of dimensions. Leave it in, with fold_batchnorm(partial=True) "
            "on the other parts.",
        )
        return input


class _Tracer(fx.Tracer):
    """A tracer that takes batch-norm layers as one piece, whichever package they come from."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, _BatchNorm) or super().is_leaf_module(m, module_qualified_name)


@dataclass(frozen=True)
class _Graph:
    """The order in which a model calls its modules."""

    model: nn.Module
    graph: fx.Graph
    calls_of: Counter[int]  # by the module's id: one module may have two names
    owners: Counter[int]  # by the parameter's id: tied weights have several

    @classmethod
    def of(cls, model: nn.Module, caller: str) -> _Graph:
        root = model
        if isinstance(model, _BatchNorm) or type(model).__module__.startswith("torch.nn."):
            root = model if isinstance(model, nn.Sequential) else nn.Sequential(model)
        try:
            graph = _Tracer().trace(root)
        # Tracing runs the model's own code on stand-ins, which can fail in any way.
        except Exception as error:
            raise BatchNormError(
                f"{caller} needs a model that torch.fx can trace, but got a "
                f"{type(model).__name__} that it cannot ({error}). Call it on the parts without "
                "branches on values."
            ) from error
        calls = Counter(
            id(root.get_submodule(str(n.target))) for n in graph.nodes if n.op == "call_module"
        )
        owners = Counter(
            id(p) for m in set(model.modules()) for p in m._parameters.values() if p is not None
        )
        # A weight that the forward pass also reads by itself counts as shared.
        for node in graph.nodes:
            if node.op == "get_attr":
                value = root
                for part in str(node.target).split("."):
                    value = getattr(value, part)
                owners[id(value)] += 1
        return cls(root, graph, calls, owners)

    def calls(self) -> list[fx.Node]:
        return [n for n in self.graph.nodes if n.op == "call_module"]

    def norms(self) -> list[fx.Node]:
        return [n for n in self.calls() if isinstance(self.module(n), _BatchNorm)]

    def module(self, node: fx.Node) -> nn.Module:
        return self.model.get_submodule(str(node.target))

    def module_or_none(self, node: object) -> nn.Module | None:
        is_call = isinstance(node, fx.Node) and node.op == "call_module"
        return self.module(node) if is_call and isinstance(node, fx.Node) else None

    def is_used_once(self, node: fx.Node) -> bool:
        return self.calls_of[id(self.module(node))] == 1

    def special_beside(self, norm: fx.Node) -> str | None:
        """Names a layer beside a norm that could take it in, but for what was hung onto it."""
        for node in (*norm.all_input_nodes, *norm.users):
            module = self.module_or_none(node)
            if isinstance(module, (*_FOLDABLE, *_IDLE_AT_INFERENCE)) and not is_ordinary(module):
                return f"the {type(module).__name__} beside it has hooks or a weight made by others"
        return None

    def _is_free(self, node: fx.Node) -> bool:
        """Tells whether a layer may be changed: of a foldable kind, called once, nothing tied."""
        module = self.module(node)
        return (
            type(module) in _FOLDABLE
            and is_ordinary(module)
            and self.is_used_once(node)
            and all(self.owners[id(p)] == 1 for p in module.parameters(recurse=False))
        )

    def layer_before(self, norm: fx.Node) -> nn.Module | None:
        """Returns the free layer whose output goes to this norm alone."""
        node: object = norm.args[0] if norm.args else norm.kwargs.get("input")
        while isinstance(node, fx.Node) and len(node.users) == 1:
            module = self.module_or_none(node)
            if module is None:
                return None
            if type(module) not in _IDLE_AT_INFERENCE:
                return module if self._is_free(node) else None
            if not is_ordinary(module):
                return None
            node = node.args[0]
        return None

    def layer_after(self, norm: fx.Node) -> nn.Linear | None:
        """Returns the free Linear that alone reads this norm's output."""
        node = norm
        while len(node.users) == 1:
            node = next(iter(node.users))
            module = self.module_or_none(node)
            if module is None:
                return None
            if type(module) not in _IDLE_AT_INFERENCE:
                return module if isinstance(module, nn.Linear) and self._is_free(node) else None
            if not is_ordinary(module):
                return None
        return None


def has_hooks(module: nn.Module) -> bool:
    """Tells whether something acts on a module's forward pass beside the module."""
    return bool(module._forward_pre_hooks or module._forward_hooks)


def is_ordinary(module: nn.Module) -> bool:
    """Tells whether a module does what its class says with the parameters that it shows."""
    parameters = module._parameters
    own = all(name in parameters for name in ("weight", "bias") if hasattr(module, name))
    return own and not has_hooks(module) and not parametrize.is_parametrized(module)


def _width(layer: nn.Module) -> tuple[int, int]:
    """Returns the channels that a layer reads and writes."""
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    return layer.in_channels, layer.out_channels


def _scale_and_shift(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """Returns s and t of ``y = s x + t`` in float64, so that only the result is rounded."""
    mean, var = norm.running_mean, norm.running_var
    assert isinstance(mean, Tensor)
    assert isinstance(var, Tensor)
    scale = torch.rsqrt(var.double() + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight.double()
    shift = -mean.double() * scale
    return scale, shift if norm.bias is None else shift + norm.bias.double()


@torch.no_grad()
def _fold_into_before(layer: nn.Module, norm: _BatchNorm) -> None:
    assert isinstance(layer, _FOLDABLE)
    scale, shift = _scale_and_shift(norm)
    weight, bias = layer.weight, layer.bias
    wide = weight.double() * scale.view(-1, *[1] * (weight.dim() - 1))
    shift = shift if bias is None else shift + bias.double() * scale
    layer.weight = nn.Parameter(wide.to(weight.dtype), requires_grad=weight.requires_grad)
    layer.bias = nn.Parameter(shift.to(weight.dtype), requires_grad=weight.requires_grad)


@torch.no_grad()
def _fold_into_after(layer: nn.Linear, norm: _BatchNorm) -> None:
    scale, shift = _scale_and_shift(norm)
    weight, bias = layer.weight, layer.bias
    wide = weight.double() @ shift if bias is None else bias.double() + weight.double() @ shift
    layer.weight = nn.Parameter(
        (weight.double() * scale).to(weight.dtype), requires_grad=weight.requires_grad
    )
    layer.bias = nn.Parameter(wide.to(weight.dtype), requires_grad=weight.requires_grad)
