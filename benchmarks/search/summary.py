"""The tables of ``RESULTS.md``, made from the rows beside it (`benchmarks.markdown`)."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks import markdown
from benchmarks.problems.suites import DEVELOPMENT, LONG, TEST
from benchmarks.search.compare import Comparison

__all__ = ["BUDGETS", "PEERS", "TABLES", "fill", "sensitivity_table"]

BUDGETS = (50, 100, 200, 400)
PEERS = {
    "tpe": ("tpe", 1),
    "gp": ("gp", 1),
    "marsopt": ("marsopt", 1),
    "cmaes": ("cmaes", 1),
    "qmc": ("qmc", 1),
    "textbook": ("textbook", 1),
    "anneal": ("anneal", 1),
    "cfo": ("cfo", 1),
    "blendsearch": ("blendsearch", 1),
    "oneplusone": ("oneplusone", 1),
    "discrete-oneplusone": ("discrete-oneplusone", 1),
    "ngopt, budget known": ("ngopt, budget known", 1),
    "smac": ("smac", 1),
    "hebo": ("hebo", 1),
    "random, twice the trials": ("random", 2),
}
_OURS = ("tune_bn", "tune_bn, budget known")


def _win_rates(
    results: Comparison, method: str, peer: str, suites: Sequence[str]
) -> list[list[str]]:
    name, factor = PEERS[peer]
    lines = []
    for suite in suites:
        rates = [results.win_rate(method, name, [suite], n, factor=factor) for n in BUDGETS]
        if any(rates):
            mean = [r.rate for r in rates if r]
            lines.append([suite, *("–" if r is None else str(r) for r in rates)])
            lines[-1].append(f"{sum(mean) / len(mean):.2f}")
    return lines


def _against(peer: str, suites: Sequence[str]) -> Callable[[Comparison], str]:
    def table(results: Comparison) -> str:
        lines: list[list[str]] = []
        for method in _OURS:
            lines += [[method, *line] for line in _win_rates(results, method, peer, suites)]
        head = ["method", "suite", *(f"{n} trials" for n in BUDGETS), "mean"]
        return markdown.table(head, lines)

    return table


def _peers(suites: Sequence[str]) -> Callable[[Comparison], str]:
    def table(results: Comparison) -> str:
        lines = []
        for peer, (name, factor) in PEERS.items():
            with_rows = [
                s
                for s in suites
                if results.win_rate(_OURS[0], name, [s], BUDGETS[0], factor=factor)
            ]
            rates = [results.win_rate(_OURS[0], name, with_rows, n, factor=factor) for n in BUDGETS]
            if with_rows:
                cells = ["–" if r is None else str(r) for r in rates]
                lines.append([peer, *cells, ", ".join(with_rows)])
        return markdown.table(["peer", *(f"{n} trials" for n in BUDGETS), "suites"], lines)

    return table


def _regret(suites: Sequence[str]) -> Callable[[Comparison], str]:
    def table(results: Comparison) -> str:
        lines = []
        for method in results.methods:
            for suite in suites:
                values = [results.regret(method, suite, n) for n in BUDGETS]
                if all(v is not None for v in values):
                    lines.append([suite, method, *(f"{v:.3f}" for v in values)])
        return markdown.table(["suite", "method", *(f"{n} trials" for n in BUDGETS)], sorted(lines))

    return table


def _ranks(results: Comparison) -> str:
    known = ("tune_bn", "marsopt", "tpe", "random", "textbook")
    methods = [m for m in known if m in results.methods]
    by_budget = [results.rank(methods, DEVELOPMENT, n) for n in BUDGETS]
    lines = [[m, *(f"{r[m]:.1f}" if m in r else "–" for r in by_budget)] for m in methods]
    return markdown.table(["method", *(f"{n} trials" for n in BUDGETS)], lines)


def _cost(results: Comparison) -> str:
    seconds = results.seconds_per_trial(DEVELOPMENT)
    lines = [[m, f"{1e3 * s:.2f}"] for m, s in sorted(seconds.items(), key=lambda kv: kv[1])]
    return markdown.table(["method", "ms a trial"], lines)


def _workers(results: Comparison) -> str:
    lines = []
    for method, peer in (
        ("tune_bn", "tpe"),
        ("tune_bn, 8 workers", "tpe, 8 workers"),
        ("tune_bn, 8 workers", "tpe"),
    ):
        for suite in DEVELOPMENT:
            rates = [results.win_rate(method, peer, [suite], n) for n in BUDGETS]
            if any(rates):
                cells = ["–" if r is None else str(r) for r in rates]
                lines.append([method, peer, suite, *cells])
    return markdown.table(["method", "peer", "suite", *(f"{n} trials" for n in BUDGETS)], lines)


def _thousand(results: Comparison) -> str:
    budgets = (100, 400, 1000)
    lines = []
    for problem in results.problems(LONG):
        medians = []
        for method in ("tune_bn", "tpe"):
            for n in budgets:
                losses = sorted(results.losses(method, LONG, problem, n))
                medians.append(f"{losses[len(losses) // 2]:.3g}" if losses else "–")
        lines.append([problem, *medians])
    head = [f"{m}, {n}" for m in ("tune_bn", "tpe") for n in budgets]
    rate = results.win_rate("tune_bn", "tpe", [LONG], 1000)
    return markdown.table(["function", *head], lines) + f"\nWin rate at 1,000 trials: {rate}.\n"


TABLES: dict[str, Callable[[Comparison], str]] = {
    "tpe": _against("tpe", DEVELOPMENT),
    "peers": _peers(DEVELOPMENT),
    "regret": _regret(DEVELOPMENT),
    "ranks": _ranks,
    "cost": _cost,
    "workers": _workers,
    "thousand": _thousand,
    "test-tpe": _against("tpe", TEST),
    "test-peers": _peers(TEST),
}


def sensitivity_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns the table of the rows of `benchmarks.search.sensitivity`."""
    by_setting: dict[str, dict[float, Mapping[str, Any]]] = {}
    for row in rows:
        by_setting.setdefault(row["setting"], {})[row["factor"]] = row
    base = by_setting.pop("none", {}).get(1.0)
    lines = [["the default", "", f"{base['mean']:.3f}", ""]] if base else []
    for setting, found in by_setting.items():
        cells = [
            f"{found[f]['mean']:.3f} ({found[f]['value']:g})" if f in found else "–"
            for f in (0.5, 2.0)
        ]
        lines.append([setting, cells[0], "", cells[1]])
    return markdown.table(["setting", "halved", "as it is", "doubled"], lines)


def sensitivity_worst(rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns in words which changes of a setting cost most."""
    known = list(rows)
    base = next((row["mean"] for row in known if row["setting"] == "none"), math.nan)
    changed = [row for row in known if row["setting"] != "none"]
    worst = sorted(changed, key=lambda row: float(row["mean"]))[:3]
    costs = [f"`{r['setting']}` at {r['value']:g} ({base - r['mean']:.3f})" for r in worst]
    return f"What costs most is {', '.join(costs)}; the goal was at most 0.05."


def fill(text: str, results: Comparison, sensitivity: Iterable[Mapping[str, Any]] = ()) -> str:
    """Returns the text with every marked table made anew.

    Args:
        text: The page.
        results: Rows of runs.
        sensitivity: Rows of `benchmarks.search.sensitivity`.

    Raises:
        KeyError: If a mark names no table.
    """
    tables = {name: partial(make, results) for name, make in TABLES.items()}
    sensitivity = list(sensitivity)
    tables["sensitivity"] = partial(sensitivity_table, sensitivity)
    tables["sensitivity-worst"] = partial(sensitivity_worst, sensitivity)
    return markdown.filled(text, tables)
