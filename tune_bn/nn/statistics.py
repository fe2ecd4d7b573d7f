"""The running statistics of a layer: its buffers, one step of the averages, moving and loading.

Apart from the layers' arithmetic, so that the local and the synchronised layer share it. torch's
five state_dict keys stay: every buffer added here is non-persistent, and is rebuilt from the
standard ones when a state is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from .errors import BatchNormError
from .ewa import (
    advance,
    averages_in,
    enter_batch,
    lerp_by_tensor_,
    merge_moments,
    side_by_side,
    step_size,
    total_weight,
)
from .options import UNSET, SingleValue, Variance, check_choice, check_decays, momentum_of

__all__ = ["RunningStatistics"]

# An average whose start weighs less than this (float32's resolution) has forgotten it.
_FORGOTTEN = 2.0**-24
# Above this decay, rounding of a float32 average adds up to more than about 1e-6 of its value.
_LONG_MEMORY = 0.99
_RESET = (
    "carry",
    "tracks",
    "batches_skipped",
    "pooled_batches",
    "pooled_count",
    "pooled_mean",
    "pooled_var",
)


class RunningStatistics(_BatchNorm):
    """The part of the layers that keeps averages; see ``EwaBatchNorm`` for the options."""

    decays: tuple[float, ...] = ()
    variance: Variance = "biased"
    skip_nonfinite: bool = False
    accumulate: int = 1
    single_value: SingleValue = "raise"
    # How a compiled graph makes a training step: "" as written in forward, or in one call, with
    # "running" statistics only or with "more". One attribute for several conditions, since each
    # that a graph looks at is checked at every call (see graph.py).
    _graph_step: str = ""
    _frozen: bool = False
    _stats_paused: bool = False
    _is_plain: bool = False  # a step moves averages and does no more
    tracks: Tensor  # (2, K, C): means and variances, not yet divided by their weight
    track_steps: Tensor  # (K, 1)
    batches_skipped: Tensor
    pooled_batches: Tensor
    pooled_count: Tensor
    pooled_mean: Tensor
    pooled_var: Tensor

    def set_options(
        self,
        *,
        momentum: float | None = UNSET,
        decay: float = UNSET,
        decays: Sequence[float] | None = None,
        variance: Variance = "biased",
        skip_nonfinite: bool = False,
        accumulate: int = 1,
        single_value: SingleValue = "raise",
    ) -> None:
        """Set this project's options and add the buffers that they need; see ``EwaBatchNorm``."""
        name = type(self).__name__
        self.momentum = momentum_of(name, momentum, decay)
        if not self.eps > 0:
            raise BatchNormError(f"{name} needs eps > 0, but got eps={self.eps!r}.")
        check_choice(name, "variance", variance, ("biased", "unbiased"))
        check_choice(name, "single_value", single_value, ("raise", "running"))
        if accumulate < 1:
            raise BatchNormError(f"{name} needs accumulate ≥ 1, but got {accumulate!r}.")
        self.decays = check_decays(name, decays)
        self.variance = variance
        self.skip_nonfinite = skip_nonfinite
        self.accumulate = accumulate
        self.single_value = single_value
        self._is_plain = not (self.decay > _LONG_MEMORY or skip_nonfinite or accumulate > 1)
        self._register_statistics()

    @property
    def frozen(self) -> bool:
        """True lets training normalise by the running statistics and leave them alone."""
        return self._frozen

    @frozen.setter
    def frozen(self, value: bool) -> None:
        self._frozen = value
        self._choose_graph_step()

    @property
    def stats_paused(self) -> bool:
        """True lets training normalise by batch statistics and leave the averages alone."""
        return self._stats_paused

    @stats_paused.setter
    def stats_paused(self, value: bool) -> None:
        self._stats_paused = value
        self._choose_graph_step()

    def _choose_graph_step(self) -> None:
        is_usual = not (
            self._frozen or self._stats_paused or self.skip_nonfinite or self.accumulate > 1
        )
        has_more = "carry" in self._buffers or "tracks" in self._buffers
        self._graph_step = ("more" if has_more else "running") if is_usual else ""

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        # In files from before frozen and stats_paused were properties they stand by these names,
        # and nothing tells of the graph's step.
        renamed = {"frozen": "_frozen", "stats_paused": "_stats_paused"}
        super().__setstate__({renamed.get(k, k): v for k, v in state.items()})  # type: ignore[no-untyped-call] # untyped in torch
        self._choose_graph_step()

    @property
    def decay(self) -> float:
        """Weight of the past in the running statistics: ``1 - momentum``, and 1 for None."""
        return 1.0 if self.momentum is None else 1.0 - self.momentum

    @decay.setter
    def decay(self, value: float) -> None:
        self.momentum = momentum_of(type(self).__name__, UNSET, value)

    def track(self, decay: float) -> tuple[Tensor, Tensor]:
        """Return mean and variance ``(C,)``, bias-corrected, as averaged with one of ``decays``.

        Raises:
            BatchNormError: if that decay is not kept.
        """
        index = [i for i, d in enumerate(self.decays) if math.isclose(d, decay, rel_tol=1e-9)]
        if not index:
            raise BatchNormError(
                f"{type(self).__name__} needs one of the decays it keeps, {self.decays}, but got "
                f"{decay!r}. Name it in decays= when the layer is built."
            )
        row = index[0]
        count = self._buffers["num_batches_tracked"]
        tracks = self._buffers["tracks"]
        assert count is not None
        assert tracks is not None
        weight = self._track_weights()[row]
        started = weight > 0
        mean, var = tracks[:, row] / torch.where(started, weight, 1)
        return torch.where(started, mean, 0), torch.where(started, var, 1)

    def _track_weights(self) -> Tensor:
        """Return the total weight of each kept average, ``(K, 1)``."""
        count, tracks = self._buffers["num_batches_tracked"], self._buffers["tracks"]
        assert count is not None
        assert tracks is not None
        wide = torch.float32 if tracks.device.type == "mps" else torch.float64
        decays = torch.tensor(self.decays, dtype=wide, device=tracks.device)
        return total_weight(count, decays).to(tracks.dtype).unsqueeze(1)

    def _register_statistics(self) -> None:
        self._add_buffers()
        self._choose_graph_step()

    def _add_buffers(self) -> None:
        mean, var = self._buffers.get("running_mean"), self._buffers.get("running_var")
        if mean is None or var is None or torch.nn.parameter.is_lazy(mean):
            return
        dtype = _at_least_float32(mean.dtype)
        self.running_mean, self.running_var = mean.to(dtype), var.to(dtype)
        size = mean.shape[0]

        def add(name: str, *shape: int, dtype: torch.dtype = dtype) -> None:
            zeros = torch.zeros(shape, dtype=dtype, device=mean.device)
            self.register_buffer(name, zeros, persistent=False)

        if self.decays:
            add("tracks", 2, len(self.decays), size)
            steps = torch.tensor(self.decays, dtype=torch.float64).neg().add(1).unsqueeze(1)
            self.register_buffer("track_steps", steps.to(mean.device, dtype), persistent=False)
            self._follow_running_statistics()
        if self.decay > _LONG_MEMORY and dtype == torch.float32:
            add("carry", 2, size)
        if self.skip_nonfinite:
            add("batches_skipped", dtype=torch.long)
        if self.accumulate > 1:
            add("pooled_batches", dtype=torch.long)
            add("pooled_count")
            add("pooled_mean", size)
            add("pooled_var", size)

    def _track(
        self,
        mean: Tensor,
        var: Tensor,
        count: Any,
        *,
        biased: bool,
        gate: Tensor | None,
    ) -> None:
        """Let one batch enter the averages.

        Args:
            mean: ``(C,)``.
            var: ``(C,)``.
            count: values per channel, a number or a tensor, at least 2 where the batch is to enter.
            biased: tells which variance it is.
            gate: 0-d boolean, False leaves the batch out; None is True.
        """
        if gate is not None or self.skip_nonfinite or self.accumulate > 1:
            self._track_gated(mean, var if biased else var * (1 - 1 / count), count, gate)
            return
        if biased and self.variance == "unbiased":
            var = var * (count / (count - 1))
        elif not biased and self.variance == "biased":
            var = var.sub(var, alpha=1 / count)  # half the cost of a product
        enter_batch(averages_in(self._buffers), self.momentum, mean, var)

    def _statistics(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return running mean, running variance and the number of batches, which must be there."""
        return averages_in(self._buffers)[:3]

    def _track_gated(
        self, mean: Tensor, var: Tensor, count: int | Tensor, gate: Tensor | None
    ) -> None:
        """Let one batch, of biased variance, enter if the options allow; without reading a value.

        Whether it enters is a tensor, not a branch, so compiled graphs stay whole.
        """
        enters = torch.ones((), dtype=torch.bool, device=mean.device) if gate is None else gate
        if self.skip_nonfinite:
            is_finite = torch.isfinite(mean).all() & torch.isfinite(var).all()
            self.batches_skipped.add_(enters & ~is_finite)
            enters = enters & is_finite
        values = torch.as_tensor(count, dtype=mean.dtype, device=mean.device)
        if self.accumulate > 1:
            values, mean, var = merge_moments(
                self.pooled_count,
                self.pooled_mean,
                self.pooled_var,
                # torch.where, since 0 × NaN is NaN.
                torch.where(enters, values, 0),
                torch.where(enters, mean, 0),
                torch.where(enters, var, 0),
            )
            self.pooled_batches.add_(enters)
            enters = self.pooled_batches >= self.accumulate
            self._keep_pooled(enters, values, mean, var)
        self._enter(enters, values, mean, var)

    def _keep_pooled(self, is_done: Tensor, values: Tensor, mean: Tensor, var: Tensor) -> None:
        """Keep what is pooled so far, or nothing once it is about to enter the averages."""
        self.pooled_batches.copy_(torch.where(is_done, 0, self.pooled_batches))
        self.pooled_count.copy_(torch.where(is_done, 0, values))
        self.pooled_mean.copy_(torch.where(is_done, 0, mean))
        self.pooled_var.copy_(torch.where(is_done, 0, var))

    def _enter(self, enters: Tensor, values: Tensor, mean: Tensor, var: Tensor) -> None:
        if self.variance == "unbiased":
            var = var * values / (values - 1).clamp(min=1)
        running_mean, running_var, batches, carry, tracks, track_steps = averages_in(self._buffers)
        batches.add_(enters)
        step = torch.as_tensor(
            step_size(batches.clamp(min=1), self.momentum), dtype=mean.dtype, device=mean.device
        )
        advance(
            running_mean,
            running_var,
            carry,
            torch.where(enters, mean, running_mean),
            torch.where(enters, var, running_var),
            torch.where(enters, step, 0),
        )
        if tracks is not None and track_steps is not None:
            steps = torch.where(enters, track_steps, 0)
            lerp_by_tensor_(tracks, torch.where(enters, side_by_side(mean, var), 0), steps)

    def flush(self) -> None:
        """Let an incomplete pool of micro-batches enter the averages as it is."""
        if self.accumulate > 1 and self.track_running_stats:
            values, mean, var = (
                b.clone() for b in (self.pooled_count, self.pooled_mean, self.pooled_var)
            )
            enters = self.pooled_batches > 0
            self._keep_pooled(torch.ones_like(enters), values, mean, var)
            self._enter(enters, values, mean, var)

    def reset_running_stats(self) -> None:
        """Forget every batch: means 0, variances 1, counts and kept averages 0."""
        super().reset_running_stats()
        for name in _RESET:
            buffer = self._buffers.get(name)
            if buffer is not None:
                buffer.zero_()

    def _follow_running_statistics(self) -> None:
        """Let what hangs on the running statistics follow them, after they were set directly."""
        carry = self._buffers.get("carry")
        if carry is not None:
            carry.zero_()
        if self.decays and self._buffers.get("tracks") is not None:
            mean, var, _ = self._statistics()
            self.tracks.copy_(side_by_side(mean, var) * self._track_weights())

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> RunningStatistics:
        """Move or cast as torch does, but never cast statistics below float32.

        A variance above 65504 would overflow in float16, and averages with a decay near 1 stop
        moving in bfloat16.
        """
        before = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call] # untyped in torch
        for name, buffer in self._buffers.items():
            old = before[name]
            if buffer is None or old is None or torch.nn.parameter.is_lazy(buffer):
                continue
            if _is_narrow(buffer.dtype):
                self._buffers[name] = old.to(buffer.device, torch.float32)
        return self

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: Mapping[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )
        if prefix + "running_mean" in state_dict and self.track_running_stats:
            self._adopt_running_statistics()

    def _adopt_running_statistics(self) -> None:
        """Make the rest of the state fit running statistics that were set from outside."""
        mean, var, batches = self._statistics()
        if torch.nn.parameter.is_lazy(mean):
            return
        if _is_narrow(mean.dtype):  # assigned, not copied
            self.running_mean, self.running_var = mean.float(), var.float()
        if self.decays and "tracks" not in self._buffers:  # a lazy layer's first values
            self._register_statistics()
        if mean.is_meta or batches.is_meta:
            return
        if batches == 0 and (mean.any() or (var != 1).any()):
            # Averages without a count, as in files older than num_batches_tracked: with a count
            # of 0 the next batch would replace them.
            batches.fill_(self._mature_count())
        self._follow_running_statistics()

    def _mature_count(self) -> int:
        """Return the number of batches after which the start of the average is forgotten."""
        if self.momentum is None or self.momentum == 0:
            return round(1 / _FORGOTTEN)
        if self.momentum == 1:
            return 1
        return math.ceil(math.log(_FORGOTTEN) / math.log1p(-self.momentum))

    def extra_repr(self) -> str:
        """Return torch's line with our options that differ from their defaults."""
        base: str = super().extra_repr()  # type: ignore[no-untyped-call] # untyped in torch
        parts = [base, f"decay={self.decay:.12g}"]
        for option in ("decays", "variance", "skip_nonfinite", "accumulate", "single_value"):
            value = getattr(self, option)
            if value != getattr(RunningStatistics, option):
                parts.append(f"{option}={value!r}")
        return ", ".join(parts)


def _is_narrow(dtype: torch.dtype) -> bool:
    return dtype in (torch.float16, torch.bfloat16)


def _at_least_float32(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if _is_narrow(dtype) else dtype
