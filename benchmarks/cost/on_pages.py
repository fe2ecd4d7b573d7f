"""The pages' tables of what search, layers and package cost, made from rows."""

import math
from collections.abc import Callable

from benchmarks.markdown import table
from benchmarks.rows import Row, latest, rows_of

__all__ = ["TABLES"]


def _case(row: Row) -> tuple[str, int, str, str]:
    """Returns what a row of a sampler's cost is about, whichever machine it is of."""
    return row["storage"], row["trials"], row["space"], row["peer"]


def _dearest_of_cases() -> dict[tuple[str, int, str, str], float]:
    """Returns the CPU time of each case, as a multiple of its peer's, on the dearest machine.

    Of each machine the newest row counts.
    """
    dearest: dict[tuple[str, int, str, str], float] = {}
    for row in latest(rows_of("overhead"), lambda r: (*_case(r), r["machine"])):
        dearest[_case(row)] = max(row["cpu_ratio"], dearest.get(_case(row), 0.0))
    return dearest


def overhead() -> str:
    """Returns the cost of the sampler, as a multiple of its peer's in the same round."""
    dearest = _dearest_of_cases()
    body = [
        (
            r["storage"],
            f"{r['trials']:,}",
            r["space"],
            f"`{r['peer']}`",
            f"{r['cpu_ratio']:.2f}",
            f"{r['wall_ratio']:.2f}",
            f"{dearest[_case(r)]:.2f}",
            f"{r['promised']:g}",
            f"{r['memory_ratio']:.2f}" if "memory_ratio" in r else "",
        )
        for r in latest(rows_of("overhead"), _case)
    ]
    head = ["storage", "trials", "space", "beside", "CPU time ×", "wall time ×"]
    return table([*head, "CPU time ×, dearest machine", "promised ×", "memory ×"], body)


def _dearest(peer: str, space: str = "5 floats") -> float:
    """Returns what a trial costs beside a peer's in memory, at most: of any number, anywhere."""
    asked = (peer, "memory", space)
    found = _dearest_of_cases().items()
    return max(ratio for (storage, _, of, p), ratio in found if (p, storage, of) == asked)


def cost_of_random(space: str = "5 floats") -> str:
    """Returns what a trial costs beside `RandomSampler`'s at most, so never rounded down."""
    return f"{math.ceil(10 * _dearest('RandomSampler', space)) / 10:.1f}"


def cost_of_tpe() -> str:
    """Returns how many times as much a trial of `TPESampler` costs."""
    return f"{1 / _dearest('TPESampler'):.0f}"


def suggest() -> str:
    """Returns the cost of a suggestion and its result, in microseconds."""
    rows = latest(rows_of("suggest"), lambda r: (r["method"], r["trials"]))
    rows = [r for r in rows if "us_per_trial" in r]
    sizes = sorted({r["trials"] for r in rows})
    cost = {(r["method"], r["trials"]): f"{r['us_per_trial']:,.0f} µs" for r in rows}
    methods = dict.fromkeys(r["method"] for r in rows)
    body = [[f"`{m}`", *(cost.get((m, n), "") for n in sizes)] for m in methods]
    return table(["", *(f"{n:,} trials" for n in sizes)], body)


_FOOTPRINT = ("part", "extra", "module", "command")


def footprint() -> str:
    """Returns what the package weighs: wheel, dependencies, imports, first lines, `make dist`."""
    rows = latest(rows_of("footprint"), lambda r: tuple(map(r.get, _FOOTPRINT)))
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
        elif r["part"] == "dist":
            took = f"{r['wall_s']:.0f} s, {r['cpu_s']:.0f} s of CPU"
            body.append(("`make dist` in a fresh checkout, its set-up and downloads too", took))
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
    rows = latest(
        (r for r in rows_of("footprint") if r["part"] == "dependencies"), lambda r: r["extra"]
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


_LOADS = {
    "memory": "one study in memory",
    "ray": "a Ray search by hand",
    "parameters": "1,000 parameters",
}


def load() -> str:
    """Returns what a trial costs under load, at first and at last."""
    rows = [r for r in rows_of("load") if r["part"] != "soak"]
    body: list[list[str]] = []
    for storage, method in dict.fromkeys(
        (r["storage"], r["method"]) for r in rows if r["part"] == "workers"
    ):
        legs = [r for r in rows if (r.get("storage"), r["method"]) == (storage, method)]
        legs = latest(legs, lambda r: r["trials_before"])
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
    for r in latest(parts, lambda r: (r["part"], r["method"], r["trials"])):
        first, last = r["cpu_us_first_tenth"] / 1000, r["cpu_us_last_tenth"] / 1000
        cost = f"{first:.2f} → {last:.2f} ms"
        grown = "" if r["growth_mib"] is None else f"+{r['growth_mib']:.0f} MiB"
        body.append([_LOADS[r["part"]], f"`{r['method']}`", f"{r['trials']:,}", cost, grown])
    return table(["load", "method", "trials", "CPU time of a trial", "memory"], body)


def watch() -> str:
    """Returns what a look at a running study costs, in seconds of CPU time."""
    rows = latest([r for r in rows_of("load") if r["part"] == "watch"], lambda r: r["trials"])
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
    (row,) = latest([r for r in rows_of("load") if r["part"] == "soak"], lambda _: 0)
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


TABLES: dict[str, Callable[[], str]] = {
    "overhead": overhead,
    "cost-of-random": cost_of_random,
    "cost-of-random-large": lambda: cost_of_random("50 mixed, 10 conditional"),
    "cost-of-tpe": cost_of_tpe,
    "suggest": suggest,
    "footprint": footprint,
    "extras": extras,
    "load": load,
    "watch": watch,
    "soak": soak,
}
