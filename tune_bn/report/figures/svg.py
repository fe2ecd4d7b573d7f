"""How a search narrowed as one small SVG file, for a README, a slide or a mail.

Text, so it needs neither a script nor a browser to be made or shown, and can be read in a diff.
It follows the reader's light or dark scheme and brings its own background.
"""

import math
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Any
from xml.sax.saxutils import escape

from tune_bn.plain.text import visible
from tune_bn.report.errors import ReportError
from tune_bn.report.figures.bars import LOOKS, bar_path, bars_of, kinds_of, thinner
from tune_bn.report.figures.drawn import Looks
from tune_bn.report.figures.shared import chosen_params, stage_labels, stage_spans
from tune_bn.report.figures.style import (
    AMBER,
    BLUE,
    FONT,
    GREY,
    INK,
    MUTED,
    VALUE_SCALE,
    VERMILLION,
    Axis,
    axis_for,
    value_colour,
)
from tune_bn.report.figures.thinning import shown_trials
from tune_bn.report.results.results import Results, TrialResult
from tune_bn.report.results.source import results_of
from tune_bn.report.results.wording import label, number_text

__all__ = ["narrowing_svg"]

_WIDTH, _LEFT, _RIGHT = 880, 104, 20
_TOP, _BOTTOM = 112, 74
_ROW, _GAP = 84, 32
_MOST_ROWS = 12


def _class(kind: str) -> str:
    """Returns the class of the bars of a kind of region."""
    return f"of-{kind.replace(' ', '-')}"


_BARS = "\n".join(
    f".{_class(kind)} {{ stroke: rgb({look.colour}); stroke-opacity: {look.opacity}; "
    f"stroke-width: {look.px}px; fill: none; }}"
    for kind, look in LOOKS.items()
)
_STYLE = f"""
text {{ font: 12px {FONT}; fill: {INK}; }}
.paper {{ fill: #ffffff; }} .muted {{ fill: {MUTED}; }}
.name {{ font-weight: 600; font-size: 13px; }}
.stage {{ fill: {BLUE}; font-size: 11px; }} .grid {{ stroke: #7d8796; stroke-opacity: .25; }}
.window {{ fill: {BLUE}; fill-opacity: .09; stroke: {BLUE}; stroke-opacity: .35; }}
{_BARS}
.pruned {{ fill: none; stroke: {GREY}; }} .failed {{ stroke: {VERMILLION}; stroke-width: 2; }}
.best {{ fill: {AMBER}; stroke: {INK}; }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e7ebf0; }} .paper {{ fill: #0d1117; }} .muted {{ fill: #a3afbd; }}
.stage {{ fill: #72b7ec; }} .best {{ stroke: #e7ebf0; }}
}}
"""


def narrowing_svg(
    source: Any, *, params: Sequence[str] | None = None, max_trials: int = 400
) -> str:
    """Returns an SVG with a row per parameter: its value in each trial, and where it was drawn.

    The marks are those of `plot_narrowing`: a bar behind a dot is what the value was drawn from,
    the pale band is all that a stage drew from; colour and size tell how a trial ranks, pruned
    trials are open triangles, failed ones crosses, the best one a star.

    Args:
        source: What `results_of` takes.
        params: Names of the parameters to show, in this order; None for the first twelve.
        max_trials: Show at most so many trials (≥ 10).

    Raises:
        ReportError: If a name is none of the parameters, the source is no search, or there is
            nothing to draw yet.
    """
    results = results_of(source)
    names = chosen_params(results, params)
    names = names if params is not None else names[:_MOST_ROWS]
    trials, note = shown_trials(results, max_trials)
    if not names or not trials:
        raise ReportError(
            "A figure of how a search narrowed needs a finished trial with a parameter, but "
            f"{results.name!r} has none yet."
        )
    height = _TOP + len(names) * (_ROW + _GAP) - _GAP + _BOTTOM
    title = "How the search narrowed" if results.stages else "Draws of each parameter"
    looks = Looks(results, trials)
    columns = _Columns(results)
    parts = [*_head(results, looks, columns, title)]
    for i, name in enumerate(names):
        parts += _row(results, looks, columns, name, _TOP + i * (_ROW + _GAP))
    parts += _foot(results, looks, columns, height, note)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" aria-label="{title}">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n"
        f'<rect class="paper" width="{_WIDTH}" height="{height}" rx="8"/>\n{body}\n</svg>\n'
    )


class _Columns:
    """Where a trial's number lies along x."""

    def __init__(self, results: Results) -> None:
        self.last = max(t.number for t in results.trials)

    def __call__(self, number: float) -> float:
        share = (number + 0.5) / (self.last + 1)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def ticks(self) -> list[int]:
        """Returns round numbers of trials, about six."""
        step = next(s * 10**e for e in range(9) for s in (1, 2, 5) if self.last / (s * 10**e) <= 7)
        return list(range(0, self.last + 1, step))


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    style = f' class="{kind}"' if kind else ""
    place = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{style}{place}>{escape(visible(text))}</text>'


def _head(results: Results, looks: Looks, columns: _Columns, title: str) -> Iterator[str]:
    yield _text(16, 26, title, "name")
    x = float(_LEFT)
    kinds: list[tuple[str, bool]] = [
        ("all that a stage drew from", bool(results.stages)),
        ("best", bool(looks.best)),
        ("complete (colour: value)", bool(looks.complete)),
        ("pruned", bool(looks.pruned)),
        ("failed", bool(looks.failed)),
    ]
    for kind, is_there in kinds:
        if not is_there:
            continue
        if kind.startswith("all"):
            yield f'<rect class="window" x="{x:.1f}" y="38" width="16" height="9"/>'
        else:
            yield _mark(kind.split()[0], x + 8, 43, 0.8)
        yield _text(x + 22, 47, kind)
        x += 40 + 6.4 * len(kind)
    x = float(_LEFT)
    for kind in kinds_of(looks.trials):
        look = LOOKS[kind]
        yield f'<path class="{_class(kind)}" d="{bar_path(look, x + 8, 54, 66, look.cap_px)}"/>'
        yield _text(x + 22, 64, look.name)
        x += 40 + 6.4 * len(look.name)
    for name in stage_labels(stage_spans(results)):
        if columns(name["x"]) < _WIDTH - _RIGHT - 36:
            yield _text(columns(name["x"]), _TOP - 20, name["text"], "stage")


def _row(results: Results, looks: Looks, columns: _Columns, name: str, top: float) -> Iterator[str]:
    axis = axis_for(results.space[name])
    pad = (axis.high - axis.low) * 0.06 or 0.5
    low, high = axis.low - pad, axis.high + pad

    def y(place: float) -> float:
        return top + _ROW * (high - place) / (high - low)

    yield _text(_LEFT, top - 5, label(name), "name")
    ticks = zip(axis.ticks, axis.tick_text, strict=True) if axis.ticks else _end_ticks(axis)
    for place, text in ticks:
        at = y(place)
        yield f'<path class="grid" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>'
        yield _text(_LEFT - 8, at + 4, unescape(text), "muted", "end")  # escaped for plotly
    for stage, left, right in stage_spans(results):
        if name in stage.windows:
            bottom, upper = axis.window(stage.windows[name])
            x, width = columns(left), columns(right) - columns(left)
            yield (
                f'<rect class="window" x="{x:.1f}" y="{y(upper):.1f}" width="{width:.1f}" '
                f'height="{max(y(bottom) - y(upper), 1):.1f}"/>'
            )
    for kind, bars in bars_of(looks.trials, name, axis).items():
        px, cap_px = thinner(LOOKS[kind], len(looks.trials), width_px=_WIDTH - _LEFT - _RIGHT)
        look = LOOKS[kind]._replace(px=px)
        # A range that has changed in the search may have been wider: nothing leaves the row.
        paths = (
            bar_path(look, columns(n), max(y(high), top), min(y(low), top + _ROW), cap_px)
            for n, low, high in bars
            if high >= axis.low - pad and low <= axis.high + pad
        )
        style = "" if px == LOOKS[kind].px else f' style="stroke-width:{px:.1f}"'
        yield f'<path class="{_class(kind)}"{style} d="{"".join(paths)}"/>'
    for kind, trials in (
        ("failed", looks.failed),
        ("pruned", looks.pruned),
        ("complete", looks.complete),
        ("best", looks.best),
    ):
        yield from _marks(kind, trials, axis, looks, columns, name, y)


def _end_ticks(axis: Axis) -> list[tuple[float, str]]:
    places = (axis.low, (axis.low + axis.high) / 2, axis.high)
    return [(place, number_text(place, 3)) for place in places]


def _marks(
    kind: str,
    trials: Sequence[TrialResult],
    axis: Axis,
    looks: Looks,
    columns: _Columns,
    name: str,
    y: Any,
) -> Iterator[str]:
    places = axis.place([t.params.get(name) for t in trials])
    for trial, place in zip(trials, places, strict=True):
        if not math.isnan(place):
            goodness = looks.goodness.get(trial.number, 0.0)
            yield _mark(kind, columns(trial.number), y(float(place)), goodness)


def _mark(kind: str, x: float, y: float, goodness: float) -> str:
    if kind == "complete":
        radius, opacity = 2.5 + 2 * goodness, 0.55 + 0.45 * goodness
        return (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" '
            f'fill="{value_colour(goodness)}" fill-opacity="{opacity:.2f}"/>'
        )
    if kind == "best":
        corners = [(7.5 if i % 2 == 0 else 3.0, math.pi * (i / 5 - 0.5)) for i in range(10)]
        points = [f"{x + r * math.cos(a):.1f},{y + r * math.sin(a):.1f}" for r, a in corners]
        return f'<polygon class="best" points="{" ".join(points)}"/>'
    if kind == "pruned":
        return f'<path class="pruned" d="M{x - 3.5:.1f} {y - 3:.1f}h7l-3.5 6z"/>'
    return f'<path class="failed" d="M{x - 3:.1f} {y - 3:.1f}l6 6m0-6l-6 6"/>'


def _foot(
    results: Results, looks: Looks, columns: _Columns, height: float, note: str
) -> Iterator[str]:
    base = height - _BOTTOM
    for number in columns.ticks():
        yield _text(columns(number), base + 18, f"{number:,}", "muted", "middle")
    yield _text((_LEFT + _WIDTH - _RIGHT) / 2, base + 36, "Trial", "muted", "middle")
    if not looks.has_values:
        return
    stops = "".join(f'<stop offset="{at}" stop-color="{colour}"/>' for at, colour in VALUE_SCALE)
    yield f'<linearGradient id="value">{stops}</linearGradient>'
    yield f'<rect x="{_LEFT}" y="{base + 40}" width="220" height="7" fill="url(#value)"/>'
    worst, _, best = looks.scale_text()
    yield _text(_LEFT, base + 62, worst, "muted")
    yield _text(_LEFT + 220, base + 62, best, "muted", "end")
    goal = "higher is better" if results.maximize else "lower is better"
    about = note or (goal if len(results.directions) == 1 else "")
    yield _text(_WIDTH - _RIGHT, base + 62, about, "muted", "end")
