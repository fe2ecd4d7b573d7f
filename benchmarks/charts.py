"""The charts of the docs' measurements, made from the rows: ``python -m benchmarks pages``.

Each is rows of dots, one a peer, on one scale: what is beside what can be seen, what exactly it is
stands in the table below it.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from xml.sax.saxutils import escape

from benchmarks.rows import latest, rows_of
from benchmarks.svg import Scale, line, picture, text
from benchmarks.tool.tables import scores_of

__all__ = ["CHARTS", "dots"]

_COLOURS = ("#D55E00", "#1f83c6", "#7c8796", "#009E73", "#CC79A7", "#E69F00")
_LIMIT = "#2b3442"  # of what is promised or aimed at: a line, not a dot
_WIDTH, _STEP, _TOP = 400.0, 22.0, 46.0
_EM = 6.6  # pixels of a letter


def dots(
    title: str,
    rows: Sequence[tuple[str, Mapping[str, float]]],
    *,
    unit: str,
    limits: Mapping[str, Sequence[float | None]] | None = None,
    line_at: float | None = None,
    is_log: bool = False,
) -> str:
    """Returns a chart as SVG text: for each row a dot for each series, on one scale.

    Args:
        title: What it shows.
        rows: What each is called, and its values by series.
        unit: Below the scale.
        limits: For each row what was promised, by what that is called; drawn as a line.
        line_at: Where a line runs through all rows.
        is_log: Whether the scale is logarithmic.
    """
    series = list(dict.fromkeys(name for _, values in rows for name in values))
    colours = dict(zip(series, _COLOURS[: len(series)], strict=True))
    limits = limits or {}
    left = 24 + _EM * max(len(name) for name, _ in rows)
    shown = [v for _, values in rows for v in values.values()]
    shown += [v for row in limits.values() for v in row if v is not None]
    shown += [] if line_at is None else [line_at]
    scale = Scale.around(shown, left, left + _WIDTH, is_log=is_log)
    bottom = _TOP + _STEP * len(rows)
    parts, at = [], left
    for name in [*series, *limits]:
        parts.append(
            _dot(at + 5, 20, colours[name], is_first=name == series[0])
            if name in colours
            else f'<rect x="{at + 4:.1f}" y="13" width="2.5" height="14" fill="{_LIMIT}"/>'
        )
        parts.append(text(at + 15, 24, name))
        at += 34 + _EM * len(name)
    for tick in scale.ticks():
        parts.append(line(scale(tick), _TOP - 6, scale(tick), bottom))
        parts.append(text(scale(tick), bottom + 16, f"{tick:,g}", text_anchor="middle"))
    if line_at is not None:
        parts.append(line(scale(line_at), _TOP - 6, scale(line_at), bottom, opacity=0.9))
    for i, (name, values) in enumerate(rows):
        y = _TOP + _STEP * (i + 0.5)
        parts.append(text(left - 14, y + 4, name, text_anchor="end"))
        parts += [
            f'<rect x="{scale(limit) - 1.25:.1f}" y="{y - 8:.1f}" width="2.5" height="16" '
            f'fill="{_LIMIT}"/>'
            for limit in (row[i] for row in limits.values())
            if limit is not None
        ]
        parts += [
            _dot(
                *(scale(value), y, colours[of]),
                is_first=of == series[0],
                about=f"{of}: {value:,.4g}",
            )
            for of, value in reversed(list(values.items()))  # the first on top
        ]
    parts.append(text(left + _WIDTH / 2, bottom + 34, unit, text_anchor="middle"))
    return picture(title, max(left + _WIDTH + 30, at), bottom + 44, parts)


def _dot(x: float, y: float, colour: str, *, is_first: bool, about: str = "") -> str:
    """Returns a dot; a ring, if it is not of the first series, so that none hides another."""
    look = f'fill="{colour}"' if is_first else f'fill="none" stroke="{colour}" stroke-width="2"'
    title = f"<title>{escape(about)}</title>" if about else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5 if is_first else 4.5}" {look}>{title}</circle>'


def overhead() -> str:
    """Returns the CPU time of a trial beside a peer's, and what is promised."""
    rows = latest(rows_of("overhead"), lambda r: (r["storage"], r["trials"], r["space"], r["peer"]))
    peers = dict.fromkeys(r["peer"] for r in rows)
    shown = [
        (
            f"{r['storage']}, {r['trials']:,} trials, {r['space']}",
            {f"beside {r['peer']}": r["cpu_ratio"]},
        )
        for peer in peers
        for r in rows
        if r["peer"] == peer
    ]
    promised = [r["promised"] for peer in peers for r in rows if r["peer"] == peer]
    return dots(
        "CPU time of a trial, as a multiple of the peer's",
        shown,
        unit="CPU time of a trial, as a multiple of the peer's",
        limits={"promised": promised},
        line_at=1.0,
        is_log=True,
    )


def hypervolume() -> str:
    """Returns the share of the true front's hypervolume after 100 trials."""
    rows = latest(rows_of("hypervolume"), lambda r: (r["problem"], r["sampler"], r["seed"]))
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for n in ("100", "400"):
        for r in rows:
            values = found.setdefault((r["problem"], n), {})
            values.setdefault(r["sampler"], []).append(r["share"][n])
    shown = [
        (f"{problem}, {n} trials", {s: statistics.mean(v) for s, v in found[problem, n].items()})
        for problem, n in sorted(found, key=lambda case: (case[0], int(case[1])))
    ]
    unit = "hypervolume, as a share of the true front's"
    return dots(unit.capitalize(), shown, unit=unit)


def suggest() -> str:
    """Returns the cost of a suggestion on Ray, in microseconds."""
    rows = [r for r in rows_of("suggest") if "us_per_trial" in r]
    rows = latest(rows, lambda r: (r["method"], r["trials"]))
    found: dict[int, dict[str, float]] = {}
    for r in rows:
        found.setdefault(r["trials"], {})[r["method"]] = r["us_per_trial"]
    shown = [(f"{n:,} trials", found[n]) for n in sorted(found)]
    unit = "µs of CPU time, a suggestion with its result"
    return dots(unit, shown, unit=unit, is_log=True)


def batchnorm() -> str:
    """Returns the time of the layers beside torch's, and the goals."""
    rows = [r for r in rows_of("batchnorm") if "ratio" in r and "A/A" not in r["subject"]]
    rows = latest(
        rows, lambda r: (r["work"], str(r["shape"]), r["layout"], r.get("model"), r["subject"])
    )
    rows = [r for r in rows if r["against"] == "torch"]
    shown = []
    for r in rows:
        shape = f"({', '.join(map(str, r['shape']))}){' cl' * (r['layout'] == 'channels_last')}"
        shown.append((f"{shape} {r['work']}", {"beside torch's": r["ratio"]}))
    return dots(
        "Time of a layer, as a multiple of torch's",
        shown,
        unit="time, as a multiple of torch's (cl: channels_last)",
        limits={"goal": [r["goal"] for r in rows]},
        line_at=1.0,
    )


def early() -> str:
    """Returns the test accuracy after the first steps, with torch's and corrected statistics."""
    rows = [r for r in rows_of("inference_stats") if r["part"] == "early"]
    rows = latest(rows, lambda r: (r["decay"], r["step"], r["statistics"]))
    names = {"corrected": "corrected", "torch": "torch's statistics", "batch": "of the batch"}
    found: dict[tuple[int, float], dict[str, float]] = {}
    for r in rows:
        value = statistics.mean(r["accuracy"])
        found.setdefault((r["step"], r["decay"]), {})[names[r["statistics"]]] = value
    shown = [
        (f"{s} steps, decay {d:g}", {name: found[s, d][name] for name in names.values()})
        for s, d in sorted(found)
    ]
    return dots("Test accuracy after the first steps", shown, unit="test accuracy")


def tables() -> str:
    """Returns the test scores on real tables of the tuned network and of what one would take."""
    models = ("tuned network", "default network", "gradient boosting", "RealMLP")
    rows = latest(rows_of("tables"), lambda r: (r["table"], r["seed"], r["model"]))
    shown = [
        (name, {model: statistics.mean(of[model].values()) for model in models if model in of})
        for name, of in scores_of(rows).items()
    ]
    return dots("Test score on real tables", shown, unit="test accuracy, or R² for numbers")


CHARTS: dict[str, Callable[[], str]] = {
    "overhead": overhead,
    "hypervolume": hypervolume,
    "suggest": suggest,
    "early": early,
    "batchnorm": batchnorm,
    "tables": tables,
}
"""What makes each chart, by the name of its file in ``docs/assets/measured``."""
