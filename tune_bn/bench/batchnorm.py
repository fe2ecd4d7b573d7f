"""How fast the batch-norm layers are beside torch's, measured fairly.

Both are timed in one run, in turns of a few milliseconds, on one thread; a row's ratio is the
median over the turns of (this layer's time / torch's time next to it), so that a machine that
slows down slows both. The clock is the thread's own processor time, which stands still while the
machine runs something else. The A/A rows do the same with a second layer of torch's: how far
their ratio is from 1 is what noise alone does. Nothing is left out and no best run is picked.

    python -m tune_bn.bench.batchnorm --out FILE [--rounds 200] [--no-compiled]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tune_bn.nn import MLP, BatchNorm1d, BatchNorm2d, ConvNet, fold_batchnorm

from .rows import environment, write_rows

__all__ = ["main", "paired_ratios", "run"]

SHAPES = ((128, 256), (4096, 512), (32, 64, 32, 32))
GOALS = {"forward + backward": 1.03, "eval forward": 1.00, "compiled forward + backward": 1.00}
SMALL_GOAL = 1.15  # forward + backward at (128, 256), where a call's fixed cost shows
TURN_S = 0.002  # long against the clock and a call's start, short against the machine's moods

Contender = tuple[str, Callable[[], object]]


def run(
    out: Path, *, rounds: int = 200, seed: int = 0, compiled: bool = True
) -> list[dict[str, Any]]:
    """Time every case, append its rows to a JSON lines file and return them.

    Args:
        out: file to append to; made if it is missing.
        rounds: turns per case; half of them in reverse order.
        seed: of the inputs.
        compiled: time the compiled layers, too, which takes a minute or more of compiling.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = []
    try:
        for case, goal, contenders in _cases(seed, compiled=compiled):
            baseline, *others = contenders
            for name, ratios, base_s, own_s in paired_ratios(baseline, others, rounds=rounds):
                quartiles = statistics.quantiles(ratios, n=4)
                row = {
                    "bench": "batchnorm",
                    **case,
                    "subject": name,
                    "against": baseline[0],
                    "ratio": round(quartiles[1], 4),
                    "quartiles": [round(quartiles[0], 4), round(quartiles[2], 4)],
                    "goal": None if "A/A" in name else goal,
                    "microseconds": [round(base_s * 1e6, 2), round(own_s * 1e6, 2)],
                    "rounds": rounds,
                    "seed": seed,
                }
                rows.append(row | environment())
                write_rows(out, [rows[-1]])
        for row in _memory(seed):
            rows.append(row | environment())
            write_rows(out, [rows[-1]])
    finally:
        torch.set_num_threads(threads)
    return rows


def paired_ratios(
    baseline: Contender, others: list[Contender], *, rounds: int
) -> Iterator[tuple[str, list[float], float, float]]:
    """Time contenders in turns and yield name, per-round ratios to the baseline, median seconds.

    Args:
        baseline: what the others are divided by.
        others: names and calls; each is timed next to the baseline in every round.
        rounds: at least 2.
    """
    contenders = [baseline, *others]
    for _, call in contenders:
        for _ in range(3):
            call()
    # Every contender runs as often as fills a turn of the slowest.
    longest = max(_seconds(call, 3) for _, call in contenders)
    calls = max(1, round(TURN_S / longest))
    times: list[list[float]] = [[] for _ in contenders]
    for turn in range(rounds):
        order = range(len(contenders)) if turn % 2 == 0 else reversed(range(len(contenders)))
        for i in order:
            times[i].append(_seconds(contenders[i][1], calls))
    for i in range(1, len(contenders)):
        ratios = [own / base for own, base in zip(times[i], times[0], strict=True)]
        yield (
            contenders[i][0],
            ratios,
            statistics.median(times[0]),
            statistics.median(times[i]),
        )


def _seconds(call: Callable[[], object], calls: int) -> float:
    call()  # not timed: whoever follows itself, as at a turn's ends, finds its data in the cache
    start = time.thread_time()
    for _ in range(calls):
        call()
    return (time.thread_time() - start) / calls


def _cases(seed: int, *, compiled: bool) -> Iterator[tuple[dict[str, Any], float, list[Contender]]]:
    """Yield each case, its goal and its contenders, torch's layer first."""
    for x, case in _inputs(seed):
        is_small = x.shape == SHAPES[0]
        pair = _layers(x)
        goal = SMALL_GOAL if is_small else GOALS["forward + backward"]
        work = "forward + backward"
        yield case | {"work": work}, goal, [(n, _training(m, x)) for n, m in pair]
        three = _ours(x, decays=(0.9, 0.99, 0.999))
        tracks = [("tune_bn", _ours(x)), ("tune_bn A/A", _ours(x)), ("three decays", three)]
        yield case | {"work": work}, 1.05, [(n, _training(m, x)) for n, m in tracks]
        work = "eval forward"
        yield case | {"work": work}, GOALS[work], [(n, _inference(m, x)) for n, m in pair]
        if compiled:
            work = "compiled forward + backward"
            torch._dynamo.reset()
            optimised = [(n, torch.compile(m, fullgraph=True)) for n, m in pair]
            yield case | {"work": work}, GOALS[work], [(n, _training(m, x)) for n, m in optimised]
    generator = torch.Generator().manual_seed(seed)
    for name, model, shape in (
        ("MLP", MLP(64, 10), (64, 64)),
        ("ConvNet", ConvNet((1, 8, 8), 10), (64, 1, 8, 8)),
    ):
        x = torch.randn(shape, generator=generator)
        model(x)
        folded = fold_batchnorm(model)
        contenders = [
            ("unfolded", _inference(model, x)),
            ("unfolded A/A", _inference(model, x)),
            ("folded", _inference(folded, x)),
        ]
        case = {"model": name, "shape": list(shape), "layout": "contiguous", "work": "eval forward"}
        yield case, 0.9, contenders


def _memory(seed: int) -> Iterator[dict[str, Any]]:
    """Count the bytes that a layer holds and that autograd saves for a backward pass."""
    for x, case in _inputs(seed):
        for name, layer in (*_layers(x), ("three decays", _ours(x, decays=(0.9, 0.99, 0.999)))):
            saved: dict[int, int] = {}

            def count(tensor: Tensor, saved: dict[int, int] = saved) -> Tensor:
                saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
                return tensor

            with torch.autograd.graph.saved_tensors_hooks(count, lambda t: t):
                output = layer(x)
            held = sum(t.nbytes for t in (*layer.parameters(), *layer.buffers()))
            scratch = getattr(layer, "_scratch", None)
            held += 0 if scratch is None else scratch[1].nbytes
            del output
            yield {
                "bench": "batchnorm", **case, "work": "memory", "subject": name, "bytes_held": held,
                "bytes_saved_for_backward": sum(saved.values()), "seed": seed,
            }  # fmt: skip


def _inputs(seed: int) -> Iterator[tuple[Tensor, dict[str, Any]]]:
    generator = torch.Generator().manual_seed(seed)
    for shape in SHAPES:
        x = torch.randn(shape, generator=generator)
        yield x, {"shape": list(shape), "layout": "contiguous"}
    last = x.to(memory_format=torch.channels_last)
    yield last, {"shape": list(last.shape), "layout": "channels_last"}


def _theirs(x: Tensor) -> nn.Module:
    return (nn.BatchNorm1d if x.dim() == 2 else nn.BatchNorm2d)(x.shape[1])


def _ours(x: Tensor, **options: Any) -> nn.Module:
    return (BatchNorm1d if x.dim() == 2 else BatchNorm2d)(x.shape[1], **options)


def _layers(x: Tensor) -> list[tuple[str, nn.Module]]:
    return [("torch", _theirs(x)), ("torch A/A", _theirs(x)), ("tune_bn", _ours(x))]


def _training(layer: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], object]:
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    gradient = torch.ones_like(x)

    def step() -> None:
        x.grad = None
        layer(x).backward(gradient)  # type: ignore[no-untyped-call] # untyped in torch

    return step


def _inference(layer: nn.Module, x: Tensor) -> Callable[[], object]:
    layer = layer.eval()

    def call() -> None:
        with torch.no_grad():
            layer(x)

    return call


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line and print one line a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-compiled", action="store_true")
    args = parser.parse_args(arguments)
    for row in run(args.out, rounds=args.rounds, seed=args.seed, compiled=not args.no_compiled):
        where = (
            f"{row['work']:28} {row.get('model', '')!s:8} {row['shape']!s:18} {row['layout']:14}"
        )
        if "ratio" in row:
            print(f"{where} {row['subject']:13} {row['ratio']:.3f}  (goal {row['goal']})")
        else:
            held, saved = row["bytes_held"], row["bytes_saved_for_backward"]
            print(f"{where} {row['subject']:13} {held} held, {saved} saved for backward")


if __name__ == "__main__":
    main()
