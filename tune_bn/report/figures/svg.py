"""How a search narrowed as one small SVG file, for a README, a slide or a mail.

Text, so it needs neither a script nor a browser to be made or shown, and can be read in a diff.
It follows the reader's light or dark scheme and brings its own background.
"""

from typing import Any

from tune_bn.report.errors import ReportError
from tune_bn.report.figures.drawing import draw
from tune_bn.report.figures.drawn import plot_narrowing
from tune_bn.report.figures.hover import plain_text
from tune_bn.report.figures.marks import words
from tune_bn.report.figures.shared import chosen_params
from tune_bn.report.figures.style import FONT, INK, MUTED, STAGE
from tune_bn.report.figures.thinning import shown_trials
from tune_bn.report.results.source import results_of

__all__ = ["narrowing_svg"]

_WIDTH, _EDGE, _HEAD = 880, 16, 54
_MOST_ROWS = 12
# Each rule is for what is inside: where the file stands within a page, the rest keeps its own look.
_STYLE = f"""
.narrowing {{ color: {INK}; font-size: 12px; }}
.narrowing text {{ font-family: {FONT}; fill: currentColor; }}
.narrowing .paper {{ fill: #ffffff; }}
.narrowing .muted {{ fill: {MUTED}; }} .narrowing .accent {{ fill: {STAGE}; }}
.narrowing .bold {{ font-weight: 600; }} .narrowing .dot {{ stroke-linecap: round; fill: none; }}
.narrowing .grid {{ stroke: #7d8796; stroke-opacity: .25; fill: none; }}
@media (prefers-color-scheme: dark) {{
.narrowing {{ color: #e7ebf0; }} .narrowing .paper {{ fill: #0d1117; }}
.narrowing .muted {{ fill: #a3afbd; }} .narrowing .accent {{ fill: #72b7ec; }}
}}
"""


def narrowing_svg(source: Any, *, max_trials: int = 400) -> str:
    """Returns an SVG with a row per parameter: its value in each trial, and where it was drawn.

    It is `plot_narrowing` of the first twelve parameters, drawn.

    Args:
        source: What `results_of` takes.
        max_trials: Show at most so many trials (≥ 10).

    Raises:
        ReportError: If the source is no search, or there is nothing to draw yet.
    """
    results = results_of(source)
    names = chosen_params(results, None)[:_MOST_ROWS]
    if not names or not shown_trials(results, max_trials)[0]:
        raise ReportError(
            "A figure of how a search narrowed needs a finished trial with a parameter, but "
            f"{results.name!r} has none yet."
        )
    figure = plot_narrowing(results, params=names, max_trials=max_trials)
    drawing = draw(figure, width=_WIDTH - 2 * _EDGE)
    title, *notes = plain_text(str(figure.layout.title.text)).split("\n")
    goal = "higher is better" if results.maximize else "lower is better"
    about = " ".join(notes) or (goal if len(results.directions) == 1 else "")
    height = drawing.height + _HEAD + _EDGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="narrowing" role="img" '
        f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'aria-label="{title}">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n"
        f'<rect class="paper" width="{_WIDTH}" height="{height}" rx="8"/>\n'
        f"{words(_EDGE, 26, title, 'bold', size=16)}{words(_EDGE, 44, about, 'muted')}\n"
        f'<g transform="translate({_EDGE} {_HEAD})">{drawing.svg}</g>\n</svg>\n'
    )
