"""The tables of README and docs, made from the rows: ``python -m benchmarks pages``.

Each function below makes one (`benchmarks.markdown`), from the latest row of every case.
"""

import argparse
import json
import math
import statistics
from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.markdown import filled, table
from benchmarks.problems.suites import TEST
from benchmarks.rows import RESULTS
from benchmarks.search.goals import PROBLEMS, found
from benchmarks.search.goals import TABLES as OF_SEARCH
from benchmarks.tool.tables import summary as of_tables

__all__ = ["TABLES", "fill", "main"]

Row = dict[str, Any]


def _rows(name: str) -> list[Row]:
    file = RESULTS / f"{name}.jsonl"
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def _latest(rows: Iterable[Row], key: Callable[[Row], Hashable]) -> list[Row]:
    """Returns the last row of every case, in the order in which the cases first came."""
    found: dict[Hashable, Row] = {}
    for row in rows:
        found[key(row)] = row
    return list(found.values())


def overhead() -> str:
    """Returns the cost of the sampler, as a multiple of its peer's in the same round."""
    rows = _latest(_rows("overhead"), lambda r: (r["storage"], r["trials"], r["space"], r["peer"]))
    body = [
        (
            r["storage"],
            f"{r['trials']:,}",
            r["space"],
            f"`{r['peer']}`",
            f"{r['cpu_ratio']:.2f}",
            f"{r['wall_ratio']:.2f}",
            f"{r['promised']:g}",
            f"{r['memory_ratio']:.2f}" if "memory_ratio" in r else "",
        )
        for r in rows
    ]
    head = ["storage", "trials", "space", "beside", "CPU time ×", "wall time ×", "promised ×"]
    return table([*head, "memory ×"], body)


def _dearest(peer: str) -> Row:
    """Returns the row of five floats in memory in which a trial costs most beside a peer's."""
    rows = _latest(_rows("overhead"), lambda r: (r["storage"], r["trials"], r["space"], r["peer"]))
    alike = [
        r for r in rows if (r["peer"], r["storage"], r["space"]) == (peer, "memory", "5 floats")
    ]
    return max(alike, key=lambda r: float(r["cpu_ratio"]))


def cost_of_random() -> str:
    """Returns what a trial costs beside `RandomSampler`'s, where it costs most."""
    return f"{_dearest('RandomSampler')['cpu_ratio']:.1f}"


def cost_of_tpe() -> str:
    """Returns how many times as much a trial of `TPESampler` costs."""
    return f"{1 / _dearest('TPESampler')['cpu_ratio']:.0f}"


def demo() -> str:
    """Returns the test accuracy of the main job on digits, for each seed."""
    rows = _latest(_rows("demo"), lambda r: (r["data"], r["seed"], r["trials"]))
    body = [
        (
            r["seed"],
            f"{r['test']:.4f}",
            f"{r['default_test']:.4f}",
            f"{r['linear_test']:.4f}",
            f"{r['trials_per_minute']:.0f}",
            _machine(r),
        )
        for r in rows
    ]
    head = ["seed", "chosen network", "default network", "logistic regression"]
    return table([*head, "trials a minute", "on"], body)


def _machine(row: Row) -> str:
    """Returns the CPU that a row was measured on, "" if it does not say."""
    machine = row.get("machine") or ""
    return str(machine["processor"] if isinstance(machine, dict) else machine)


def machines() -> str:
    """Returns which machines the rows of each file come from."""
    body = []
    for file in sorted(RESULTS.rglob("*.jsonl")):
        rows = _rows(str(file.relative_to(RESULTS).with_suffix("")))
        known = dict.fromkeys(name for r in rows if (name := _machine(r)))
        name = f"{file.parent.name}/*.jsonl" if file.parent != RESULTS else file.name
        body.append((f"`{name}`", known))
    found: dict[str, dict[str, None]] = {}
    for name, known in body:
        found.setdefault(name, {}).update(known)
    return table(["rows", "machines"], [(n, "; ".join(known)) for n, known in found.items()])


def batchnorm() -> str:
    """Returns how long a layer takes, as a multiple of its peer's time in the same run."""
    rows = [r for r in _rows("batchnorm") if "ratio" in r]
    rows = _latest(
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


def layers() -> str:
    """Returns the same in short: an input a line, a kind of work a column."""
    works = {
        "forward + backward": "training",
        "compiled within a model": "training, compiled",
        "eval forward": "inference",
    }
    ratios = {
        (str(r["shape"]), r["layout"], r["work"], r["subject"]): r["ratio"]
        for r in _rows("batchnorm")
        if "ratio" in r and r.get("model") is None
    }
    body = []
    for shape, layout in dict.fromkeys((shape, layout) for shape, layout, *_ in ratios):
        cells = [f"{ratios[shape, layout, work, 'tune_bn']:.2f}" for work in works]
        three = ratios[shape, layout, "forward + backward", "three decays"]
        name = f"({shape[1:-1]}){' channels_last' * (layout == 'channels_last')}"
        body.append([name, *cells, f"{three:.2f}"])
    return table(["input", *works.values(), "three decays beside one"], body)


def early() -> str:
    """Returns the test accuracy after the first steps, with torch's and corrected statistics."""
    rows = [r for r in _rows("inference_stats") if r["part"] == "early"]
    rows = _latest(rows, lambda r: (r["decay"], r["step"], r["statistics"]))
    mean = {(r["step"], r["decay"], r["statistics"]): statistics.mean(r["accuracy"]) for r in rows}
    decays = sorted({r["decay"] for r in rows})
    body = []
    for step in sorted({r["step"] for r in rows}):
        cells = [f"{mean[step, d, 'torch']:.2f} → {mean[step, d, 'corrected']:.2f}" for d in decays]
        body.append([step, *cells, f"{mean[step, decays[0], 'batch']:.2f}"])
    return table(["steps", *(f"decay {d:g}" for d in decays), "batch statistics"], body)


def rungs() -> str:
    """Returns how well the ranking at a rung foretells the final one."""
    rows = [r for r in _rows("inference_stats") if r["part"] == "rungs"]
    rows = _latest(
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
    rows = [r for r in _rows("inference_stats") if r["part"] == "steps"]
    rows = _latest(rows, lambda r: (r["activation"], r["norm"], r["learning_rate"]))
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
    rows = [r for r in _rows("inference_stats") if r["part"] == "decay"]
    rows = _latest(rows, lambda r: (r["schedule"], r["learning_rate"], r["batch_size"]))
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


def hypervolume() -> str:
    """Returns the mean hypervolume over seeds, as a share of the true front's."""
    rows = _latest(_rows("hypervolume"), lambda r: (r["problem"], r["sampler"], r["seed"]))
    samplers = list(dict.fromkeys(r["sampler"] for r in rows))
    body = []
    for problem in dict.fromkeys(r["problem"] for r in rows):
        for n in ("100", "400"):
            shares = {
                s: [r["share"][n] for r in rows if (r["problem"], r["sampler"]) == (problem, s)]
                for s in samplers
            }
            body.append([problem, n, *(f"{statistics.mean(shares[s]):.3f}" for s in samplers)])
    return table(["problem", "trials", *(f"`{s}`" for s in samplers)], body)


def suggest() -> str:
    """Returns the cost of a suggestion and its result, in microseconds."""
    rows = _latest(_rows("suggest"), lambda r: (r["method"], r["trials"]))
    rows = [r for r in rows if "us_per_trial" in r]
    sizes = sorted({r["trials"] for r in rows})
    cost = {(r["method"], r["trials"]): f"{r['us_per_trial']:,.0f} µs" for r in rows}
    methods = dict.fromkeys(r["method"] for r in rows)
    body = [[f"`{m}`", *(cost.get((m, n), "") for n in sizes)] for m in methods]
    return table(["", *(f"{n:,} trials" for n in sizes)], body)


def ray_benefit() -> str:
    """Returns the errors on digits under ASHA, mean over seeds ± its standard error."""
    rows = _latest(_rows("ray_benefit"), lambda r: (r["method"], r["norm"], r["seed"]))
    names = {"tune_bn": "`tune_bn.nn`", "torch": "`torch.nn`"}

    def mean(values: list[float]) -> str:
        error = statistics.stdev(values) / math.sqrt(len(values))
        return f"{100 * statistics.mean(values):.2f} ± {100 * error:.2f}"

    body = []
    for method, norm in dict.fromkeys((r["method"], r["norm"]) for r in rows):
        of = [r for r in rows if (r["method"], r["norm"]) == (method, norm)]
        errors = [mean([r[f"{part}_error"] for r in of]) for part in ("validation", "test")]
        body.append([f"`{method}`", names[norm], *errors, len(of)])
    return table(["search", "batch norm", "validation error, %", "test error, %", "seeds"], body)


_FOOTPRINT = ("part", "extra", "module", "command")


def footprint() -> str:
    """Returns what the package weighs: its wheel, dependencies, imports, and first lines."""
    rows = _latest(_rows("footprint"), lambda r: tuple(map(r.get, _FOOTPRINT)))
    body: list[tuple[str, str]] = []
    for r in rows:
        if r["part"] == "wheel":
            body.append(("the wheel", f"{r['bytes'] / 1000:.0f} kB, {r['files']} files"))
        elif r["part"] == "dependencies":
            what = f"'tune-bn[{r['extra']}]'" if r["extra"] else "tune-bn"
            names = f" ({', '.join(r['names'])})" if len(r["names"]) < 4 else ""
            body.append((f"packages with `{what}`", f"{len(r['names'])}{names}"))
        elif r["part"] == "first line":
            body.append((f"first line of `{r['command']}`", f"{r['cpu_s']:.1f} s of CPU"))
        else:
            what = f"`import {r['module']}` after `{r['beyond']}`"
            body.append((what, f"{r['ms']:.0f} ms"))
    return table(["what", "measured"], body)


_EXTRAS = {
    "": "plain loops",
    "optuna": "the sampler",
    "ray": "the search algorithm of Ray Tune",
    "torch": "batch norm",
    "report": "pages and figures",
    "cli": "`tune-bn`, all of it but Ray",
}


def extras() -> str:
    """Returns what each extra is for and brings along."""
    rows = _latest(
        (r for r in _rows("footprint") if r["part"] == "dependencies"), lambda r: r["extra"]
    )
    body = [
        (
            f"`[{r['extra']}]`" if r["extra"] else "none",
            _EXTRAS[r["extra"]],
            len(r["names"]),
            f"{r['bytes'] / 1e6:,.0f}",
        )
        for r in rows
    ]
    return table(["extra", "for", "packages", "MB installed"], body)


_SHORT = ("training", "hpolib", "hpobench", "hpobench-noisy", "bbob-5d", "bbob-20d")


@lru_cache
def _against_tpe(suite: str) -> tuple[str, ...]:
    """Returns the shares of pairs won against TPE on a suite, at each number of trials."""
    rates = [found().win_rate("tune_bn", "tpe", [suite], n) for n in _TRIALS]
    return tuple("" if rate is None else str(rate) for rate in rates)


_TRIALS = (50, 100, 200, 400)


def finds(suites: Iterable[str] = _SHORT) -> str:
    """Returns the shares of pairs of runs that are won against TPE, real problems first."""
    body = [
        (
            PROBLEMS[suite],
            "kept aside" if suite in TEST else "development",
            *_against_tpe(suite),
        )
        for suite in suites
    ]
    return table(["problems", "", *(f"{n} trials" for n in _TRIALS)], body)


def finds_all() -> str:
    """Returns the same for every suite."""
    return finds(PROBLEMS)


_LOADS = {
    "memory": "one study in memory",
    "ray": "a Ray search by hand",
    "parameters": "1,000 parameters",
}


def load() -> str:
    """Returns what a trial costs under load, at first and at last."""
    rows = [r for r in _rows("load") if r["part"] != "soak"]
    body: list[list[str]] = []
    for storage, method in dict.fromkeys(
        (r["storage"], r["method"]) for r in rows if r["part"] == "workers"
    ):
        legs = [r for r in rows if (r.get("storage"), r["method"]) == (storage, method)]
        legs = _latest(legs, lambda r: r["trials_before"])
        rate = sum(r["trials"] for r in legs) / sum(r["seconds"] for r in legs)
        body.append(
            [
                f"{legs[0]['workers']} processes, {storage.split('+')[0]}, {rate:.0f} trials/s",
                f"`{method}`",
                f"{sum(r['trials'] for r in legs):,}",
                f"{legs[0]['cpu_ms']:.1f} → {legs[-1]['cpu_ms']:.1f} ms",
                f"{legs[-1]['peak_mib']:.0f} MiB",
            ]
        )
    parts = [r for r in rows if r["part"] in _LOADS]
    for r in _latest(parts, lambda r: (r["part"], r["method"], r["trials"])):
        first, last = r["cpu_us_first_tenth"] / 1000, r["cpu_us_last_tenth"] / 1000
        cost = f"{first:.2f} → {last:.2f} ms"
        grown = "" if r["growth_mib"] is None else f"+{r['growth_mib']:.0f} MiB"
        body.append([_LOADS[r["part"]], f"`{r['method']}`", f"{r['trials']:,}", cost, grown])
    return table(["load", "method", "trials", "CPU time of a trial", "memory"], body)


def watch() -> str:
    """Returns what a look at a running study costs, in seconds of CPU time."""
    rows = _latest([r for r in _rows("load") if r["part"] == "watch"], lambda r: r["trials"])
    body = [
        (
            f"{r['trials']:,} trials, 3 objectives, journal",
            f"{r['open_s']:.2f} s",
            f"{r['first_look_s']:.2f} s",
            f"{r['look_s']:.2f} s",
            f"{r['promised_s']:g} s",
        )
        for r in rows
    ]
    return table(["watched", "opened by Optuna", "first look", "a later look", "promised"], body)


def soak() -> str:
    """Returns what a long run's end is beside its begin, after its warm-up."""
    (row,) = _latest([r for r in _rows("load") if r["part"] == "soak"], lambda _: 0)
    body = [
        [
            f"{row['minutes']:.0f} min, {row['trials']:,} trials",
            f"{row['memory_ratio']:.3f}",
            f"{min(row['cpu_ratio'].values()):.2f}–{max(row['cpu_ratio'].values()):.2f}",
            " → ".join(map(str, row["threads"])),
            " → ".join(map(str, row["open_files"])),
        ]
    ]
    head = ["soak", "memory ×", "CPU time of a trial ×", "threads", "open files"]
    return table(head, body)


def tables() -> str:
    """Returns the test scores of the tuned network and other models on real tables."""
    rows = _rows("tables")
    return of_tables(_latest(rows, lambda r: (r["table"], r["seed"], r["model"])))


TABLES: dict[str, Callable[[], str]] = {
    "cost-of-random": cost_of_random,
    "cost-of-tpe": cost_of_tpe,
    "extras": extras,
    "finds": finds,
    "finds-all": finds_all,
    "overhead": overhead,
    "hypervolume": hypervolume,
    "suggest": suggest,
    "ray-benefit": ray_benefit,
    "demo": demo,
    "tables": tables,
    "machines": machines,
    "batchnorm": batchnorm,
    "layers": layers,
    "early": early,
    "rungs": rungs,
    "steps": steps,
    "decays": decays,
    "footprint": footprint,
    "load": load,
    "soak": soak,
    "watch": watch,
    **OF_SEARCH,
}


def fill(text: str) -> str:
    """Returns the text with every marked table made anew from the rows.

    Raises:
        KeyError: If a mark names no table.
    """
    return filled(text, TABLES)


def main(arguments: list[str] | None = None) -> None:
    """Fills the tables of some pages in place."""
    parser = argparse.ArgumentParser(
        description="Makes the tables of README.md and docs/*.md from the rows of results."
    )
    parser.add_argument(
        "files", type=Path, nargs="*", help="pages to fill (default: those of the current folder)"
    )
    files: list[Path] = parser.parse_args(arguments).files
    for file in files or [Path("README.md"), *sorted(Path("docs").glob("*.md"))]:
        text = file.read_text(encoding="utf-8")
        if (filled := fill(text)) != text:
            file.write_text(filled, encoding="utf-8")


if __name__ == "__main__":
    main()
