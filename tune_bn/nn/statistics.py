"""The running statistics of a layer: its buffers, one step of the averages, moving and loading.

Apart from the layers' arithmetic, so that the local and the synchronised layer share it. torch's
five state_dict keys stay: every buffer added here is non-persistent, and is rebuilt from the
standard ones whenever it does not go with them. (Kept averages come along in a state_dict's
metadata.) What they are worth, and when, is the one rule that ``ewa.settle_`` states.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from tune_bn.nn.errors import BatchNormError
from tune_bn.nn.ewa import (
    advance,
    averages_in,
    enter_batch,
    lerp_by_tensor_,
    mature_count,
    merge_moments,
    part_step_size,
    settle_,
    side_by_side,
    step_size,
    total_weight,
)
from tune_bn.nn.options import UNSET, SingleValue, Variance, checked, momentum_of
from tune_bn.plain.checks import check_number

__all__ = ["RunningStatistics"]

# Above this decay, rounding of a float32 average adds up to more than about 1e-6 of its value.
_LONG_MEMORY = 0.99
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
# What a layer keeps beside them, none of it in its state_dict.
_KEPT = (
    "carry",
    "tracks",
    "track_steps",
    "kept_batches",
    "batches_skipped",
    "pooled_batches",
    "pooled_count",
    "pooled_mean",
    "pooled_var",
    "pool_base",
)
_IN_STATE = "tune_bn.tracks"  # the averages' place in a state_dict's metadata
_OPTIONS = ("momentum", "decays", "variance", "skip_nonfinite", "accumulate", "single_value")
# What decides how a step is made; all of it may be set between two steps.
_SWITCHES = frozenset((*_OPTIONS, "track_running_stats", "eps"))


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
    _counts: bool = True  # a training step moves the averages
    _is_plain: bool = False  # it does no more than that
    _is_settled: bool = True  # what is kept was made for these running statistics
    _put_aside: Mapping[str, Tensor | None] = MappingProxyType({})  # set to None, may come back
    tracks: Tensor  # (3, K, C): means, variances and their weight, by which they are not divided
    track_steps: Tensor  # (K, 1)
    kept_batches: Tensor  # the count that all this goes with
    batches_skipped: Tensor
    pooled_batches: Tensor
    pooled_count: Tensor
    pooled_mean: Tensor
    pooled_var: Tensor
    pool_base: Tensor  # (2, C): the running statistics without the pool

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
        """Sets this project's options and adds the buffers that they need; see ``EwaBatchNorm``."""
        name = type(self).__name__
        check_number(BatchNormError, name, "eps", self.eps, above=0)
        options = {
            "momentum": momentum_of(name, momentum, decay),
            "variance": variance,
            "single_value": single_value,
            "accumulate": accumulate,
            "decays": decays,
            "skip_nonfinite": skip_nonfinite,
        }
        # All are checked before one is set.
        for option, value in {k: checked(name, k, v) for k, v in options.items()}.items():
            super().__setattr__(option, value)
        self._buffers.pop("carry", None)  # of another decay
        self._register_statistics()

    def __setattr__(self, name: str, value: Any) -> None:
        """Sets an attribute; a switch acts from the next step on, as it does in torch's layers."""
        if name in _OPTIONS:
            value = checked(type(self).__name__, name, value)
        before = self.__dict__.get("_buffers", {}).get(name)
        super().__setattr__(name, value)
        if name in _SWITCHES:
            if name in ("decays", "accumulate", "skip_nonfinite"):
                self._register_statistics()
            self._choose_steps()
        elif name in _STATISTICS or name in _KEPT:
            if value is None:
                self._put_aside = {**self._put_aside, name: before}
                return
            is_known = value is before or value is self._put_aside.get(name)
            if not is_known and any(kept in self._buffers for kept in _KEPT):
                self.__dict__["_is_settled"] = False
                self._choose_steps()
                self._settle()

    @property
    def frozen(self) -> bool:
        """True lets training normalise by the running statistics and leave them alone."""
        return self._frozen

    @frozen.setter
    def frozen(self, value: bool) -> None:
        self._frozen = value
        self._choose_steps()

    @property
    def stats_paused(self) -> bool:
        """True lets training normalise by batch statistics and leave the averages alone."""
        return self._stats_paused

    @stats_paused.setter
    def stats_paused(self, value: bool) -> None:
        self._stats_paused = value
        self._choose_steps()

    def _choose_steps(self) -> None:
        """Works out from the switches how training steps are made, so that these need not."""
        state = self.__dict__
        if "track_running_stats" not in state:  # torch's constructor sets it last
            return
        state["_counts"] = (
            self.track_running_stats and self.momentum != 0 and not self._stats_paused
        )
        is_usual = (
            self._counts
            and self._is_settled
            and self.eps > 0
            and not (self.skip_nonfinite or self.accumulate > 1)
        )
        has_more = "kept_batches" in self._buffers
        state["_is_plain"] = is_usual and "carry" not in self._buffers
        is_graph = is_usual and not self._frozen
        state["_graph_step"] = ("more" if has_more else "running") if is_graph else ""

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        # In files from before frozen and stats_paused were properties they stand by these names,
        # and nothing tells how steps are made.
        renamed = {"frozen": "_frozen", "stats_paused": "_stats_paused"}
        super().__setstate__({renamed.get(k, k): v for k, v in state.items()})  # type: ignore[no-untyped-call] # untyped in torch
        self._take_over_kept()
        self._choose_steps()

    def _take_over_kept(self) -> None:
        """Brings what files of an earlier version keep into the present form."""
        buffers = self._buffers
        tracks, batches = buffers.get("tracks"), buffers.get("num_batches_tracked")
        if (
            "kept_batches" in buffers
            or batches is None
            or not {"carry", "tracks", "pooled_mean"} & {*buffers}
        ):
            return
        if tracks is not None:
            buffers["tracks"] = self._with_weights(tracks)
        if "pooled_mean" in buffers:
            mean, var = buffers["running_mean"], buffers["running_var"]
            assert mean is not None
            assert var is not None
            self.register_buffer("pool_base", torch.stack([mean, var]), persistent=False)
        self.register_buffer("kept_batches", batches.clone(), persistent=False)

    def _with_weights(self, tracks: Tensor) -> Tensor:
        """Returns tracks ``(2, K, C)`` of an earlier version, which went with the count, as now."""
        batches, steps = self._buffers["num_batches_tracked"], self._buffers["track_steps"]
        assert batches is not None
        assert steps is not None
        weights = total_weight(batches, steps)
        return torch.cat([tracks, weights.expand_as(tracks[0]).unsqueeze(0)])

    @property
    def decay(self) -> float:
        """Weight of the past in the running statistics: ``1 - momentum``, and 1 for None."""
        return 1.0 if self.momentum is None else 1.0 - self.momentum

    @decay.setter
    def decay(self, value: float) -> None:
        self.momentum = momentum_of(type(self).__name__, UNSET, value)

    def track(self, decay: float) -> tuple[Tensor, Tensor]:
        """Returns mean and variance ``(C,)``, bias-corrected, as averaged with one of ``decays``.

        Raises:
            BatchNormError: If that decay is not kept.
        """
        index = [i for i, d in enumerate(self.decays) if math.isclose(d, decay, rel_tol=1e-9)]
        if not index:
            raise BatchNormError(
                f"{type(self).__name__} needs one of the decays it keeps, {self.decays}, but got "
                f"{decay!r}. Name it in decays= when the layer is built."
            )
        self._settle()
        mean, var = self._divided(self._with_pool(self.tracks)[:, index[0]])
        return mean, var

    def use_track(self, decay: float) -> None:
        """Puts the average with one of ``decays`` in use, as the function ``select_decay`` does."""
        in_use = self.track(decay)
        if self.accumulate > 1:
            row = next(i for i, d in enumerate(self.decays) if math.isclose(d, decay, rel_tol=1e-9))
            self.pool_base.copy_(torch.stack(self._divided(self.tracks[:, row])))
        for running, value in zip(averages_in(self._buffers)[:2], in_use, strict=True):
            running.copy_(value)
        self.decay = decay

    def _with_pool(self, tracks: Tensor) -> Tensor:
        """Returns the tracks with what an incomplete pool holds, as the part of a batch it is."""
        if self.accumulate == 1:
            return tracks
        part = (self.pooled_batches / self.accumulate).to(tracks.dtype)
        values = self.pooled_count.to(tracks.dtype)
        pool = side_by_side(self.pooled_mean, self._in_units(self.pooled_var, values))
        return torch.where(
            part > 0,
            tracks.lerp(pool.expand_as(tracks), total_weight(part, self.track_steps)),
            tracks,
        )

    def _divided(self, track: Tensor) -> tuple[Tensor, Tensor]:
        """Returns mean and variance of one track, torch's start where it holds nothing."""
        mean, var, weight = track
        has_started = weight > 0
        divisor = torch.where(has_started, weight, 1)
        return torch.where(has_started, mean / divisor, 0), torch.where(
            has_started, var / divisor, 1
        )

    def _register_statistics(self) -> None:
        self.__dict__["_is_settled"] = False
        self.__dict__["_scratch"] = None
        self._settle()
        self._choose_steps()

    def _settle(self) -> None:
        """Makes what is kept fit the running statistics, in number, size and place, too."""
        mean, var, batches = (self._buffers.get(name) for name in _STATISTICS)
        if mean is None or var is None or torch.nn.parameter.is_lazy(mean):
            return
        if mean.shape != var.shape or not all(
            b is None or b.device == mean.device for b in (var, batches)
        ):
            return  # they are being set, one after the other
        if self._is_settled and self._fits(mean):
            if not mean.is_meta:
                self._settle_values()
        else:
            self._add_buffers(mean, var)
            # What is made on the meta device holds nothing yet.
            self.__dict__["_is_settled"] = not mean.is_meta
            self._settle_values()
            self._choose_steps()

    def _fits(self, mean: Tensor) -> bool:
        """Tells whether what is kept has the channels and the place of the running statistics."""
        get = self._buffers.get
        kept = get("kept_batches")
        if kept is None:
            return True
        if kept.device != mean.device:
            return False
        kinds = (get("carry"), get("tracks"), get("pool_base"))
        return all(t is None or t.shape[-1] == mean.shape[0] for t in kinds)

    def _settle_values(self) -> None:
        pool = (self.pooled_batches, self.pooled_count) if self.accumulate > 1 else None
        settle_(averages_in(self._buffers), self.momentum, pool)

    def _add_buffers(self, mean: Tensor, var: Tensor) -> None:
        """Adds what the options ask for, makes anew what does not fit, and drops the rest."""
        dtype = torch.float32 if _is_narrow(mean.dtype) else mean.dtype
        if mean.dtype != dtype:
            self._buffers["running_mean"], self._buffers["running_var"] = (
                mean.to(dtype),
                var.to(dtype),
            )
        size = mean.shape[0]
        wanted: dict[str, tuple[tuple[int, ...], torch.dtype]] = {}
        if self.decays:
            wanted["tracks"] = ((3, len(self.decays), size), dtype)
            wanted["track_steps"] = ((len(self.decays), 1), dtype)
        if "carry" in self._buffers or (self.decay > _LONG_MEMORY and dtype == torch.float32):
            wanted["carry"] = ((2, size), dtype)
        if self.accumulate > 1:
            wanted["pooled_batches"] = ((), torch.long)
            # An integer: torch 2.13 compiles what is written to a 0-d float64 wrongly.
            wanted["pooled_count"] = ((), torch.long)
            wanted["pooled_mean"] = wanted["pooled_var"] = ((size,), dtype)
            wanted["pool_base"] = ((2, size), dtype)
        if wanted:
            wanted["kept_batches"] = ((), torch.long)
        if self.skip_nonfinite:  # counts for itself
            wanted["batches_skipped"] = ((), torch.long)
        for name in _KEPT:
            old = self._buffers.get(name)
            if name not in wanted:
                self._buffers.pop(name, None)
                self._non_persistent_buffers_set.discard(name)
                continue
            shape, kind = wanted[name]
            if old is not None and (old.shape, old.dtype, old.device) == (shape, kind, mean.device):
                old.zero_()  # others may know the tensor
            else:
                with torch.inference_mode(False):  # what is made under it could not be used later
                    zeros = torch.zeros(shape, dtype=kind, device=mean.device)
                self._buffers.pop(name, None)
                self.register_buffer(name, zeros, persistent=False)
        self._set_track_steps()
        if "kept_batches" in wanted:
            self.kept_batches.fill_(-1)  # goes with no count: all is made anew

    def _set_track_steps(self) -> None:
        if "track_steps" in self._buffers:
            steps = [[1.0 - d] for d in self.decays]
            self.track_steps.copy_(torch.tensor(steps, dtype=torch.float64, device="cpu"))

    def _track(
        self,
        mean: Tensor,
        var: Tensor,
        count: Any,
        *,
        biased: bool,
        gate: Tensor | None,
    ) -> None:
        """Lets one batch enter the averages.

        Args:
            mean: ``(C,)``.
            var: ``(C,)``.
            count: Values per channel, a number or a tensor, at least 2 where the batch is to enter.
            biased: Tells which variance it is.
            gate: 0-d boolean, False leaves the batch out; None is True.
        """
        if not (self._is_settled and self._fits(mean)):
            self._settle()
        if gate is not None or self.skip_nonfinite or self.accumulate > 1:
            self._track_gated(mean, var if biased else var * (1 - 1 / count), count, gate)
            return
        if biased and self.variance == "unbiased":
            var = var * (count / (count - 1))
        elif not biased and self.variance == "biased":
            var = var.sub(var, alpha=1 / count)  # half the cost of a product
        enter_batch(averages_in(self._buffers), self.momentum, mean, var)

    def _track_gated(
        self, mean: Tensor, var: Tensor, count: int | Tensor, gate: Tensor | None
    ) -> None:
        """Lets one batch, of biased variance, enter if the options allow; without reading a value.

        Whether it enters is a tensor, not a branch, so compiled graphs stay whole.
        """
        enters = torch.ones((), dtype=torch.bool, device=mean.device) if gate is None else gate
        if self.skip_nonfinite:
            is_finite = torch.isfinite(mean).all() & torch.isfinite(var).all()
            self.batches_skipped.add_(enters & ~is_finite)
            enters = enters & is_finite
        values = torch.as_tensor(count, dtype=mean.dtype, device=mean.device)
        self._settle_values()
        if self.accumulate > 1:
            self._enter_pool(enters, values, mean, var)
        else:
            self._enter(enters, values, mean, var)

    def _enter_pool(self, enters: Tensor, values: Tensor, mean: Tensor, var: Tensor) -> None:
        """Lets a micro-batch enter the pool, and the pool the running statistics.

        They show it at once, as the part of a batch that it is; with the last micro-batch it
        enters for good.
        """
        running_mean, running_var, batches = averages_in(self._buffers)[:3]
        has_begun = self.pooled_batches > 0
        base = self.pool_base
        base.copy_(torch.where(has_begun, base, torch.stack([running_mean, running_var])))
        values, mean, var = merge_moments(
            self.pooled_count.to(mean.dtype),
            self.pooled_mean,
            self.pooled_var,
            # torch.where, since 0 × NaN is NaN.
            torch.where(enters, values, 0),
            torch.where(enters, mean, 0),
            torch.where(enters, var, 0),
        )
        self.pooled_batches.add_(enters)
        self.pooled_count.copy_(values)
        self.pooled_mean.copy_(mean)
        self.pooled_var.copy_(var)
        is_done = self.pooled_batches >= self.accumulate
        n = torch.zeros_like(self.pooled_batches) if batches is None else batches.clone()
        self._empty_pool(is_done)
        self._enter(is_done, values, mean, var)
        part = part_step_size(self.pooled_batches / self.accumulate, n, self.momentum, mean.dtype)
        for running, before, value in zip(
            (running_mean, running_var), base, (mean, self._in_units(var, values)), strict=True
        ):
            running.copy_(torch.where(is_done, running, before.lerp(value, part)))

    def _empty_pool(self, is_done: Tensor) -> None:
        """Takes the pool out of the running statistics and forgets it, if it is done with."""
        for running, before in zip(averages_in(self._buffers)[:2], self.pool_base, strict=True):
            running.copy_(torch.where(is_done, before, running))
        # The mean and variance of no values do not count, and may as well be averaged with
        # another layer's.
        self.pooled_batches.copy_(torch.where(is_done, 0, self.pooled_batches))
        self.pooled_count.copy_(torch.where(is_done, 0, self.pooled_count))

    def _in_units(self, var: Tensor, values: Tensor) -> Tensor:
        """Returns a biased variance in the units of the running one."""
        return var if self.variance == "biased" else var * values / (values - 1).clamp(min=1)

    def _enter(self, enters: Tensor, values: Tensor, mean: Tensor, var: Tensor) -> None:
        var = self._in_units(var, values)
        running_mean, running_var, batches, carry, tracks, track_steps, kept = averages_in(
            self._buffers
        )
        step: float | Tensor
        if batches is None:
            step = self.momentum or 0.0
        else:
            batches.add_(enters)
            if kept is not None:
                kept.copy_(batches)
            step = step_size(batches.clamp(min=1), self.momentum, mean.dtype)
        step = torch.as_tensor(step, dtype=mean.dtype, device=mean.device)
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
        """Lets an incomplete pool of micro-batches enter the averages as it is."""
        if self.accumulate > 1 and self.running_mean is not None:
            self._settle()
            values = self.pooled_count.to(self.pooled_mean.dtype)
            mean, var = self.pooled_mean.clone(), self.pooled_var.clone()
            enters = self.pooled_batches > 0
            self._empty_pool(enters)
            self._enter(enters, values, mean, var)

    def trust_stats(self) -> None:
        """Takes the running statistics as mature; see the function ``trust_stats``."""
        batches = self._buffers["num_batches_tracked"]
        if batches is None or self.running_mean is None:
            return  # without a count they always are
        self.flush()
        steps = (self.momentum, *(1.0 - d for d in self.decays))
        batches.clamp_(min=max(mature_count(step) for step in steps))
        self._settle()

    def reset_running_stats(self) -> None:
        """Forgets every batch: means 0, variances 1, counts and kept averages 0."""
        super().reset_running_stats()
        self._register_statistics()

    def _follow_running_statistics(self) -> None:
        """Lets what hangs on the running statistics follow them, after they were set directly."""
        if "kept_batches" in self._buffers and self.running_mean is not None:
            self.kept_batches.fill_(-1)
            self._settle_values()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> RunningStatistics:
        """Moves or casts as torch does, but never casts statistics below float32.

        A variance above 65504 would overflow in float16, and averages with a decay near 1 stop
        moving in bfloat16.
        """
        before = dict(self._buffers)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call] # untyped in torch
        for name, buffer in self._buffers.items():
            old = before[name]
            if buffer is None or old is None or torch.nn.parameter.is_lazy(buffer):
                continue
            if old.is_meta and not buffer.is_meta and name in _KEPT:
                self.__dict__["_is_settled"] = False  # it has been given memory and no value
            if _is_narrow(buffer.dtype):
                source = buffer if old.is_meta else old
                self._buffers[name] = source.to(buffer.device, torch.float32)
        self._set_track_steps()  # exactly, in the new precision
        self._choose_steps()
        return self

    def train(self, mode: bool = True) -> RunningStatistics:
        """Sets the mode; as in torch."""
        if not self._is_settled:  # before a compiler traces the first step
            self._settle()
        super().train(mode)
        return self

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        """Saves torch's keys, and the kept averages beside the version, where torch has room.

        What rebuilds the dictionary from its keys leaves them behind; what writes to its tensors
        does not know of them. So the statistics that they go with are saved with them.
        """
        super()._save_to_state_dict(destination, prefix, keep_vars)
        metadata = getattr(destination, "_metadata", {}).get(prefix[:-1])
        if metadata is not None and "tracks" in self._buffers:
            self._settle()
            kept = [self._buffers["tracks"], *(self._buffers[name] for name in _STATISTICS)]
            if all(b is not None and not b.is_meta for b in kept):
                metadata[_IN_STATE] = (self.decays, [b.detach().clone() for b in kept])  # type: ignore[union-attr] # none is None

    def _load_tracks(self, decays: Sequence[float], kept: Sequence[Tensor]) -> None:
        """Takes the averages that came with a state, if they go with its statistics."""
        tracks, *statistics = kept
        own = [self._buffers[name] for name in _STATISTICS]
        if (
            tuple(decays) == self.decays
            and tracks.shape == self.tracks.shape
            and statistics[2] >= 1
            and all(
                b is not None and not b.is_meta and torch.equal(b, saved.to(b))
                for b, saved in zip(own, statistics, strict=True)
            )
        ):
            self.tracks.copy_(tracks)

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
        has_count = prefix + "num_batches_tracked" in state_dict  # torch may add a 0
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )
        if prefix + "running_mean" in state_dict and self.running_mean is not None:
            batches = self._buffers["num_batches_tracked"]
            if not has_count and batches is not None:
                # The one that is there belongs to other statistics.
                if batches.is_meta:
                    batches = torch.zeros((), dtype=torch.long, device=self.running_mean.device)
                    self._buffers["num_batches_tracked"] = batches
                batches.zero_()
            self._register_statistics()
            if _IN_STATE in local_metadata and "tracks" in self._buffers:
                self._load_tracks(*local_metadata[_IN_STATE])

    def extra_repr(self) -> str:
        """Returns torch's line with our options that differ from their defaults."""
        base: str = super().extra_repr()  # type: ignore[no-untyped-call] # untyped in torch
        parts = [base, f"decay={self.decay:.12g}"]
        for option in ("decays", "variance", "skip_nonfinite", "accumulate", "single_value"):
            value = getattr(self, option)
            if value != getattr(RunningStatistics, option):
                parts.append(f"{option}={value!r}")
        return ", ".join(parts)


def _is_narrow(dtype: torch.dtype) -> bool:
    return dtype in (torch.float16, torch.bfloat16)
