"""How fast the batch-norm layers are beside torch's, measured fairly.

Both are timed in one run, in turns of a few milliseconds, on one thread; a row's ratio is the
median over the turns of (this layer's time / torch's time next to it), so that a machine that
slows down slows both. The clock is the thread's own processor time, which stands still while the
machine runs something else. Where in memory a layer, its input or its compiled graph came to lie
is worth a per cent or two for as long as they live, so all are made anew several times in a run,
each time in another order. The A/A rows do the same with a second layer of torch's: how far their
ratio is from 1 is what noise alone does. Nothing is left out and no best run is picked.

    python -m benchmarks batchnorm --out FILE  # --help tells the rest
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.rows import environment, write_rows
from tune_bn.nn import MLP, BatchNorm1d, BatchNorm2d, ConvNet, fold_batchnorm

__all__ = ["main", "paired_ratios", "run"]

SHAPES = ((128, 256), (4096, 512), (32, 64, 32, 32))
GOALS = {
    "forward + backward": 1.03,
    "eval forward": 1.00,
    "compiled forward + backward": 1.00,
    "compiled within a model": 1.00,
    "compiled between convolution and ReLU": 1.00,
}
TURN_S = 0.002  # long against the clock and a call's start, short against the machine's moods

Contender = tuple[str, Callable[[], object]]
Maker = tuple[str, Callable[[], Callable[[], object]]]  # a name and what makes its call anew


def run(
    out: Path,
    *,
    rounds: int = 200,
    copies: int = 8,
    seed: int = 0,
    compiled: bool = True,
    only: str = "",
) -> list[dict[str, Any]]:
    """Times every case, appends its rows to a JSON lines file and returns them.

    Args:
        out: file to append to; made if it is missing.
        rounds: turns per case, at least 2 for each copy; half of them in reverse order.
        copies: how often layers and inputs are made anew within a case.
        seed: of the inputs.
        compiled: time the compiled layers, too, which takes minutes of compiling.
        only: leave out the kinds of work without this in their names.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = []
    try:
        for case, goal, makers in _cases(seed, compiled=compiled):
            if only not in case["work"]:
                continue
            for name, ratios, base_s, own_s in _with_copies(makers, rounds=rounds, copies=copies):
                quartiles = statistics.quantiles(ratios, n=4)
                row = {
                    "bench": "batchnorm",
                    **case,
                    "subject": name,
                    "against": makers[0][0],
                    "ratio": round(quartiles[1], 4),
                    "quartiles": [round(quartiles[0], 4), round(quartiles[2], 4)],
                    "goal": None if "A/A" in name else goal,
                    "microseconds": [round(base_s * 1e6, 2), round(own_s * 1e6, 2)],
                    "rounds": len(ratios),
                    "copies": copies,
                    "seed": seed,
                }
                rows.append(row | environment())
                write_rows(out, [rows[-1]])
        for row in _memory(seed) if only in "memory" else ():
            rows.append(row | environment())
            write_rows(out, [rows[-1]])
    finally:
        torch.set_num_threads(threads)
    return rows


def _with_copies(
    makers: list[Maker], *, rounds: int, copies: int
) -> Iterator[tuple[str, list[float], float, float]]:
    """Yields what ``paired_ratios`` does, joined over contenders that were made several times."""
    ratios: dict[str, list[float]] = {name: [] for name, _ in makers[1:]}
    base: dict[str, list[float]] = {name: [] for name in ratios}
    own: dict[str, list[float]] = {name: [] for name in ratios}
    for copy in range(copies):
        torch._dynamo.reset()
        shift = copy % len(makers)
        made = {name: make() for name, make in (*makers[shift:], *makers[:shift])}
        baseline, *others = [(name, made[name]) for name, _ in makers]
        for name, some, base_s, own_s in paired_ratios(
            baseline, others, rounds=max(2, rounds // copies)
        ):
            ratios[name] += some
            base[name].append(base_s)
            own[name].append(own_s)
    for name in ratios:
        yield name, ratios[name], statistics.median(base[name]), statistics.median(own[name])


def paired_ratios(
    baseline: Contender, others: list[Contender], *, rounds: int
) -> Iterator[tuple[str, list[float], float, float]]:
    """Times contenders in turns and yields name, per-round ratios to the baseline, median seconds.

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
        for i in _order(turn, len(contenders)):
            times[i].append(_seconds(contenders[i][1], calls))
    for i in range(1, len(contenders)):
        ratios = [own / base for own, base in zip(times[i], times[0], strict=True)]
        yield (
            contenders[i][0],
            ratios,
            statistics.median(times[0]),
            statistics.median(times[i]),
        )


def _order(turn: int, n: int) -> list[int]:
    """Returns who runs when in a turn: everyone in every place, nobody after itself.

    Who follows itself finds its data in the cache.
    """
    if n == 2:
        return [0, 1]
    way = 1 if turn // n % 2 == 0 else -1
    return [way * (turn % n + i) % n for i in range(n)]


def _seconds(call: Callable[[], object], calls: int) -> float:
    call()  # not timed: it finds another's data in the cache
    start = time.thread_time()
    for _ in range(calls):
        call()
    return (time.thread_time() - start) / calls


def _cases(seed: int, *, compiled: bool) -> Iterator[tuple[dict[str, Any], float, list[Maker]]]:
    """Yields each case, its goal and what makes its contenders, torch's layer first."""
    for x, case in _inputs(seed):
        work = "forward + backward"
        yield case | {"work": work}, GOALS[work], _makers(x, _training)
        yield case | {"work": work}, 1.05, _makers(x, _training, _TRACKS)
        work = "eval forward"
        yield case | {"work": work}, GOALS[work], _makers(x, _inference)
        if compiled:
            uses = {
                "compiled forward + backward": _compiled_training,
                "compiled within a model": _compiled_within_model,
            }
            if x.dim() == 4:
                uses["compiled between convolution and ReLU"] = _compiled_block
            for work, use in uses.items():
                yield case | {"work": work}, GOALS[work], _makers(x, use)
    generator = torch.Generator().manual_seed(seed)
    for name, build, shape in (
        ("MLP", partial(MLP, 64, 10), (64, 64)),
        ("ConvNet", partial(ConvNet, (1, 8, 8), 10), (64, 1, 8, 8)),
    ):
        x = torch.randn(shape, generator=generator)
        model = build()
        model(x)
        whole = partial(_made, partial(deepcopy, model), x, _inference)
        folded = partial(_made, partial(fold_batchnorm, model), x, _inference)
        case = {"model": name, "shape": list(shape), "layout": "contiguous", "work": "eval forward"}
        yield case, 0.9, [("unfolded", whole), ("unfolded A/A", whole), ("folded", folded)]


def _memory(seed: int) -> Iterator[dict[str, Any]]:
    """Counts the bytes that a layer holds and that autograd saves for a backward pass."""
    for x, case in _inputs(seed):
        for name, make in {**_PAIR, "three decays": _three_decays}.items():
            layer = make(x)
            saved: dict[int, int] = {}

            def count(tensor: Tensor, saved: dict[int, int] = saved) -> Tensor:
                saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
                return tensor

            with torch.autograd.graph.saved_tensors_hooks(count, lambda t: t):
                output = layer(x)
            held = sum(t.nbytes for t in (*layer.parameters(), *layer.buffers()))
            together = getattr(getattr(layer, "_scratch", None), "together", None)
            held += 0 if together is None else together.nbytes
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


def _three_decays(x: Tensor) -> nn.Module:
    return _ours(x, decays=(0.9, 0.99, 0.999))


_PAIR = {"torch": _theirs, "torch A/A": _theirs, "tune_bn": _ours}
_TRACKS = {"tune_bn": _ours, "tune_bn A/A": _ours, "three decays": _three_decays}


def _makers(
    x: Tensor,
    use: Callable[[nn.Module, Tensor], Callable[[], object]],
    kinds: Mapping[str, Callable[[Tensor], nn.Module]] = _PAIR,
) -> list[Maker]:
    return [(name, partial(_made, partial(make, x), x, use)) for name, make in kinds.items()]


def _made(
    make: Callable[[], nn.Module],
    x: Tensor,
    use: Callable[[nn.Module, Tensor], Callable[[], object]],
) -> Callable[[], object]:
    return use(make(), x.clone(memory_format=torch.preserve_format))


def _training(layer: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], object]:
    x = x.requires_grad_()
    gradient = torch.ones_like(x)

    def step() -> None:
        x.grad = None
        layer(x).backward(gradient)  # type: ignore[no-untyped-call] # untyped in torch

    return step


def _compiled_training(layer: nn.Module, x: Tensor) -> Callable[[], object]:
    step = _training(torch.compile(layer, fullgraph=True), x)
    step()  # compiles
    return step


class _Model(nn.Module):
    """The least that a user compiles: torch.compile treats a bare layer of torch's by itself."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.layer(x)
        return output


def _compiled_within_model(layer: nn.Module, x: Tensor) -> Callable[[], object]:
    return _compiled_training(_Model(layer), x)


def _compiled_block(layer: nn.Module, x: Tensor) -> Callable[[], object]:
    channels = x.shape[1]
    convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    return _compiled_training(nn.Sequential(convolution, layer, nn.ReLU()), x)


def _inference(layer: nn.Module, x: Tensor) -> Callable[[], object]:
    layer = layer.eval()

    def call() -> None:
        with torch.no_grad():
            layer(x)

    return call


def main(arguments: list[str] | None = None) -> None:
    """Runs from the command line and prints one line a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-compiled", action="store_true")
    parser.add_argument("--only", default="", help="kinds of work with this in their names")
    args = parser.parse_args(arguments)
    for row in run(
        args.out,
        rounds=args.rounds,
        copies=args.copies,
        seed=args.seed,
        compiled=not args.no_compiled,
        only=args.only,
    ):
        where = (
            f"{row['work']:37} {row.get('model', '')!s:8} {row['shape']!s:18} {row['layout']:14}"
        )
        if "ratio" in row:
            print(f"{where} {row['subject']:13} {row['ratio']:.3f}  (goal {row['goal']})")
        else:
            held, saved = row["bytes_held"], row["bytes_saved_for_backward"]
            print(f"{where} {row['subject']:13} {held} held, {saved} saved for backward")


if __name__ == "__main__":
    main()
