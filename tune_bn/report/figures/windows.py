"""The windows of each stage as bars: how far each parameter has narrowed."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from tune_bn.core.draws.stages import Stage
from tune_bn.report.figures.shared import chosen_params, some_stages
from tune_bn.report.figures.style import (
    BLUE_RGB,
    add_note,
    base_figure,
    empty_figure,
    takes_template,
)
from tune_bn.report.results.results import Results
from tune_bn.report.results.source import results_of
from tune_bn.report.results.wording import plotly_text, share_text, window_text

__all__ = ["plot_windows"]


@takes_template
def plot_windows(
    source: Any, *, params: Sequence[str] | None = None, max_stages: int = 8, template: Any = None
) -> go.Figure:
    """Returns a figure with the windows of all parameters, stage by stage, over the full range.

    A bar is the share of the parameter's scale that all draws of a stage span together, where on
    the scale it lies, with its ends in the parameter's own units beside it. Beside the name of a
    stage is its usual width: the median share of the scale that a single draw spans.

    Args:
        source: What `results_of` takes.
        params: Names of the parameters to show; None for all that are not categories.
        max_stages: Show at most so many stages, first and last among them (≥ 2).
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.

    Raises:
        ReportError: If a name is none of the parameters, or the source is no search.
    """
    results = results_of(source)
    title = "Windows of each stage"
    names = [
        name
        for name in chosen_params(results, params)
        if params is not None or not results.space[name].is_unordered
    ]
    # Trials before the first stage have no windows.
    drawn = [stage for stage in results.stages if stage.index >= 0]
    if not drawn or not names:
        return empty_figure(title, "No trial recorded a stage: another sampler drew them.")
    stages = some_stages(drawn, max_stages)
    bar, gap, head = 0.74, 1.0, 1.1
    places: list[float] = []
    texts: list[str] = []
    about: list[str] = []
    # Handed over as whole lists: plotly checks all shapes again each time that one is added.
    shapes: list[dict[str, Any]] = []
    headings: list[dict[str, Any]] = []
    place = 0.0
    for name in names:
        parameter = results.space[name]
        place += head
        headings.append(
            {
                "text": f"<b>{plotly_text(name)}</b>",
                "x": 0,
                "xref": "paper",
                "xanchor": "left",
                "y": place - 0.8,
                "yanchor": "middle",
                "showarrow": False,
            }
        )
        for i, stage in enumerate(stages):
            window = stage.windows.get(name)
            low, high = _share(results, name, parameter.bounds if window is None else window)
            text = window_text(window, is_choice=parameter.is_unordered)
            shade = 0.32 + 0.68 * i / max(len(stages) - 1, 1)
            for start, width, colour in (
                (0.0, 1.0, "rgba(125,135,150,0.13)"),
                (low, max(high - low, 0.006), f"rgba({BLUE_RGB},{shade:.2f})"),
            )[: 1 if window is None else 2]:
                shapes.append(
                    {
                        "type": "rect",
                        "x0": start,
                        "x1": start + width,
                        "y0": place - bar / 2,
                        "y1": place + bar / 2,
                        "fillcolor": colour,
                        "line": {"width": 0},
                    }
                )
            texts.append(f"\u2002{plotly_text(text, 26)}")
            about.append(
                f"{plotly_text(name)}, {stage.name}"
                f"<br>{plotly_text(text, 80)}"
                + ("" if window is None else f"<br>{share_text(high - low)} of the scale")
                + ("" if window is None else _usually(stage))
            )
            places.append(place)
            place += gap
        place += 0.15
    figure = go.Figure(
        go.Scatter(
            x=[1.0] * len(places),
            y=places,
            mode="text",
            text=texts,
            textposition="middle right",
            textfont={"size": 11.5},
            showlegend=False,
            customdata=about,
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    figure.update_layout(shapes=shapes, annotations=headings)
    base_figure(figure, title=title, height=int(24 * place) + 110)
    figure.update_yaxes(
        range=[place - 0.3, -0.2],
        tickvals=places,
        ticktext=[_stage_text(stage) for _ in names for stage in stages],
        showgrid=False,
    )
    figure.update_xaxes(
        range=[0, 1.42],
        tickvals=[0, 0.5, 1],
        ticktext=["low end", "share of the scale", "high end"],
        showgrid=False,
    )
    figure.update_layout(
        margin={"t": 56, "b": 40},
        # What a narrow page changes: the texts keep their size, the bars make room.
        meta={"narrow": {"xaxis.range": [0, 2.25], "xaxis.ticktext": ["low", "", "high"]}},
    )
    note = f"{len(stages)} of {len(drawn)} stages shown. " if len(stages) < len(drawn) else ""
    add_note(figure, f"{note}Bars: all draws of a stage. Percent: how wide one usually was.")
    return figure


def _stage_text(stage: Stage) -> str:
    usual = "" if stage.usual_width is None else f", {share_text(stage.usual_width)}"
    return plotly_text(f"{stage.name}{usual}")


def _usually(stage: Stage) -> str:
    """Returns how narrow single draws of a stage were, which its hull does not show."""
    if stage.usual_width is None:
        return ""
    return f"<br>all parameters: a draw usually spans {share_text(stage.usual_width)}"


def _share(results: Results, name: str, window: tuple[Any, ...]) -> tuple[float, float]:
    """Returns the window's ends as positions on the scale, whole cells included."""
    parameter = results.space[name]
    if parameter.is_unordered:
        return 0.0, len(window) / len(parameter.bounds)
    ends = (parameter.position(end) for end in window)
    half = 0.5 / parameter.n_cells if parameter.n_cells else 0.0
    low, high = (
        min(max(end + side, 0.0), 1.0) for end, side in zip(ends, (-half, half), strict=True)
    )
    # The ends of a log scale of integers lie within their cells: the whole range is drawn whole.
    return (
        0.0 if window[0] == parameter.bounds[0] else low,
        1.0 if window[-1] == parameter.bounds[-1] else high,
    )
