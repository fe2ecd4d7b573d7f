"""What corrected averages are good for: short trainings on the digits, seconds to minutes in all.

Four parts, each with torch's layers trained beside these from the same weights on the same
batches, so that only what inference uses differs:

``steps``: steps to 90 % validation accuracy with and without batch norm, over learning rates.
``early``: test accuracy after few steps, with torch's statistics, with these, with the batch's.
``rungs``: rank correlation of a tuner's early rungs with the final ranking, random configurations;
the final loss with the layer's "own" statistics, or with the "exact" ones of all training rows.
``decay``: the decay picked on validation rows after the run against fixed ones.

By construction: a normalised unit's input keeps its mean and variance, and one corrected batch is
an unbiased start. Measured: everything in the rows. That stable moments cause the speed is not
claimed (Santurkar et al. 2018 found otherwise).

    python -m benchmarks inference-stats --out FILE [--configurations 64] [--seeds 5]
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.rows import environment, write_rows
from tune_bn.nn import MLP, best_decay, no_stats_update, recalibrate, select_decay, to_torch
from tune_bn.training import Dataset, Split, load_dataset

__all__ = ["main", "run", "spearman"]

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
DECAYS = (0.9, 0.99, 0.999)
KEPT = (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
STEPS = (5, 10, 20, 50, 200)
RUNGS = (10, 30, 90)
FINAL = 400
PARTS = ("steps", "early", "rungs", "decay")
LONGEST = 600  # steps of the runs to 90 %; half of it for picking a decay


def run(
    out: Path,
    *,
    configurations: int = 64,
    seeds: int = 5,
    seed: int = 0,
    parts: Sequence[str] = PARTS,
) -> list[dict[str, Any]]:
    """Measures the four parts, appends their rows to a JSON lines file and returns them.

    Args:
        out: file to append to; made if it is missing.
        configurations: random configurations of the part on rungs, at least 3.
        seeds: repetitions of the other parts.
        seed: of the split of the data and of the configurations.
        parts: which of the four to measure.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    data = load_dataset("digits", seed=seed)
    rows = []
    try:
        found = {
            "steps": _steps_to_90(data, seeds),
            "early": _early(data, seeds),
            "rungs": _rungs(data, configurations, seed),
            "decay": _decay(data, seeds),
        }
        for part in parts:
            for row in found[part]:
                rows.append(
                    {"bench": "inference-stats", "part": part, **row, "split": seed} | environment()
                )
                write_rows(out, [rows[-1]])
    finally:
        torch.set_num_threads(threads)
    return rows


def _steps_to_90(data: Dataset, seeds: int) -> Iterator[dict[str, Any]]:
    for activation in ("relu", "sigmoid"):
        for norm in ("none", "before_activation"):
            for rate in RATES:
                steps = []
                for seed in range(seeds):
                    model = _network(data, seed, depth=5, activation=activation, norm=norm)
                    reached = None
                    for step in _train(model, data, rate=rate, steps=LONGEST, seed=seed):
                        if step % 10 == 0 and _scores(model, data.validation)["accuracy"] >= 0.9:
                            reached = step
                            break
                    steps.append(reached)
                yield {
                    "activation": activation,
                    "norm": norm,
                    "learning_rate": rate,
                    "steps": steps,
                }


def _early(data: Dataset, seeds: int) -> Iterator[dict[str, Any]]:
    for decay in DECAYS:
        found: dict[tuple[int, str], list[float]] = {}
        for seed in range(seeds):
            for kind in ("torch", "corrected"):
                model = _network(data, seed, depth=2, decay=decay)
                model = to_torch(model) if kind == "torch" else model
                for step in _train(model, data, rate=0.1, steps=STEPS[-1], seed=seed):
                    if step in STEPS:
                        accuracy = _scores(model, data.test)["accuracy"]
                        found.setdefault((step, kind), []).append(accuracy)
                        if kind == "corrected":
                            by_batch = _scores_by_batch(model, data.test)
                            found.setdefault((step, "batch"), []).append(by_batch)
        for (step, kind), accuracies in sorted(found.items()):
            yield {
                "decay": decay,
                "step": step,
                "statistics": kind,
                "accuracy": _rounded(accuracies),
            }


def _rungs(data: Dataset, configurations: int, seed: int) -> Iterator[dict[str, Any]]:
    generator = torch.Generator().manual_seed(seed)
    losses: dict[tuple[str, int], list[float]] = {}
    exact: list[float] = []  # both kinds end with the same weights
    for index in range(configurations):
        a, b, c = torch.rand(3, generator=generator).tolist()
        rate, width, decay = 10 ** (-3 + 3 * a), round(16 * 8**b), 1 - 10 ** (-1 - 2 * c)
        for kind in ("torch", "corrected"):
            model = _network(data, index, depth=2, width=width, decay=decay)
            model = to_torch(model) if kind == "torch" else model
            for step in _train(model, data, rate=rate, steps=FINAL, seed=index):
                if step in (*RUNGS, FINAL):
                    loss = _scores(model, data.validation)["loss"]
                    losses.setdefault((kind, step), []).append(loss)
        recalibrate(model, [data.train.x])
        exact.append(_scores(model, data.validation)["loss"])
    for kind, rung, final in itertools.product(("torch", "corrected"), RUNGS, ("own", "exact")):
        last = exact if final == "exact" else losses[kind, FINAL]
        pairs = torch.tensor([losses[kind, rung], last], dtype=torch.float64)
        low, high = _bootstrap(pairs, seed)
        yield {
            "statistics": kind,
            "rung": rung,
            "final": FINAL,
            "final_statistics": final,
            "configurations": configurations,
            "spearman": round(spearman(pairs[0], pairs[1]), 3),
            "interval_95": [low, high],
        }


def _decay(data: Dataset, seeds: int) -> Iterator[dict[str, Any]]:
    settings = [
        ("constant", 0.1, 64), ("constant", 0.5, 64), ("cosine", 0.1, 64),
        ("constant", 0.03, 8), ("cosine", 0.03, 8),
    ]  # fmt: skip
    for schedule, rate, batch_size in settings:
        picked, losses, fixed = [], [], {decay: [] for decay in KEPT}  # type: ignore[var-annotated]
        for seed in range(seeds):
            model = _network(data, seed, depth=2, decays=KEPT)
            for _ in _train(
                model, data, rate=rate, steps=LONGEST // 2, seed=seed, schedule=schedule,
                batch_size=batch_size,
            ):  # fmt: skip
                pass
            for decay in KEPT:
                select_decay(model, decay)
                fixed[decay].append(_scores(model, data.test)["loss"])
            picked.append(best_decay(model, lambda m: _scores(m, data.validation)["loss"]))
            losses.append(_scores(model, data.test)["loss"])
        yield {
            "schedule": schedule,
            "learning_rate": rate,
            "batch_size": batch_size,
            "picked": picked,
            "test_loss_picked": _rounded(losses),
            "test_loss_fixed": {str(decay): _rounded(fixed[decay]) for decay in KEPT},
        }


def _network(data: Dataset, seed: int, **options: Any) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MLP(data.n_features, data.n_outputs, **({"width": 64} | options))


def _train(
    model: nn.Module,
    data: Dataset,
    *,
    rate: float,
    steps: int,
    seed: int,
    batch_size: int = 64,
    schedule: str = "constant",
) -> Iterator[int]:
    """Trains with momentum 0.9 and yields the number of steps done, after each."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    x, y = data.train.x, data.train.y
    order = torch.empty(0, dtype=torch.long)
    for step in range(1, steps + 1):
        if len(order) < batch_size:
            order = torch.randperm(len(x), generator=generator)
        rows, order = order[:batch_size], order[batch_size:]
        if schedule == "cosine":
            share = 0.5 * (1 + math.cos(math.pi * (step - 1) / steps))
            optimiser.param_groups[0]["lr"] = rate * share
        model.train()
        optimiser.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call] # torch's
        optimiser.step()
        yield step


def _scores(model: nn.Module, split: Split) -> dict[str, float]:
    model.eval()
    with torch.no_grad():
        return _of(model(split.x), split.y)


def _scores_by_batch(model: nn.Module, split: Split) -> float:
    """Returns the accuracy with the statistics of the rows themselves, the reference."""
    model.train()
    with torch.no_grad(), no_stats_update(model):
        return _of(model(split.x), split.y)["accuracy"]


def _of(z: Tensor, y: Tensor) -> dict[str, float]:
    loss = F.cross_entropy(z, y).item()
    accuracy = (z.argmax(1) == y).double().mean().item()
    return {"loss": loss if math.isfinite(loss) else math.inf, "accuracy": accuracy}


def spearman(a: Tensor, b: Tensor) -> float:
    """Returns the rank correlation of two vectors; ties share their mean rank, NaN is not allowed.

    Example:
        >>> spearman(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([10.0, 30.0, 20.0]))
        0.5
    """
    ranks = [
        (v[:, None] > v).sum(1).double() + ((v[:, None] == v).sum(1).double() - 1) / 2
        for v in (a, b)
    ]
    return round(torch.corrcoef(torch.stack(ranks))[0, 1].item(), 12)


def _bootstrap(pairs: Tensor, seed: int) -> tuple[float, float]:
    """Returns the central 95 % of the correlation over 1000 resamples of the configurations."""
    generator = torch.Generator().manual_seed(seed)
    n = pairs.shape[1]
    values = []
    for _ in range(1000):
        chosen = torch.randint(n, (n,), generator=generator)
        values.append(spearman(pairs[0, chosen], pairs[1, chosen]))
    low, high = torch.tensor(values).nanquantile(torch.tensor([0.025, 0.975])).tolist()
    return round(low, 3), round(high, 3)


def _rounded(values: list[float]) -> list[float]:
    return [round(v, 4) for v in values]


def main(arguments: list[str] | None = None) -> None:
    """Runs from the command line and prints the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--configurations", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    args = parser.parse_args(arguments)
    rows = run(
        args.out,
        configurations=args.configurations,
        seeds=args.seeds,
        seed=args.seed,
        parts=args.parts,
    )
    machine = environment().keys() | {"bench", "split"}
    for row in rows:
        print({key: value for key, value in row.items() if key not in machine})


if __name__ == "__main__":
    main()
