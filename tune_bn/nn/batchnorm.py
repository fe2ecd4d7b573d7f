"""Batch norm whose inference statistics are right from the first batch on.

``BatchNorm1d/2d/3d`` are subclasses of torch's layers. Training output and gradients are torch's;
what differs is what inference uses: bias-corrected exponentially weighted averages of the batch
mean and the batch variance. torch mixes the first batches with an arbitrary start of 0 and 1, so
its inference is wrong for the first ``1 / (1 - decay)`` steps or more; here it is right after one.

The corrected averages live in torch's own buffers (see ``ewa``), so inference is one plain
``batch_norm`` and the state_dict loads into ``torch.nn.BatchNorm*`` and back.

How a training step gets its statistics: torch's ``batch_norm`` is handed *scratch* buffers with
momentum 1, which leaves the batch's mean and variance in them, and the averages are updated from
these. Autograd saves the buffers that it is handed, so writing to the layer's own between forward
and backward, which fails in torch (pytorch#175024), is fine here. The scratch itself must never be
written to afterwards, for the same reason. Where a step's size can be had as a number, the kernel
averages in place, under another name of the same memory, which costs half as much; where several
averages are kept, the scratch is memory of the layer's own, again under another name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.compiler import is_compiling
from torch.fx.proxy import TraceError

from tune_bn.nn.errors import BatchNormError
from tune_bn.nn.ewa import averages_in, can_read, masked_moments, running_in, step_at
from tune_bn.nn.graph import exported_batch_norm, is_exporting, training_step
from tune_bn.nn.options import UNSET, SingleValue, Variance
from tune_bn.nn.statistics import RunningStatistics
from tune_bn.plain.checks import check_number, check_whole

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "EwaBatchNorm", "leaf_of_trace"]


_graph_task = torch._C._current_graph_task_id

# Values per channel from which a change of the variance's units and back loses nothing that counts.
_MANY = 16


class EwaBatchNorm(RunningStatistics):
    """What the layers of all dimensions share; use ``BatchNorm1d/2d/3d`` or ``SyncBatchNorm``.

    The first seven arguments are torch's, in torch's order.

    Args:
        num_features: Channels C, the size of the input's second dimension.
        eps: Added to the variance under the root; above 0.
        momentum: ``1 - decay``, torch's word for the share of the newest batch, in [0, 1].
            None is the plain average over all batches; 0 keeps the statistics where they are.
        affine: Learn a scale γ (and, with ``bias``, a shift β) per channel.
        track_running_stats: False uses batch statistics at inference too, as in torch.
        device: As in torch.
        dtype: As in torch; statistics are kept in float32 at least.
        bias: False leaves out β.
        decay: Weight of the past, in [0, 1]; default 0.9. 1 is the plain average.
        decays: Averages to keep beside the one in use, each in [0, 1): ``select_decay`` or
            ``best_decay`` put one of them in use later.
        variance: "biased" (divided by m, what training normalises with) or "unbiased" (divided by
            m − 1, what torch keeps).
        skip_nonfinite: Leave a batch out of the averages if one of its statistics is infinite or
            NaN; ``batches_skipped`` counts them.
        accumulate: The statistics of so many forward passes are pooled before they enter the
            average as one batch: the number of micro-batches under gradient accumulation.
        single_value: A training batch with one value per channel has no variance: "raise" as torch
            does, or normalise it by the "running" statistics, which it leaves alone.

    Raises:
        BatchNormError: For an option outside its range, or both ``momentum`` and ``decay``.
    """

    _scratch: _Scratch | None = None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = UNSET,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
        decay: float = UNSET,
        decays: Sequence[float] | None = None,
        variance: Variance = "biased",
        skip_nonfinite: bool = False,
        accumulate: int = 1,
        single_value: SingleValue = "raise",
    ) -> None:
        check_whole(BatchNormError, type(self).__name__, "num_features", num_features, least=1)
        super().__init__(
            num_features,
            eps,
            None,
            affine,
            track_running_stats,
            device,
            dtype,
            bias=bias,
        )
        self.set_options(
            momentum=momentum,
            decay=decay,
            decays=decays,
            variance=variance,
            skip_nonfinite=skip_nonfinite,
            accumulate=accumulate,
            single_value=single_value,
        )

    def forward(
        self,
        input: Tensor,  # noqa: A002 - torch's callers pass input= by name
        mask: Tensor | None = None,
    ) -> Tensor:
        """Normalises ``(N, C, *)`` per channel.

        Args:
            input: The batch.
            mask: Boolean, ``(N,)`` or broadcastable to ``(N, *)``; True marks a real position.
                Statistics are taken over the real positions and the others come out as 0.

        Raises:
            BatchNormError: For a wrong number of dimensions or channels, one value per channel in
                training, or a mask that does not fit.
        """
        try:
            self._check_input_dim(input)
        except TraceError:
            return leaf_of_trace(self, input, mask)
        is_eager = not is_compiling()
        if is_eager and self._is_plain and self.training and mask is None:
            done = self._step_in_place(input)
            if done is not None:
                return done
        buffers = self._buffers
        running_mean, running_var = buffers["running_mean"], buffers["running_var"]
        weight: Tensor | None = self.weight
        bias: Tensor | None = self.bias
        if weight is not None:
            if running_mean is not None and weight.dtype != running_mean.dtype:
                # Half precision: the kernels want parameters and statistics of one type.
                weight = weight.to(running_mean.dtype)
                bias = None if bias is None else bias.to(running_mean.dtype)
        elif bias is not None:
            # torch 2.13 cannot differentiate twice through a bias without a weight.
            weight = torch.ones_like(bias)
        if mask is not None:
            return self._forward_masked(input, mask, weight, bias)
        if not is_eager and self.training and running_mean is not None and not is_exporting():
            kind = self._graph_step
            if kind and input.numel() > input.shape[1]:
                averages = averages_in(buffers) if kind == "more" else running_in(buffers)
                is_biased = self.variance == "biased"
                output: Tensor = training_step(
                    input, weight, bias, self.eps, averages, self.momentum, is_biased
                )
                return output
        # torch.batch_norm is what F.batch_norm calls after checks that are made here already.
        cudnn = torch.backends.cudnn.enabled
        count: Any = input.numel() // self.num_features
        if not self._uses_batch_statistics(count):
            is_narrow = input.dtype in (torch.float16, torch.bfloat16)
            if is_narrow and torch.onnx.is_in_onnx_export():
                # Runtimes want one type for input, parameters and statistics.
                wide = input.to(torch.float32)
                output = torch.batch_norm(
                    wide, weight, bias, running_mean, running_var, False, 0.0, self.eps, cudnn
                )
                return output.to(input.dtype)
            return torch.batch_norm(
                input, weight, bias, running_mean, running_var, False, 0.0, self.eps, cudnn
            )
        if count == 1:
            raise BatchNormError(
                f"{type(self).__name__} expected more than 1 value per channel when training, got "
                f"input size {input.size()}. Drop the last incomplete batch, or build the layer "
                "with single_value='running'."
            )
        if not self.eps > 0:  # set since
            check_number(BatchNormError, type(self).__name__, "eps", self.eps, above=0)
        if (running_mean is None) != (running_var is None) and self._counts and self.training:
            raise BatchNormError(
                f"{type(self).__name__} needs running_mean and running_var, or neither, but one of "
                "them is None. Set both to None, or track_running_stats=False."
            )
        if not self._counts or not self.training or running_mean is None or running_var is None:
            return torch.batch_norm(input, weight, bias, None, None, True, 0.0, self.eps, cudnn)
        gate = None
        if is_exporting():
            count = running_mean.new_full((), count)  # may be a symbol, which stays one so
            output, mean, var, gate = exported_batch_norm(
                input, weight, bias, self.eps, running_mean, running_var
            )
        else:
            mean, var = torch.zeros_like(running_mean), torch.zeros_like(running_mean)
            output = torch.batch_norm(input, weight, bias, mean, var, True, 1.0, self.eps, cudnn)
            if count == 0 or (is_eager and _is_recomputation()):
                return output
        self._track(mean, var, count, biased=False, gate=gate)
        return output

    def _step_in_place(self, x: Tensor) -> Tensor | None:
        """Makes a usual training step in eager mode; returns None, with nothing done, for others.

        What a small layer's step costs beside the kernel is Python, so this asks no more than it
        has to, and parameters and buffers where they lie.
        """
        buffers, parameters = self._buffers, self._parameters
        running_mean, running_var = buffers["running_mean"], buffers["running_var"]
        batches = buffers["num_batches_tracked"]
        count = x.numel() // self.num_features
        if (
            count < _MANY
            or running_mean is None
            or running_var is None
            or _graph_task() != -1  # a recomputation
            or not can_read(batches)
            or self._frozen
            or not ("weight" in parameters and "bias" in parameters)
        ):
            return None
        weight: Tensor | None = parameters["weight"]
        bias: Tensor | None = parameters["bias"]
        if weight is None:
            if bias is not None:
                return None
        elif weight.dtype is not running_mean.dtype:
            weight = weight.to(running_mean.dtype)
            bias = None if bias is None else bias.to(running_mean.dtype)
        scratch, decays = self._scratch, self.decays
        kept = buffers["kept_batches"] if decays else batches
        if (
            scratch is None
            or scratch.running_mean is not running_mean
            or scratch.running_var is not running_var
            or scratch.batches is not batches
            or scratch.kept is not kept
            or scratch.places != _places(running_mean, running_var, batches, kept)
        ):
            self._settle()  # may make buffers anew
            kept = buffers["kept_batches"] if decays else batches
            if (
                buffers["running_mean"] is not running_mean
                or batches.dtype != torch.long
                or kept is None
                or not can_read(kept)
            ):
                return None
            scratch = _Scratch(running_mean, running_var, batches, kept)
            self.__dict__["_scratch"] = scratch
        n = scratch.count[()]
        if n < 1 or scratch.kept_count[()] != n:
            self._settle()
            n = scratch.count[()]
        step = step_at(n + 1, self.momentum)
        is_biased = self.variance == "biased"
        cudnn = torch.backends.cudnn.enabled
        if decays:
            # The kernel leaves mean and variance side by side, so that one operation moves the
            # means and variances of all tracks. All is one and the same operation of torch's:
            # another one's code is out of the processor's cache after the kernel.
            scratch.moments.zero_()  # a NaN of the last batch would stay
            mean, var = scratch.kernel
            # torch.batch_norm is what F.batch_norm calls after checks that are made here already.
            output = torch.batch_norm(x, weight, bias, mean, var, True, 1.0, self.eps, cudnn)
            (mean, var), (step_size, share, zero) = scratch.batch, scratch.weights
            scratch.weight[0], scratch.weight[1] = step, 1 / count
            if is_biased:
                var.lerp_(zero, share)
            running_mean.lerp_(mean, step_size)
            running_var.lerp_(var, step_size)
            buffers["tracks"].lerp_(scratch.together, buffers["track_steps"])  # type: ignore[union-attr, arg-type] # registered together with decays
            scratch.kept_count[()] = n + 1
        else:
            mean, var = scratch.kernel
            try:
                if is_biased:  # in the kernel's units while it runs, which are the unbiased ones
                    running_var.add_(running_var, alpha=1 / (count - 1))
                output = torch.batch_norm(x, weight, bias, mean, var, True, step, self.eps, cudnn)
            finally:
                if is_biased:
                    running_var.add_(running_var, alpha=-1 / count)
        scratch.count[()] = n + 1
        return output

    def __prepare_scriptable__(self) -> NoReturn:
        """Refuses ``torch.jit.script``, which would ask for what its language has no words for."""
        raise BatchNormError(
            f"torch.jit.script needs torch's own layers, but got a {type(self).__name__} of "
            "tune_bn.nn. Script to_torch(copy.deepcopy(model)); or use torch.jit.trace or "
            "torch.export."
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_scratch": None}

    def _uses_batch_statistics(self, count: int) -> bool:
        """Tells whether a call with so many values per channel normalises by the batch's own."""
        if self._buffers["running_mean"] is None and self._buffers["running_var"] is None:
            return True
        if not self.training or self._frozen:
            return False
        if (is_compiling() or torch._C._get_tracing_state()) and torch.onnx.is_in_onnx_export():
            # Exporters turn a model that was left in training mode into its inference form; the
            # scratch would be baked into the graph as its statistics.
            return False
        return not (count == 1 and self.single_value == "running")

    def _forward_masked(
        self, x: Tensor, mask: Tensor, weight: Tensor | None, bias: Tensor | None
    ) -> Tensor:
        keep = self._position_mask(x, mask)
        shape = [1, -1] + [1] * (x.dim() - 2)
        mean, var = self._buffers["running_mean"], self._buffers["running_var"]
        if self._uses_batch_statistics(x.numel() // self.num_features):
            wide = x if mean is None else x.to(mean.dtype)
            count, batch_mean, batch_var = self._masked_moments(wide, keep)
            is_tracked = self.training and self._counts and mean is not None
            if is_tracked and not _is_recomputation():
                mean_only, var_only = batch_mean.detach(), batch_var.detach()
                self._track(mean_only, var_only, count, biased=True, gate=count > 1)
            mean, var = batch_mean, batch_var
        assert mean is not None
        assert var is not None
        scale = torch.rsqrt(var + self.eps)
        if weight is not None:
            scale = scale * weight
        out = (torch.where(keep, x, 0) - mean.view(shape)) * scale.view(shape)
        if bias is not None:
            out = out + bias.view(shape)
        return torch.where(keep, out, 0).to(x.dtype)

    def _masked_moments(self, x: Tensor, keep: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return masked_moments(x, keep)

    def _position_mask(self, x: Tensor, mask: Tensor) -> Tensor:
        """Returns the mask as ``(N, 1, *)`` with as many dimensions as x."""
        if mask.dtype != torch.bool:
            raise BatchNormError(
                f"{type(self).__name__} needs a boolean mask, but got {mask.dtype}. "
                "Use mask.bool(), True for the positions that count."
            )
        shape = (x.shape[0], *x.shape[2:])
        if mask.dim() == 1 and len(shape) > 1:
            mask = mask.view(-1, *[1] * (len(shape) - 1))
        if mask.dim() != len(shape) or any(
            m not in (1, s) for m, s in zip(mask.shape, shape, strict=True)
        ):
            raise BatchNormError(
                f"{type(self).__name__} needs a mask of shape {shape} (the input's, without the "
                f"channels) or one that broadcasts to it, but got {tuple(mask.shape)}."
            )
        return mask.unsqueeze(1)

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        # The numbers stand here and in the subclasses, and are no attribute, for the reason that
        # is given in graph.py.
        if not 2 <= input.dim() <= 5:
            raise self._dimension_error(input, "2D, 3D, 4D or 5D")
        self._check_channels(input)

    def _check_channels(self, x: Tensor) -> None:
        # A tracer cannot compare sizes; it records the kernel, which does.
        can_compare = is_compiling() or not torch._C._get_tracing_state()
        if can_compare and x.shape[1] != self.num_features:
            raise BatchNormError(
                f"{type(self).__name__} needs {self.num_features} channels in dimension 1, but got "
                f"an input of shape {tuple(x.shape)}. Build it with num_features={x.shape[1]}."
            )

    def _dimension_error(self, x: Tensor, needed: str) -> BatchNormError:
        return BatchNormError(
            f"{type(self).__name__} expected {needed} input (got {x.dim()}D input)"
        )


class BatchNorm1d(EwaBatchNorm, nn.BatchNorm1d):
    """Batch norm over ``(N, C)`` or ``(N, C, L)``, right at inference from the first batch on.

    A drop-in subclass of ``torch.nn.BatchNorm1d``; arguments as for ``EwaBatchNorm``.

    Example:
        >>> layer = BatchNorm1d(3, decay=0.99)
        >>> x = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
        >>> in_training = layer(x)
        >>> torch.allclose(layer.eval()(x), in_training, atol=1e-5)
        True
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        if input.dim() != 2 and input.dim() != 3:
            raise self._dimension_error(input, "2D or 3D")
        self._check_channels(input)


class BatchNorm2d(EwaBatchNorm, nn.BatchNorm2d):
    """Batch norm over ``(N, C, H, W)``, right at inference from the first batch on.

    A drop-in subclass of ``torch.nn.BatchNorm2d``; arguments as for ``EwaBatchNorm``.

    Example:
        >>> BatchNorm2d(3)(torch.ones(2, 3, 4, 4)).abs().max().item()
        0.0
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        if input.dim() != 4:
            raise self._dimension_error(input, "4D")
        self._check_channels(input)


class BatchNorm3d(EwaBatchNorm, nn.BatchNorm3d):
    """Batch norm over ``(N, C, D, H, W)``, right at inference from the first batch on.

    A drop-in subclass of ``torch.nn.BatchNorm3d``; arguments as for ``EwaBatchNorm``.

    Example:
        >>> BatchNorm3d(3)(torch.ones(2, 3, 4, 4, 4)).abs().max().item()
        0.0
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        if input.dim() != 5:
            raise self._dimension_error(input, "5D")
        self._check_channels(input)


class _Scratch:
    """Where the kernel leaves what it found, under names that it and autograd alone know.

    What the kernel is handed, and autograd saves, is another tensor to autograd than what is
    written to afterwards. That is the running statistics themselves (autograd would miss a later
    write only if it used what it saved; in training it uses the batch's own statistics); and for a
    layer that keeps several averages, memory of its own.
    """

    kernel: tuple[Tensor, Tensor]  # mean and variance, for the kernel
    together: Tensor  # (3, 1, C): mean, variance and 1 of a batch
    moments: Tensor  # the first two
    batch: tuple[Tensor, Tensor]  # each of them by itself
    weights: tuple[Tensor, ...]  # (1,): the step, the share of one value in its channel, and 0
    weight: memoryview[float]  # the same numbers
    count: memoryview  # of the batches; an operation of torch's takes as long as all of Python here
    kept_count: memoryview  # that the other averages go with

    def __init__(
        self, running_mean: Tensor, running_var: Tensor, batches: Tensor, kept: Tensor
    ) -> None:
        self.running_mean = running_mean
        self.running_var = running_var
        self.batches = batches
        self.kept = kept
        self.places = _places(running_mean, running_var, batches, kept)
        self.count = memoryview(batches.numpy())  # type: ignore[arg-type] # an array is one
        self.kept_count = memoryview(kept.numpy())  # type: ignore[arg-type] # likewise
        with torch.inference_mode(False):  # what is made under it could not be used in training
            if kept is not batches:
                self.together = running_mean.new_ones(3, 1, *running_mean.shape)
                self.moments = self.together[:2]
                self.batch = self.together[0, 0], self.together[1, 0]
                self.kernel = self.batch[0].data, self.batch[1].data
                weights = running_mean.new_zeros(3)
                self.weights = weights[:1], weights[1:2], weights[2:]
                self.weight = memoryview(weights.numpy())  # type: ignore[arg-type] # likewise
            else:
                self.kernel = running_mean.data, running_var.data


def _places(*tensors: Tensor) -> tuple[int, ...]:
    """Returns where they lie: another's ``tensor.data = …`` moves one that stays the same."""
    return tuple(map(Tensor.data_ptr, tensors))


def leaf_of_trace(layer: nn.Module, x: Any, mask: Any) -> Tensor:
    """Records a call of the layer as a whole, as ``torch.fx`` does with torch's own layers.

    Its tracer would run the layer's code on a stand-in for the input, which has no size.
    """
    arguments = (x,) if mask is None else (x, mask)
    tracer = x.tracer
    call: Tensor = tracer.create_proxy("call_module", tracer.path_of_module(layer), arguments, {})
    return call


def _is_recomputation() -> bool:
    """Tells whether an activation checkpoint runs this forward pass a second time, in backward.

    It was counted the first time. (It has to run the same operation all the same: checkpointing
    compares the saved tensors.) A compiled graph cannot ask.
    """
    return not is_compiling() and torch._C._current_graph_task_id() != -1
