"""Figures of the results as SVG: who wins where, and the best value by trials beside the cost.

Plain text, so that it can be read in a diff and shown where no script runs.
"""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.problems.suites import DEVELOPMENT, TEST
from benchmarks.search.compare import Comparison
from benchmarks.search.goals import PROBLEMS
from benchmarks.search.methods import CHECKPOINTS, THROUGH_OPTUNA
from benchmarks.svg import Scale, line, picture, text

__all__ = ["chart", "wins"]

_COLOURS = {"random": "#7c8796", "tpe": "#1f83c6", "tune_bn": "#D55E00"}
_NAMES = {"random": "RandomSampler", "tpe": "TPESampler", "tune_bn": "CoarseToFineSampler"}
_TITLES = {
    "hpobench": "HPOBench tables",
    "bbob-2d": "BBOB, 2 parameters",
    "bbob-5d": "BBOB, 5 parameters",
    "bbob-10d": "BBOB, 10 parameters",
}
_WIDTH, _HEIGHT, _PANEL, _LEFT, _TOP = 190, 170, 236, 54, 76
_IN_A_ROW, _ROW = 3, 250  # so that words keep their size in a column of text
_FIRST, _LAST = 10, 400


def _panel(
    left: float, title: str, curves: Mapping[str, Sequence[tuple[int, float]]]
) -> Iterator[str]:
    """Yields one panel: regret by trials, both on logarithmic axes."""
    regrets = [y for points in curves.values() for _, y in points]
    bottom = _TOP + _HEIGHT
    x = Scale(_FIRST, _LAST, left, left + _WIDTH)
    y = Scale(min(regrets) / 1.15, max(regrets) * 1.15, bottom, _TOP)
    yield text(left, _TOP - 10, title, font_weight="600")
    for trials in (10, 50, 100, 200, 400):
        yield line(x(trials), _TOP, x(trials), bottom)
        yield text(x(trials), bottom + 16, str(trials), text_anchor="middle", font_size="11")
    for exponent in range(-6, 1):
        for digit in (1, 2, 5):
            tick = digit * 10.0**exponent
            if min(regrets) / 1.15 <= tick <= max(regrets) * 1.15:
                yield line(left, y(tick), left + _WIDTH, y(tick))
                yield text(left - 5, y(tick) + 4, f"{tick:g}", text_anchor="end", font_size="11")
    for method, points in curves.items():
        path = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in points)
        yield (
            f'<polyline points="{path}" fill="none" stroke="{_COLOURS[method]}" '
            'stroke-width="2.2" stroke-linejoin="round"/>'
        )
    yield text(left + _WIDTH / 2, bottom + 33, "trials", text_anchor="middle", font_size="11")


def _bars(left: float, milliseconds: Mapping[str, float]) -> Iterator[str]:
    """Yields the panel with the cost of a trial."""
    bottom, most = _TOP + _HEIGHT, max(milliseconds.values())
    yield text(left, _TOP - 10, "the search's own time", font_weight="600")
    for i, (method, value) in enumerate(milliseconds.items()):
        height = max(value / most * (_HEIGHT - 20), 1.0)
        at = left + 12 + i * 58
        yield (
            f'<rect x="{at}" y="{bottom - height:.1f}" width="40" height="{height:.1f}" '
            f'fill="{_COLOURS[method]}"/>'
        )
        yield text(at + 20, bottom - height - 6, f"{value:.2f}", text_anchor="middle")
    yield text(left + 90, bottom + 33, "ms a trial", text_anchor="middle", font_size="11")


def chart(results: Comparison, suites: Sequence[str] = DEVELOPMENT) -> str:
    """Returns the picture as SVG text.

    Args:
        results: Rows of random search, TPE and ours.
        suites: A panel for each of them that has rows.
    """
    methods = [m for m in _COLOURS if m in results.methods]
    panels: list[list[str]] = []

    def left() -> float:
        return float(_LEFT + len(panels) % _IN_A_ROW * _PANEL)

    for suite in suites:
        curves = {}
        for method in methods:
            found = [
                (n, results.regret(method, suite, n)) for n in CHECKPOINTS if _FIRST <= n <= _LAST
            ]
            points = [(n, r) for n, r in found if r]
            if points:
                curves[method] = points
        if curves:
            panels.append([*_panel(left(), _TITLES.get(suite, suite), curves)])
    seconds = dict(results.seconds_per_trial(suites))
    # The others' time has Optuna's bookkeeping in it, so ours must have it too.
    seconds["tune_bn"] = seconds.get(THROUGH_OPTUNA, seconds.get("tune_bn", 0.0))
    panels.append([*_bars(left(), {m: 1e3 * seconds[m] for m in methods if m in seconds})])
    width = _LEFT + min(len(panels), _IN_A_ROW) * _PANEL
    height = _TOP + _HEIGHT + 44 + (len(panels) - 1) // _IN_A_ROW * _ROW
    legend = []
    for i, method in enumerate(methods):
        at = _LEFT + i * 190
        legend.append(f'<rect x="{at}" y="14" width="16" height="4" fill="{_COLOURS[method]}"/>')
        legend.append(text(at + 22, 20, _NAMES[method]))
    note = "upright: what is missing to the best known value (1: random search, 10 trials)"
    legend.append(text(_LEFT, 36, note, font_size="11", fill="#566173"))
    parts = [
        f'<g transform="translate(0 {i // _IN_A_ROW * _ROW})">{"".join(panel)}</g>'
        for i, panel in enumerate(panels)
    ]
    return picture("Best value by trials, and cost of a trial", width, height, [*legend, *parts])


def wins(results: Comparison, trials: int = 100) -> str:
    """Returns a bar a suite as SVG text: of ten pairs of runs, how many each of two samplers wins.

    Args:
        results: Rows of TPE and ours.
        trials: How many trials the runs have.
    """
    left, width, step = 220.0, 390.0, 26.0
    quiet = {"font_size": "11", "fill": "#566173"}
    parts = [
        text(left, 20, _NAMES["tune_bn"] + " finds better", fill=_COLOURS["tune_bn"]),
        text(
            left + width,
            20,
            "TPESampler finds better",
            fill=_COLOURS["tpe"],
            text_anchor="end",
        ),
    ]
    top = 34.0
    for suite, name in PROBLEMS.items():
        rate = results.win_rate("tune_bn", "tpe", [suite], trials)
        if rate is None:
            continue
        ours = width * rate.rate
        aside = " *" if suite in TEST else ""
        parts += [
            text(left - 10, top + 14, name + aside, text_anchor="end"),
            f'<rect x="{left}" y="{top}" width="{ours:.1f}" height="18" '
            f'fill="{_COLOURS["tune_bn"]}"/>',
            f'<rect x="{left + ours:.1f}" y="{top}" width="{width - ours:.1f}" height="18" '
            f'fill="{_COLOURS["tpe"]}" fill-opacity="0.55"/>',
            text(
                left + 6, top + 14, f"{10 * rate.rate:.1f} ± {10 * rate.half:.1f}", fill="#ffffff"
            ),
        ]
        top += step
    middle = left + width / 2
    parts += [
        f'<line x1="{middle}" y1="28" x2="{middle}" y2="{top:.0f}" stroke="#2b3442"/>',
        text(middle, top + 14, "as often", text_anchor="middle", font_size="11"),
        text(
            17,
            top + 32,
            f"Of ten pairs of runs of {trials} trials, so many find the better value.",
            **quiet,
        ),
        text(
            17,
            top + 48,
            "Real problems first; BBOB are synthetic functions. * nothing was chosen on these.",
            **quiet,
        ),
    ]
    return picture(f"Who finds the better value after {trials} trials", 640, top + 60, parts)
