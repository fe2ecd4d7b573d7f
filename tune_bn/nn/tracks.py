"""Several averages in one run: pick a decay afterwards, and keep the tracks in checkpoints.

The best decay depends on the schedule and the batch size, and costs a training run to search for;
keeping several averages costs a few numbers per channel.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tune_bn.nn.batchnorm import EwaBatchNorm
from tune_bn.nn.control import layers_of
from tune_bn.nn.errors import BatchNormError

__all__ = ["best_decay", "load_tracks", "select_decay", "tracks_state"]


def select_decay(model: nn.Module, decay: float) -> None:
    """Puts the averages with one of the kept ``decays`` in use, in every layer that keeps some.

    The running statistics become that track's, and go on with its decay if training does. The
    tracks stay, so another can be selected afterwards.

    Raises:
        BatchNormError: If no layer keeps several averages, or one does not keep this one.
    """
    layers = _tracked(model, "select_decay")
    for layer in layers:
        layer.track(decay)  # or raises, before one is changed
    with torch.no_grad():
        for layer in layers:
            layer.use_track(decay)


def best_decay(model: nn.Module, evaluate: Callable[[nn.Module], float]) -> float:
    """Puts the decay with the lowest ``evaluate(model)`` in use and returns it.

    The model is evaluated as it is and once per decay that all its layers keep, in evaluation mode
    and without gradients; modes are restored afterwards. A NaN never wins, and of equals the
    smaller decay does. What is in use stays if no kept average is as good: the first layer's decay
    is returned then. If ``evaluate`` raises, the statistics in use before are put back.

    Without anything to choose, nothing is evaluated and what is in use stays. After a first batch
    that is so by nature; otherwise it warns: tracks come with a state_dict as torch makes and saves
    it, but not with its keys alone (safetensors, a dict made of them, an average of several). Then
    they all start from the statistics in it (``load_tracks`` brings them back).

    Args:
        model: Has layers built with ``decays=``.
        evaluate: A loss, lower is better; for a score, return its negative. Use validation data.

    Raises:
        BatchNormError: If no layer keeps several averages, if they keep none in common, or if
            every value is NaN.

    Example:
        >>> from tune_bn.nn import BatchNorm1d
        >>> layer = BatchNorm1d(1, decays=(0.5, 0.9))
        >>> for x in (0.0, 0.0, 1.0):
        ...     y = layer(torch.tensor([[x - 1], [x + 1]]))
        >>> best_decay(layer, lambda m: abs(m.running_mean.item() - 0.36))
        0.9
    """
    layers = _tracked(model, "best_decay")
    common = set(layers[0].decays).intersection(*(layer.decays for layer in layers))
    if not common:
        raise BatchNormError(
            "best_decay needs a decay that all layers keep, but got layers with "
            f"{sorted({layer.decays for layer in layers})}. Build them with the same decays."
        )
    if not any(_differ(layer, sorted(common)) for layer in layers):
        if any(int(layer.num_batches_tracked or 0) > 1 for layer in layers):
            warnings.warn(
                "best_decay needs kept averages that differ, but all of them hold the same, as "
                "after a state that was loaded by its keys alone: use load_tracks, too. The "
                "statistics in use stay.",
                stacklevel=2,
            )
        return layers[0].decay
    before = [_in_use(layer) for layer in layers]
    modes = [(m, m.training) for m in model.modules()]
    done = False
    try:
        model.eval()
        with torch.no_grad():
            unchanged = float(evaluate(model))
            values = {}
            for decay in sorted(common):
                select_decay(model, decay)
                values[decay] = float(evaluate(model))
        numbers = {d: v for d, v in values.items() if v == v}
        if not numbers and unchanged != unchanged:
            raise BatchNormError(
                "best_decay needs a number from evaluate(model), but got NaN for every decay "
                f"of {sorted(common)}. Check that the model's outputs are finite."
            )
        best = min(numbers, key=numbers.__getitem__, default=None)
        if best is not None and not numbers[best] > unchanged:
            select_decay(model, best)
            done = True
    finally:
        for module, was_training in modes:
            module.training = was_training
        if not done:
            for layer, state in zip(layers, before, strict=True):
                _put_in_use(layer, state)
    return layers[0].decay if not done or best is None else best


def tracks_state(model: nn.Module) -> dict[str, Tensor]:
    """Returns the kept averages of every layer by name, for a checkpoint beside the state_dict.

    For files that hold no more than the state_dict's keys, which are torch's. What ``torch.save``
    writes of a state_dict has the tracks in its metadata, and ``load_state_dict`` takes them.
    """
    return {name: b.detach().clone() for name, b in _buffers_of_tracks(model).items()}


def load_tracks(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Loads what ``tracks_state`` returned; after ``load_state_dict``, which may reset the tracks.

    Raises:
        BatchNormError: If names or shapes differ from the model's.
    """
    own = _buffers_of_tracks(model)
    if own.keys() != state.keys():
        raise BatchNormError(
            f"load_tracks needs the tracks {sorted(own)}, but got {sorted(state)}. Build the model "
            "with the decays it was saved with."
        )
    layers = {f"{name}.tracks" if name else "tracks": m for name, m in model.named_modules()}
    # Those of earlier versions are (2, K, C), without the weights that followed from the count.
    new = {
        name: layers[name]._with_weights(t)
        if t.shape[1:] == own[name].shape[1:] and len(t) == 2
        else t
        for name, t in state.items()
    }
    for name, buffer in own.items():
        if buffer.shape != new[name].shape:
            raise BatchNormError(
                f"load_tracks needs {name!r} of shape {tuple(buffer.shape)}, but got "
                f"{tuple(state[name].shape)}. Build the model with the decays it was saved with."
            )
    for name, buffer in own.items():
        buffer.copy_(new[name])


def _buffers_of_tracks(model: nn.Module) -> dict[str, Tensor]:
    found = {}
    for name, layer in model.named_modules():
        if isinstance(layer, EwaBatchNorm) and layer.decays and layer.running_mean is not None:
            layer._settle()
            found[f"{name}.tracks" if name else "tracks"] = layer.tracks
    return found


def _differ(layer: EwaBatchNorm, decays: list[float]) -> bool:
    """Tells whether the kept averages of a layer hold different statistics, beyond rounding."""
    first, *others = (torch.cat(layer.track(decay)) for decay in decays)
    return len(decays) == 1 or not all(torch.allclose(first, other) for other in others)


# Mean, variance, both without an incomplete pool, momentum.
_InUse = tuple[Tensor, Tensor, Tensor | None, float | None]


def _in_use(layer: EwaBatchNorm) -> _InUse:
    mean, var = layer.running_mean, layer.running_var
    assert isinstance(mean, Tensor)
    assert isinstance(var, Tensor)
    base = layer._buffers.get("pool_base")
    return mean.clone(), var.clone(), None if base is None else base.clone(), layer.momentum


def _put_in_use(layer: EwaBatchNorm, state: _InUse) -> None:
    mean, var, base = layer.running_mean, layer.running_var, layer._buffers.get("pool_base")
    assert isinstance(mean, Tensor)
    assert isinstance(var, Tensor)
    mean.copy_(state[0])
    var.copy_(state[1])
    if base is not None and state[2] is not None:
        base.copy_(state[2])
    layer.momentum = state[3]


def _tracked(model: nn.Module, caller: str) -> list[EwaBatchNorm]:
    layers = [m for m in layers_of(model, caller) if m.decays and m.running_mean is not None]
    if not layers:
        raise BatchNormError(
            f"{caller} needs layers that keep several averages, but got a "
            f"{type(model).__name__} without. Build them with decays=(0.9, 0.99, 0.999)."
        )
    return layers
