"""The pages' tables of peers, of goals and of workers in time, made from rows."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from benchmarks.markdown import table
from benchmarks.problems.suites import DEVELOPMENT, TEST
from benchmarks.rows import RESULTS
from benchmarks.search import in_time as simulated
from benchmarks.search.compare import Comparison, WinRate
from benchmarks.search.methods import CONFIRMED
from benchmarks.search.runs import read_rows

__all__ = [
    "PROBLEMS",
    "TABLES",
    "found",
    "goals",
    "in_time",
    "losses",
    "many_peaks",
    "noise",
    "peers",
]

BUDGETS = (50, 100, 200, 400)
_OURS, _KNOWN = "tune_bn", "tune_bn, budget known"
_PEAKS = [f"f{n}" for n in range(15, 25)]
_PEERS = {
    "tpe": "Optuna `TPESampler`",
    "gp": "Optuna `GPSampler`",
    "cmaes": "Optuna `CmaEsSampler`",
    "qmc": "Optuna `QMCSampler`",
    "anneal": "hyperopt `anneal`, the nearest relative",
    "cfo": "FLAML `CFO`",
    "blendsearch": "FLAML `BlendSearch`",
    "oneplusone": "Nevergrad `OnePlusOne`",
    "discrete-oneplusone": "Nevergrad `DiscreteOnePlusOne`",
    "ngopt, budget known": "Nevergrad `NGOpt`, which is told the budget",
    "smac": "SMAC3",
    "hebo": "HEBO",
    "marsopt": "marsopt",
}
PROBLEMS = {  # suite -> what it is; real problems first
    "training": "real training",
    "hpolib": "HPOLib tables",
    "nasbench201": "NAS-Bench-201",
    "hpobench": "HPOBench tables",
    "hpobench-noisy": "HPOBench tables, noisy",
    "hpobench-two-runs": "HPOBench tables, half the noise",
    "branches": "conditional spaces",
    "bbob-2d": "BBOB, 2 parameters",
    "bbob-3d": "BBOB, 3 parameters",
    "bbob-5d": "BBOB, 5 parameters",
    "bbob-5d-noisy": "BBOB, 5 parameters, noisy",
    "bbob-10d": "BBOB, 10 parameters",
    "bbob-20d": "BBOB, 20 parameters",
}
"""What each suite is."""
_WITHOUT_MODEL = ("anneal", "cfo", "oneplusone", "discrete-oneplusone", "qmc", "marsopt")


@lru_cache
def found() -> Comparison:
    """Returns all rows of the search benchmark."""
    return Comparison(read_rows(sorted((RESULTS / "search").glob("*.jsonl"))))


def _bold(rate: WinRate | None) -> str:
    """Returns a rate, in bold where the peer wins more often."""
    return "" if rate is None else f"**{rate}**" if rate.rate < 0.5 else str(rate)


def peers() -> str:
    """Returns the shares of pairs won against every peer on tables and BBOB in 5 dimensions."""
    suites, budgets = {"hpobench": "tables", "bbob-5d": "BBOB 5-d"}, (50, 100, 200)
    body = []
    for peer, name in _PEERS.items():
        cells = [_bold(found().win_rate(_OURS, peer, [s], n)) for s in suites for n in budgets]
        if any(cells):
            body.append([name, *cells, _seeds(peer, suites)])
    head = ["peer", *(f"{s}, {n}" for s in suites.values() for n in budgets), "seeds"]
    return table(head, body)


def _seeds(
    peer: str, suites: Iterable[str], budget: int = 50, rows: Comparison | None = None
) -> str:
    """Returns how many runs of a peer there are for a problem."""
    rows = rows or found()
    numbers = {
        len(rows.losses(peer, suite, problem, budget))
        for suite in suites
        for problem in rows.problems(suite)
    } - {0}
    least, most = min(numbers), max(numbers)
    return str(least) if least == most else f"{least} to {most}"


def ngopt() -> str:
    """Returns how seldom NGOpt is beaten where the budget is known and small."""
    rates = {n: found().win_rate(_OURS, "ngopt, budget known", ["bbob-5d"], n) for n in (50, 100)}
    return " and ".join(f"{rate} at {n} trials" for n, rate in rates.items())


def losses() -> str:
    """Returns every suite, peer and number of trials at which the peer wins more often."""
    body = []
    for suite, what in PROBLEMS.items():
        for peer, name in _PEERS.items():
            rates = {n: found().win_rate(_OURS, peer, [suite], n) for n in BUDGETS}
            lost = {n: r for n, r in rates.items() if r and r.rate < 0.495}
            if lost:
                cells = [str(lost[n]) if n in lost else "" for n in BUDGETS]
                kind = "kept aside" if suite in TEST else "development"
                body.append([what, kind, name, *cells])
    return table(["problems", "", "who wins", *(f"{n} trials" for n in BUDGETS)], body)


def many_peaks() -> str:
    """Returns the shares won against TPE on the functions with many peaks, one a line."""
    suites, budgets = ("bbob-2d", "bbob-5d", "bbob-10d"), (100, 400)
    body = []
    for function in [*_PEAKS, "all ten"]:
        only = _PEAKS if function == "all ten" else [function]
        rates = [found().rate(_OURS, "tpe", [s], n, only=only) for s in suites for n in budgets]
        cells = ["" if r is None else f"{r:.2f}" for r in rates]
        body.append([function, *(f"**{c}**" if c and float(c) < 0.5 else c for c in cells)])
    heads = [f"{s.removeprefix('bbob-')}, {n}" for s in suites for n in budgets]
    return table(["function", *heads], body)


def noise() -> str:
    """Returns what repeating the best is worth, by noise, after 100 trials."""
    suites = ("hpobench-two-runs", "bbob-5d-noisy", "hpobench", "bbob-5d")
    pairs = ((_OURS, "tpe"), (CONFIRMED, "tpe"), (CONFIRMED, _OURS))
    body = []
    for suite in suites:
        rates = [found().win_rate(a, b, [suite], 100) for a, b in pairs]
        body.append([PROBLEMS[suite], *("" if rate is None else str(rate) for rate in rates)])
    head = ["100 trials", "without repeats, against TPE", "with, against TPE"]
    return table([*head, "with, against without"], body)


@lru_cache
def _simulated() -> Comparison:
    return Comparison(read_rows(sorted(simulated.FOLDER.glob("*.jsonl"))))


_IN_TIME = {
    "tpe": "`TPESampler`",
    "tpe, constant liar": "`TPESampler(constant_liar=True)`",
    "random": "`RandomSampler`",
}


def _time_table(family: str, suffix: str, budgets: Sequence[int]) -> str:
    body = []
    for workers in simulated.WORKERS:
        suite = f"{family}, {workers} workers"
        for peer, name in _IN_TIME.items():
            rates = [
                _simulated().win_rate(_OURS + suffix, peer + suffix, [suite], budget)
                for budget in budgets
            ]
            if any(rates):
                seeds = _seeds(peer + suffix, [suite], budgets[0], _simulated())
                body.append([workers, name, *map(_bold, rates), seeds])
    head = ["workers", "ours against", *(f"time of {n} trainings" for n in budgets), "seeds"]
    return table(head, body)


def in_time() -> str:
    """Returns what is won in equal time on tables, by number of workers."""
    return _time_table(simulated.TABLES, "", (50, 100, 200))


def in_time_stopping() -> str:
    """Returns the same on learning curves, each method with the same early stopping."""
    return _time_table(simulated.CURVES, ", ASHA", (5, 10, 20, 40))


def _rates(
    peer: str,
    suites: Iterable[str],
    budgets: Iterable[int],
    method: str = _OURS,
    factor: int = 1,
) -> list[float]:
    rates = [found().rate(method, peer, [s], n, factor=factor) for s in suites for n in budgets]
    return [rate for rate in rates if rate is not None]


def _mean(rates: list[float]) -> float | None:
    return sum(rates) / len(rates) if rates else None


def _least(rates: list[float]) -> float | None:
    return min(rates, default=None)


def _peaks(*, least: bool) -> float | None:
    suites = ("bbob-2d", "bbob-5d", "bbob-10d")
    groups = [[name] for name in _PEAKS] if least else [_PEAKS]
    rates = [
        found().rate(_OURS, "tpe", [s], n, only=g)
        for g in groups
        for s in suites
        for n in (100, 400)
    ]
    return _least([rate for rate in rates if rate is not None])


def _ahead_in_time() -> float | None:
    rates = [
        _simulated().rate(
            _OURS + ", ASHA", peer, [f"{simulated.CURVES}, {workers} workers"], budget
        )
        for workers in simulated.WORKERS
        for peer in ("tpe, ASHA", "tpe, constant liar, ASHA", "random, ASHA")
        for budget in (5, 10, 20, 40)
    ]
    return _least([rate for rate in rates if rate is not None])


_NOISY = ("hpobench-noisy",)
_GOALS: tuple[tuple[str, float, Callable[[], float | None]], ...] = (
    (
        "TPE, mean of the development suites and of 50 to 400 trials",
        0.72,
        lambda: _mean(_rates("tpe", DEVELOPMENT, BUDGETS)),
    ),
    (
        "the same, budget known",
        0.74,
        lambda: _mean(_rates("tpe", DEVELOPMENT, BUDGETS, method=_KNOWN)),
    ),
    ("TPE on tables, mean", 0.58, lambda: _mean(_rates("tpe", ["hpobench"], BUDGETS))),
    ("TPE on tables, lowest", 0.54, lambda: _least(_rates("tpe", ["hpobench"], BUDGETS))),
    (
        "random search with twice the trials, mean",
        0.88,
        lambda: _mean(_rates("random", DEVELOPMENT, BUDGETS, factor=2)),
    ),
    (
        "every peer without a model, from 100 trials on, lowest",
        0.60,
        lambda: _least(
            [r for peer in _WITHOUT_MODEL for r in _rates(peer, DEVELOPMENT, (100, 200))]
        ),
    ),
    (
        "NGOpt on tables, lowest",
        0.50,
        lambda: _least(_rates("ngopt, budget known", ["hpobench"], BUDGETS)),
    ),
    ("SMAC3 on tables, lowest", 0.50, lambda: _least(_rates("smac", ["hpobench"], BUDGETS))),
    ("TPE on real training, 50 trials", 0.55, lambda: _mean(_rates("tpe", ["training"], (50,)))),
    ("TPE on noisy tables, mean", 0.50, lambda: _mean(_rates("tpe", _NOISY, BUDGETS))),
    ("TPE on functions with many peaks, lowest", 0.50, lambda: _peaks(least=False)),
    ("… the worst of the ten functions", 0.35, lambda: _peaks(least=True)),
    ("TPE and random with ASHA, in time, lowest", 0.50, _ahead_in_time),
)


def goals() -> str:
    """Returns each goal, what was reached, and the distance; development suites but for three."""
    body = []
    for name, wanted, reached in _GOALS:
        value = reached()
        if value is None:
            body.append([name, f"{wanted:.2f}", "not measured", ""])
        else:
            missing = round(wanted, 2) - round(value, 2)
            body.append(
                [name, f"{wanted:.2f}", f"{value:.2f}", "met" if missing <= 0 else f"{missing:.2f}"]
            )
    return table(["won against", "goal", "reached", "missing"], body)


TABLES: dict[str, Callable[[], str]] = {
    "peers": peers,
    "ngopt": ngopt,
    "losses": losses,
    "many-peaks": many_peaks,
    "noise": noise,
    "in-time": in_time,
    "in-time-stopping": in_time_stopping,
    "goals": goals,
}
