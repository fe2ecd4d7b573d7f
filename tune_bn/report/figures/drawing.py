"""A figure as SVG: what plotly would draw of it, without a script and a hundredth of the size.

The figure itself is the only description: what `plot_narrowing` and its like return is read here,
so that a page and a notebook never show two things. Known is what those functions use, no more:
marks, lines, error bars, filled bands, words, bars, cells, contours; linear and log axes, side by
side too; shapes, annotations, a legend and a colour bar.
"""

import math
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from tune_bn.report.figures.contours import band
from tune_bn.report.figures.hover import filled, plain_text, template_parts, visible_lines
from tune_bn.report.figures.marks import (
    line_path,
    marks,
    mixed,
    rgba,
    stroke,
    wide,
    word_lines,
    words,
)
from tune_bn.report.figures.pixels import PixelAxis, ticks_of
from tune_bn.report.figures.style import GRID, MUTED, STAGE, value_colour

__all__ = ["Drawing", "draw"]

_LINE_PX = 19


class Drawing(NamedTuple):
    """A figure, drawn.

    Args:
        svg: What is inside of an ``svg`` element of this size.
        width: In pixels.
        height: In pixels.
        area: Left, top, width and height of where the data are.
        points: What a pointer finds: place across the area (0 to 10,000), pixels below its top,
            and what to say there.
    """

    svg: str
    width: int
    height: int
    area: tuple[float, float, float, float]
    points: list[tuple[int, int, str]]


def draw(figure: go.Figure, *, width: int, is_narrow: bool = False) -> Drawing:
    """Returns a figure as SVG, without its title.

    Args:
        figure: One of those that this room makes.
        width: In pixels.
        is_narrow: Whether to apply what the figure says that it changes on a narrow page.
    """
    return _Painter(figure, width, is_narrow).drawing()


class _Painter:
    """Reads a figure once and writes its parts."""

    def __init__(self, figure: go.Figure, width: int, is_narrow: bool) -> None:
        described = _decoded(figure.to_plotly_json())
        self.layout: dict[str, Any] = described["layout"]
        self.traces: list[dict[str, Any]] = [_decoded(trace) for trace in described["data"]]
        self.is_narrow = is_narrow
        meta = self.layout.get("meta")
        if is_narrow and isinstance(meta, Mapping):
            for path, value in meta.get("narrow", {}).items():
                _set(self.layout, path.split("."), value)
        margin = self.layout.get("margin", {})
        self.inner_height = (
            self.layout.get("height", 400) - margin.get("t", 76) - margin.get("b", 52)
        )
        self.width = width
        self.points: list[tuple[int, int, str]] = []
        names = {key for key in self.layout if re.fullmatch(r"[xy]axis\d*", key)}
        self.axes = {
            name[0] + name[5:]: self._axis(name) for name in sorted(names | {"xaxis", "yaxis"})
        }

    def drawing(self) -> Drawing:
        """Returns all parts put together."""
        for axis in self.axes.values():
            if not axis.is_x:
                low, high = axis.options.get("domain", (0, 1))
                axis.start = (1 - high) * self.inner_height
                axis.length = (high - low) * self.inner_height
        self._tick(is_x=False)
        left, right = self._left(), 14.0
        legend = self._legend_lines(self.width - 8)
        annotations = self.layout.get("annotations") or []
        top = len(legend) * _LINE_PX + max(map(_reach_above, annotations), default=8.0)
        area_width = self.width - left - right
        for axis in self.axes.values():
            if axis.is_x:
                low, high = axis.options.get("domain", (0, 1))
                axis.start, axis.length = low * area_width, (high - low) * area_width
        self._tick(is_x=True)
        self.area = (left, top, area_width, self.inner_height)
        bottom, below = self._below()
        parts = [
            *self._legend(legend),
            f'<g transform="translate({left:.1f} {top:.1f})">',
            *self._grid(),
            *(part for s in self.layout.get("shapes") or [] for part in self._shape(s)),
        ]
        for trace in self.traces:
            parts += self._trace(trace)
        parts += self._annotations(annotations)
        parts += [*below, "</g>"]
        height = int(top + self.inner_height + bottom)
        return Drawing("".join(parts), self.width, height, self.area, self.points)

    # Axes

    def _axis(self, name: str) -> PixelAxis:
        options = self.layout.get(name) or {}
        is_x = name[0] == "x"
        found = options.get("range")
        axis = PixelAxis(options, is_x, 0.0, 1.0)
        if found is not None:
            axis.low, axis.high = map(float, found)
        else:
            axis.low, axis.high = self._extent(axis, name[0] + name[5:])
        return axis

    def _extent(self, axis: PixelAxis, key: str) -> tuple[float, float]:
        """Returns the ends of an axis that the figure leaves open."""
        side = key[0]
        values: list[float] = []
        pad = 0.05
        for trace in self.traces:
            if trace.get(f"{side}axis", side) != key or trace.get(side) is None:
                continue
            found = axis.inner(trace[side])
            values += found[np.isfinite(found)].tolist()
            if trace["type"] == "heatmap":
                return (
                    (len(found) - 0.5, -0.5)
                    if self._is_reversed(axis)
                    else (
                        -0.5,
                        len(found) - 0.5,
                    )
                )
        if trace_type_is_bar := any(t["type"] == "bar" for t in self.traces):
            values += [-0.5] if not axis.is_x else [0.0]
            pad = 0.0
        if not values:
            return 0.0, 1.0
        low, high = min(values), max(values)
        if trace_type_is_bar and not axis.is_x:
            high += 0.5
        if axis.options.get("rangemode") == "tozero":
            low, high = min(low, 0.0), max(high, 0.0)
            return low, high + 0.05 * (high - low) or 1.0
        with np.errstate(over="ignore"):
            margin = pad * (high - low) or (0.0 if trace_type_is_bar else 0.5)
        low, high = max(low - margin, -1e300), min(high + margin, 1e300)
        return (high, low) if self._is_reversed(axis) else (low, high)

    @staticmethod
    def _is_reversed(axis: PixelAxis) -> bool:
        return axis.options.get("autorange") == "reversed"

    def _tick(self, *, is_x: bool) -> None:
        for axis in self.axes.values():
            if axis.is_x is is_x and axis.options.get("visible") is not False:
                axis.ticks = ticks_of(axis)

    def _has_text(self, axis: PixelAxis) -> bool:
        return axis.options.get("showticklabels") is not False

    def _left(self) -> float:
        widest = 0.0
        for axis in self.axes.values():
            if axis.is_x or not self._has_text(axis):
                continue
            anchor = self.axes.get(axis.options.get("anchor", "x"))
            if anchor is not None and anchor.options.get("domain", (0, 1))[0] > 0:
                continue
            own = [wide(line, 12) for _, text in axis.ticks for line in text.split("\n")]
            title = 22 if _title(axis) else 0
            widest = max(widest, max(own, default=0.0) + title)
        return max(widest + 12, 16.0)

    def _grid(self) -> Iterator[str]:
        """Yields the lines and the texts of all ticks."""
        for axis in self.axes.values():
            other = self.axes.get(axis.options.get("anchor", "y" if axis.is_x else "x"))
            if other is None:
                other = self.axes["y" if axis.is_x else "x"]
            start, end = other.start, other.start + other.length
            lines: list[str] = []
            for value, text in axis.ticks:
                at = float(_placed(axis, value))
                lines.append(f"M{at:.1f} {start:.1f}V{end:.1f}" if axis.is_x else
                             f"M{start:.1f} {at:.1f}H{end:.1f}")  # fmt: skip
                if not self._has_text(axis):
                    continue
                if axis.is_x:
                    yield words(at, end + 17, text, "muted", "middle")
                else:
                    yield from word_lines(start - 8, at, text, "muted", "end")
            if axis.options.get("showgrid") is not False and lines:
                colour = axis.options.get("gridcolor")
                own = "" if colour in (None, GRID) else f' style="stroke:{colour}"'
                yield f'<path class="grid" d="{"".join(lines)}"{own}/>'
            title = _title(axis)
            if title and not axis.is_x:
                x, y = 14 - self.area[0], axis.start + axis.length / 2
                turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"'
                yield words(x, y, title, "muted", "middle", turn=turn)

    def _below(self) -> tuple[float, list[str]]:
        """Returns how high what stands below the area is, and it: titles and the colour bar."""
        parts: list[str] = []
        bottom = 10.0
        for axis in self.axes.values():
            if not axis.is_x or axis.options.get("visible") is False:
                continue
            if axis.ticks and self._has_text(axis):
                bottom = max(bottom, 28.0)
        for axis in self.axes.values():
            title = _title(axis)
            if title and axis.is_x:
                x = axis.start + axis.length / 2
                parts.append(words(x, self.inner_height + 36, title, "muted", "middle"))
                bottom = max(bottom, 46.0)
        scale = self.layout.get("coloraxis") or {}
        bar = scale.get("colorbar")
        if bar and scale.get("showscale") is not False:
            top, length = self.inner_height + bottom + 4, bar.get("len", 0.62) * self.area[2]
            step = length / 48
            parts += [
                f'<path d="M{i * step:.1f} {top + 4:.1f}h{step + 0.4:.1f}" stroke-width="9" '
                f'stroke="{value_colour((i + 0.5) / 48)}"/>'
                for i in range(48)
            ]
            for share, text in zip(bar["tickvals"], bar["ticktext"], strict=True):
                anchor = "start" if share < 0.1 else "end" if share > 0.9 else "middle"
                x = {"start": 0.0, "end": length}.get(anchor, share * length)
                parts.append(words(x, top + 24, plain_text(text), "muted", anchor))
            bottom += 34
        return bottom, parts

    # Words

    def _legend_lines(self, width: float) -> list[list[tuple[float, dict[str, Any]]]]:
        """Returns the entries of the legend in lines, each with its place."""
        if self.layout.get("showlegend") is False:
            return []
        entries = [t for t in self.traces if t.get("name") and t.get("showlegend") is not False]
        if len(entries) < 2 and not any(t.get("showlegend") for t in entries):
            return []
        lines: list[list[tuple[float, dict[str, Any]]]] = [[]]
        x = 0.0
        for entry in entries:
            room = wide(plain_text(entry["name"]), 12) + 40
            if x + room > width and lines[-1]:
                lines.append([])
                x = 0.0
            lines[-1].append((x, entry))
            x += room
        return lines

    def _legend(self, lines: list[list[tuple[float, dict[str, Any]]]]) -> Iterator[str]:
        for i, line in enumerate(lines):
            y = 9.0 + i * _LINE_PX
            for x, trace in line:
                yield from self._sample(trace, x + 10, y)
                yield words(x + 25, y + 4, plain_text(trace["name"]))

    def _sample(self, trace: Mapping[str, Any], x: float, y: float) -> Iterator[str]:
        """Yields what a trace looks like, for the legend."""
        mode = trace.get("mode", "")
        if trace.get("fill") == "toself":
            line = trace["line"]
            yield (
                f'<rect x="{x - 8:.1f}" y="{y - 5:.1f}" width="16" height="10" '
                f'fill="{trace["fillcolor"]}" stroke="{line["color"]}"/>'
            )
            return
        if "lines" in mode:
            yield f'<path d="M{x - 9:.1f} {y:.1f}h18"{stroke(trace.get("line") or {})}/>'
        if "markers" in mode:
            marker = _marker_of(trace)
            if isinstance(marker.get("size"), (list, np.ndarray)):
                marker["size"] = 8
            if "coloraxis" in marker:
                marker = {**marker, "color": value_colour(0.5)}
            opacity = marker.get("opacity")
            marker["opacity"] = float(opacity) if isinstance(opacity, (int, float)) else 1.0
            yield from marks(marker, [x], [y])

    def _annotations(self, annotations: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        free_from = -math.inf
        for a in annotations:
            x = self._reference(a.get("x", 0), _ref(a.get("xref"), "x")) + (a.get("xshift") or 0)
            y = self._reference(a.get("y", 0), _ref(a.get("yref"), "y")) - (a.get("yshift") or 0)
            head, bold_end, rest = str(a.get("text", "")).partition("</b>")
            text, more = plain_text(head), plain_text(rest)
            size = float((a.get("font") or {}).get("size", 13))
            if a.get("name") == "stage":
                # Where there is no room for all names, those that come first have it.
                if x < free_from or x + wide(text, size) > self.area[2] + 12:
                    continue
                free_from = x + wide(text, size) + 8
            anchor = {"left": "start", "right": "end"}.get(str(a.get("xanchor")), "middle")
            drop = {"top": 0.95 * size, "bottom": -3.0}.get(str(a.get("yanchor")), 0.35 * size)
            colour = (a.get("font") or {}).get("color")
            kind = {MUTED: "muted", STAGE: "accent"}.get(str(colour), "")
            yield words(x, y + drop, text, f"{kind} halo".strip(), anchor, size, bold_end, more)

    def _reference(self, value: float, name: str) -> float:
        """Returns the pixels of a place: in data, as a share of an axis, or of the whole area."""
        if name == "xpaper":
            return float(value) * self.area[2]
        if name == "ypaper":
            return (1.0 - value) * float(self.inner_height)
        if name.endswith(" domain"):
            axis = self.axes[name.split()[0]]
            return axis.start + (value if axis.is_x else 1 - value) * axis.length
        return float(_placed(self.axes[name], value))

    def _shape(self, shape: Mapping[str, Any]) -> Iterator[str]:
        x0, x1 = (self._reference(shape[k], _ref(shape.get("xref"), "x")) for k in ("x0", "x1"))
        y0, y1 = (self._reference(shape[k], _ref(shape.get("yref"), "y")) for k in ("y0", "y1"))
        if shape["type"] == "line":
            yield f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"{stroke(shape["line"])}/>'
            return
        yield (
            f'<rect x="{min(x0, x1):.1f}" y="{min(y0, y1):.1f}" width="{abs(x1 - x0):.1f}" '
            f'height="{abs(y1 - y0):.1f}" fill="{shape["fillcolor"]}"/>'
        )

    # Data

    def _trace(self, trace: Mapping[str, Any]) -> Iterator[str]:
        draw_one: Callable[[Mapping[str, Any]], Iterator[str]] = {
            "scatter": self._scatter,
            "bar": self._bars,
            "heatmap": self._cells,
            "contour": self._contours,
        }[trace["type"]]
        group = re.sub(r"\W+", "-", str(trace.get("legendgroup") or ""))
        kind = f' class="{group}"' if group else ""
        opacity = trace.get("opacity")
        faint = f' opacity="{opacity:g}"' if opacity not in (None, 1) else ""
        inside = "".join(draw_one(trace))
        if inside:
            yield f"<g{kind}{faint}>{inside}</g>"

    def _scatter(self, trace: Mapping[str, Any]) -> Iterator[str]:
        across, up = self.axes[trace.get("xaxis", "x")], self.axes[trace.get("yaxis", "y")]
        if not len(trace.get("x", ())) or trace["x"][0] is None:
            return
        x, y = across.place(trace["x"]), up.place(trace["y"])
        mode = trace.get("mode", "")
        if "lines" in mode:  # what leaves the area runs along its edge, or ends at its side
            y = np.clip(y, up.start - 1, up.start + up.length + 1)
            inside = np.clip(x, across.start - 1, across.start + across.length + 1)
            left = np.flatnonzero(inside != x)
            if len(left) and left[0] > 0 and np.isfinite(x).all():
                x, y = inside[: left[0] + 1], y[: left[0] + 1].copy()
                y[-1] = y[-2]
        else:
            y = np.where(np.abs(y - up.start - up.length / 2) > up.length / 2 + 4, math.nan, y)
        bars = trace.get("error_y")
        if bars is not None and bars.get("array") is not None:
            yield from _error_bars(bars, x, trace["y"], up)
            return
        if trace.get("fill") == "toself":
            line = trace["line"]
            yield (
                f'<path d="{line_path(x, y, "", is_closed=True)}" fill="{trace["fillcolor"]}" '
                f'stroke="{line["color"]}"/>'
            )
            return
        if "lines" in mode:
            line = trace.get("line") or {}
            path = line_path(x, y, str(line.get("shape", "")))
            yield f'<path d="{path}" fill="none"{stroke(line)}/>'
        if "markers" in mode:
            yield from marks(_marker_of(trace), x, y)
        if mode == "text":
            size = float((trace.get("textfont") or {}).get("size", 12))
            for at, up_at, text in zip(x, y, trace["text"], strict=True):
                yield words(at, up_at + 0.35 * size, plain_text(text), "", "start", size)
        self._point_at(trace, x, y)

    def _point_at(self, trace: Mapping[str, Any], x: Any, y: Any) -> None:
        """Notes what a pointer finds at each mark of a trace."""
        template = trace.get("hovertemplate")
        if not template or trace.get("hoverinfo") == "skip":
            return
        parts = template_parts(template)
        about = trace.get("customdata")
        sizes = np.broadcast_to((trace.get("marker") or {}).get("size", 1), len(x))
        for i, (across, down) in enumerate(zip(x, y, strict=True)):
            if math.isfinite(across) and math.isfinite(down) and sizes[i]:
                given = {"x": trace["x"][i], "y": trace["y"][i]}
                if about is not None:
                    given["customdata"] = about[i]
                self._add_point(across, down, filled(parts, given))

    def _add_point(self, across: float, down: float, text: str) -> None:
        share = round(1e4 * across / max(self.area[2], 1.0))
        self.points.append((share, round(down), visible_lines(text)))

    def _bars(self, trace: Mapping[str, Any]) -> Iterator[str]:
        across, up = self.axes["x"], self.axes["y"]
        zero = float(_placed(across, 0.0))
        thick = abs(float(_placed(up, 1.0)) - float(_placed(up, 0.0))) * trace.get("width", 0.62)
        texts = trace.get("text")
        spans = trace.get("error_x") or {}
        over, under = spans.get("array"), spans.get("arrayminus")
        colour = trace["marker"]["color"]
        for i, (length, row) in enumerate(zip(trace["x"], trace["y"], strict=True)):
            x, y = float(_placed(across, length)), float(_placed(up, row))
            yield (
                f'<rect x="{zero:.1f}" y="{y - thick / 2:.1f}" width="{max(x - zero, 0.5):.1f}" '
                f'height="{thick:.1f}" rx="2" fill="{colour}"/>'
            )
            if over is not None and under is not None:
                low = float(_placed(across, length - under[i]))
                x = float(_placed(across, length + over[i]))
                yield (
                    f'<path d="M{low:.1f} {y:.1f}H{x:.1f}M{low:.1f} {y - 4:.1f}v8'
                    f'M{x:.1f} {y - 4:.1f}v8" class="ink-line"/>'
                )
            if texts is not None:
                yield words(x + 6, y + 4, plain_text(str(texts[i])))

    def _cells(self, trace: Mapping[str, Any]) -> Iterator[str]:
        across, up = self.axes["x"], self.axes["y"]
        step_x = abs(float(_placed(across, 1.0)) - float(_placed(across, 0.0)))
        step_y = abs(float(_placed(up, 1.0)) - float(_placed(up, 0.0)))
        gap = trace.get("xgap") or 0
        stops = [rgba(colour) for _, colour in trace["colorscale"]]
        about = trace.get("customdata")
        parts = template_parts(trace.get("hovertemplate") or "")
        low, high = trace.get("zmin", 0.0), trace.get("zmax", 1.0)
        has_text = trace.get("texttemplate") is not None and step_x > 16
        for i, row in enumerate(trace["z"]):
            for j, z in enumerate(row):
                x = float(_placed(across, trace["x"][j])) - step_x / 2
                y = float(_placed(up, trace["y"][i])) - step_y / 2
                if not math.isnan(z):
                    share = min(max((float(z) - low) / ((high - low) or 1.0), 0.0), 1.0)
                    yield (
                        f'<rect x="{x + gap / 2:.1f}" y="{y + gap / 2:.1f}" '
                        f'width="{step_x - gap:.1f}" height="{step_y - gap:.1f}" '
                        f'fill="{mixed(stops, share)}"/>'
                    )
                middle = x + step_x / 2, y + step_y / 2
                if has_text and str(trace["text"][i][j]):
                    yield words(middle[0], middle[1] + 4, str(trace["text"][i][j]), "", "middle")
                if about is not None:
                    text = filled(parts, {"z": z, "customdata": about[i][j]})
                    self._add_point(*middle, text)

    def _contours(self, trace: Mapping[str, Any]) -> Iterator[str]:
        x, y = self.axes["x"].place(trace["x"]), self.axes["y"].place(trace["y"])
        levels = trace["contours"]
        z, step = np.asarray(trace["z"], dtype=float), levels["size"]
        lines = []
        for level in np.arange(levels["start"] - step, levels["end"] + step / 2, step):
            area, edge = band(z, x, y, float(level))
            colour = value_colour(float(level) + step / 2)
            yield f'<path d="{area}" fill="{colour}" shape-rendering="crispEdges"/>'
            lines.append(edge)
        yield f'<path d="{"".join(lines)}" class="ink-line"/>'


def _decoded(described: Any) -> Any:
    """Returns a figure's description with its arrays as arrays: plotly writes them as base64."""
    if isinstance(described, dict):
        if "bdata" in described:
            flat = np.frombuffer(b64decode(described["bdata"]), dtype=described["dtype"])
            shape = [int(n) for n in str(described.get("shape", flat.size)).split(",")]
            return flat.reshape(shape)
        return {key: _decoded(value) for key, value in described.items()}
    return described


def _set(layout: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        layout = layout.setdefault(key, {})
    layout[path[-1]] = value


def _marker_of(trace: Mapping[str, Any]) -> dict[str, Any]:
    """Returns how a trace's marks look: without a colour of their own they have the line's."""
    return {"color": (trace.get("line") or {}).get("color"), **(trace.get("marker") or {})}


def _title(axis: PixelAxis) -> str:
    return plain_text(str((axis.options.get("title") or {}).get("text") or ""))


def _reach_above(annotation: Mapping[str, Any]) -> float:
    """Returns how far an annotation reaches above the area, at least 8 pixels."""
    if annotation.get("yanchor") != "bottom" or annotation.get("y", 0) < 1:
        return 8.0
    size = float((annotation.get("font") or {}).get("size", 13))
    return float(annotation.get("yshift") or 0) + 1.3 * size + 8.0


def _placed(axis: PixelAxis, value: float) -> float:
    """Returns where one value lies, in pixels of the area."""
    return float(axis.place([value])[0])


def _ref(given: Any, side: str) -> str:
    return f"{side}paper" if given == "paper" else str(given or side)


def _error_bars(bars: Mapping[str, Any], x: Any, middle: Any, up: PixelAxis) -> Iterator[str]:
    half, cap = np.asarray(bars["array"], dtype=float), float(bars.get("width") or 0)
    low, high = (up.place(np.asarray(middle, dtype=float) + sign * half) for sign in (-1, 1))
    top, bottom = up.start, up.start + up.length
    parts = []
    for across, below, above in zip(x, low, high, strict=True):
        # A range that has changed in the search may have been wider: nothing leaves the row.
        ends = [min(max(end, top), bottom) for end in (above, below)]
        if ends[0] == ends[1] and above != below:
            continue
        parts.append(f"M{across:.1f} {ends[0]:.1f}V{ends[1]:.1f}")
        if cap:
            parts += [f"M{across - cap:.1f} {end:.1f}h{2 * cap:.1f}" for end in ends]
    yield (
        f'<path d="{"".join(parts)}" fill="none" stroke="{bars["color"]}" '
        f'stroke-width="{bars["thickness"]:.3g}"/>'
    )
