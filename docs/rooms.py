"""The picture of the rooms in ``docs/architecture.md``, made from the imports of the package.

    python docs/rooms.py

writes ``docs/assets/rooms.svg``. A test fails where picture and imports differ.
"""

import ast
from html import escape
from pathlib import Path

__all__ = ["arrows", "imported", "picture"]

PACKAGE = Path(__file__).parent.parent / "tune_bn"
PICTURE = Path(__file__).parent / "assets" / "rooms.svg"
_ROWS = (
    ("cli", "sklearn"),
    ("tuning", "report"),
    ("optuna", "ray", "training"),
    ("core", "nn"),
    ("plain",),
)
_SAYS = {
    "cli": ("the command tune-bn",),
    "sklearn": ("two estimators",),
    "tuning": ("a table → a tuned network", "folder → trials → finish → on_ray"),
    "report": ("any search → page, advice", "results → advice, figures → pages"),
    "optuna": ("the sampler",),
    "ray": ("the search algorithm",),
    "training": ("a table, one network",),
    "core": ("the search itself", "space → history → draws → search"),
    "nn": ("batch norm",),
    "plain": ("files, text, HTML", "used by all rooms above"),
}
_WIDTH, _BOX, _HEIGHT, _GAP = 720, 218, 64, 56
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #374151; }
.name { font-weight: 600; fill: #111827; }
rect { fill: #eef2f7; stroke: #9aa3af; }
path { fill: none; stroke: #7d8796; }
marker path { fill: #7d8796; stroke: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #c3cad5; } .name { fill: #f3f4f6; } rect { fill: #1f2530; stroke: #5b6472; }
}
"""


def imported(tree: ast.AST, package: str = "") -> set[str]:
    """Returns every module named in an import statement, wherever it stands.

    Args:
        tree: The parsed source.
        package: The package that the source is in, for imports relative to it.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level]
            module = ".".join(filter(None, [*(above if node.level else []), node.module]))
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def arrows() -> set[tuple[str, str]]:
    """Returns which room imports from which."""
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0]
        for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
            parts = name.split(".")
            if parts[0] == "tune_bn" and len(parts) > 1 and {room, parts[1]} <= _SAYS.keys():
                found.add((room, parts[1]))
    return {(a, b) for a, b in found if a != b}


def _places() -> dict[str, tuple[float, float]]:
    """Returns the middle of each room's box."""
    found = {}
    for row, rooms in enumerate(_ROWS):
        for i, room in enumerate(rooms):
            x = _WIDTH / 2 + (i - (len(rooms) - 1) / 2) * (_BOX + 22)
            found[room] = (x, 8 + _HEIGHT / 2 + row * (_HEIGHT + _GAP))
    return found


def picture() -> str:
    """Returns the picture as SVG: a box a room, an arrow for each pair of rooms that imports."""
    places = _places()
    height = 16 + len(_ROWS) * _HEIGHT + (len(_ROWS) - 1) * _GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'aria-label="Rooms of tune_bn, each with arrows to the rooms that it imports from">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>',
    ]
    below = {(a, b) for a, b in arrows() if b != "plain"}  # every room may use it
    for a, b in sorted(below, key=lambda pair: (places[pair[0]][::-1], places[pair[1]][::-1])):
        (x, y), (u, v) = places[a], places[b]
        shift = (u - x) * 0.18
        start, end = y + _HEIGHT / 2, v - _HEIGHT / 2 - 2
        middle = (start + end) / 2
        lines.append(
            f'<path marker-end="url(#tip)" d="M{x + shift:.0f} {start:.0f}C{x + shift:.0f} '
            f'{middle:.0f} {u - shift:.0f} {middle:.0f} {u - shift:.0f} {end:.0f}"/>'
        )
    for room, (x, y) in places.items():
        lines.append(
            f'<rect x="{x - _BOX / 2:.0f}" y="{y - _HEIGHT / 2:.0f}" width="{_BOX}" '
            f'height="{_HEIGHT}" rx="6"/>'
        )
        texts = [f"{room}/", *_SAYS[room]]
        for i, text in enumerate(texts):
            at = y + 4 + (i - (len(texts) - 1) / 2) * 17
            name = ' class="name"' if i == 0 else ""
            lines.append(
                f'<text{name} text-anchor="middle" x="{x:.0f}" y="{at:.0f}">{escape(text)}</text>'
            )
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
