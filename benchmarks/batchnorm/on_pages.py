"""The pages' tables of the batch-norm layers, made from rows."""

import math
import statistics
from collections.abc import Callable

from benchmarks.markdown import table
from benchmarks.rows import Row, latest, rows_of

__all__ = ["TABLES"]


def batchnorm() -> str:
    """Returns how long a layer takes, as a multiple of its peer's time in the same run."""
    rows = [r for r in rows_of("batchnorm") if "ratio" in r]
    rows = latest(
        rows,
        lambda r: (r["work"], str(r["shape"]), r["layout"], r.get("model"), r["subject"]),
    )
    noise = {
        (r["work"], str(r["shape"]), r["layout"], r.get("model"), r["against"]): r["ratio"]
        for r in rows
        if "A/A" in r["subject"]
    }
    body = []
    for r in rows:
        if "A/A" in r["subject"]:
            continue
        case = (r["work"], str(r["shape"]), r["layout"], r.get("model"), r["against"])
        shape = ", ".join(map(str, r["shape"]))
        layout = " channels_last" if r["layout"] == "channels_last" else ""
        what = f"`{r['model']}` " if r.get("model") else ""
        body.append(
            (
                r["work"],
                f"{what}({shape}){layout}",
                f"{r['subject']} / {r['against']}",
                f"{r['ratio']:.2f}",
                f"{noise[case]:.2f}" if case in noise else "",
                f"{r['goal']:g}",
            )
        )
    return table(["work", "input", "compared", "time ×", "same against itself ×", "goal ×"], body)


_LAYERS = {
    "forward + backward": "training",
    "compiled within a model": "training, compiled",
    "eval forward": "inference",
}


def _ratios_of_layers() -> dict[tuple[str, str, str, str], float]:
    """Returns each latest ratio of a layer by shape, layout, work and subject."""
    return {
        (str(r["shape"]), r["layout"], r["work"], r["subject"]): r["ratio"]
        for r in rows_of("batchnorm")
        if r["work"] in _LAYERS and r.get("model") is None
    }


def layers() -> str:
    """Returns the same in short: an input a line, a kind of work a column."""
    ratios = _ratios_of_layers()
    body = []
    for shape, layout in dict.fromkeys((shape, layout) for shape, layout, *_ in ratios):
        cells = [f"{ratios[shape, layout, work, 'tune_bn']:.2f}" for work in _LAYERS]
        three = ratios[shape, layout, "forward + backward", "three decays"]
        name = f"({shape[1:-1]}){' channels_last' * (layout == 'channels_last')}"
        body.append([name, *cells, f"{three:.2f}"])
    return table(["input", *_LAYERS.values(), "three decays beside one"], body)


def noise_of_layers() -> str:
    """Returns how far a layer against itself is from 1 at most, in the rows of that table."""
    ratios = [ratio for (*_, subject), ratio in _ratios_of_layers().items() if "A/A" in subject]
    return f"{math.ceil(100 * max(abs(ratio - 1) for ratio in ratios)) / 100:.2f}"


def beyond_goals() -> str:
    """Returns which layers take longer than they should, and by how much."""
    rows = latest(
        (r for r in rows_of("batchnorm") if r.get("goal") is not None),
        lambda r: (r["work"], str(r["shape"]), r["layout"], r.get("model"), r["subject"]),
    )
    found = [
        f"{'three decays' if 'three' in r['subject'] else r['work']} at "
        f"({', '.join(map(str, r['shape']))}){' channels_last' * (r['layout'] == 'channels_last')} "
        f"by {round(r['ratio'], 2) - r['goal']:.2f}"
        for r in rows
        if round(r["ratio"], 2) > r["goal"]
    ]
    return "; ".join(found) or "none"


def early() -> str:
    """Returns the test accuracy after the first steps, with torch's and corrected statistics."""
    rows = [r for r in rows_of("inference_stats") if r["part"] == "early"]
    rows = latest(rows, lambda r: (r["decay"], r["step"], r["statistics"]))
    mean = {(r["step"], r["decay"], r["statistics"]): statistics.mean(r["accuracy"]) for r in rows}
    decays = sorted({r["decay"] for r in rows})
    body = []
    for step in sorted({r["step"] for r in rows}):
        cells = [f"{mean[step, d, 'torch']:.2f} → {mean[step, d, 'corrected']:.2f}" for d in decays]
        body.append([step, *cells, f"{mean[step, decays[0], 'batch']:.2f}"])
    return table(["steps", *(f"decay {d:g}" for d in decays), "batch statistics"], body)


def rungs() -> str:
    """Returns how well the ranking at a rung foretells the final one."""
    rows = [r for r in rows_of("inference_stats") if r["part"] == "rungs"]
    rows = latest(
        rows, lambda r: (r["split"], r["rung"], r["statistics"], r.get("final_statistics"))
    )
    found = {(r["split"], r["rung"], r["statistics"], r["final_statistics"]): r for r in rows}

    def cell(split: int, rung: int, final: str) -> str:
        torch, ours = (found[split, rung, k, final] for k in ("torch", "corrected"))
        return f"{torch['spearman']:.2f} → {ours['spearman']:.2f} (± {_half(torch):.2f})"

    def _half(row: Row) -> float:
        low, high = row["interval_95"]
        return float(high - low) / 2

    cases = sorted({(r["split"], r["rung"]) for r in rows})
    body = [
        [f"{split + 1}", rung, cell(split, rung, "exact"), cell(split, rung, "own")]
        for split, rung in cases
    ]
    head = ["set", "steps at the rung", "end with exact statistics", "end with the layer's own"]
    return table(head, body)


def steps() -> str:
    """Returns how many steps a network needs to 90 % validation accuracy, by learning rate."""
    rows = [r for r in rows_of("inference_stats") if r["part"] == "steps"]
    rows = latest(rows, lambda r: (r["activation"], r["norm"], r["learning_rate"]))
    rates = sorted({r["learning_rate"] for r in rows})
    found = {(r["activation"], r["norm"], r["learning_rate"]): r["steps"] for r in rows}

    def cell(steps: list[int | None]) -> str:
        reached = [n for n in steps if n is not None]
        if len(reached) == len(steps):
            return f"{statistics.median(reached):.0f}"
        return f"{len(reached)} of {len(steps)} runs" if reached else "never"

    body = []
    for activation, norm in dict.fromkeys((a, n) for a, n, _ in found):
        what = "without" if norm == "none" else "batch norm"
        body.append(
            [f"{activation}, {what}", *(cell(found[activation, norm, rate]) for rate in rates)]
        )
    return table(["network", *(f"{rate:g}" for rate in rates)], body)


def decays() -> str:
    """Returns the test loss with the decay picked after a run beside that of fixed ones."""
    rows = [r for r in rows_of("inference_stats") if r["part"] == "decay"]
    rows = latest(rows, lambda r: (r["schedule"], r["learning_rate"], r["batch_size"]))
    fixed = ("0.9", "0.99", "0.999")
    body = [
        [
            f"{r['schedule']}, {r['learning_rate']:g}",
            r["batch_size"],
            f"{statistics.mean(r['test_loss_picked']):.3f}",
            *(f"{statistics.mean(r['test_loss_fixed'][d]):.3f}" for d in fixed),
        ]
        for r in rows
    ]
    head = ["learning rate", "batch size", "picked after the run"]
    return table([*head, *(f"fixed {d}" for d in fixed)], body)


TABLES: dict[str, Callable[[], str]] = {
    "batchnorm": batchnorm,
    "layers": layers,
    "noise-of-layers": noise_of_layers,
    "beyond-goals": beyond_goals,
    "early": early,
    "rungs": rungs,
    "steps": steps,
    "decays": decays,
}
