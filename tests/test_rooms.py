"""Imports run one way between the rooms, and the front door loads no framework."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tune_bn"
DOCS = PACKAGE.parent / "docs"


def load_map():
    """Returns the module that draws the rooms; it lies beside the page that shows them."""
    spec = importlib.util.spec_from_file_location("rooms", DOCS / "rooms.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROOMS = load_map()
imported = ROOMS.imported
FRAMEWORKS = {"optuna", "ray", "torch", "pandas", "pyarrow", "sklearn", "plotly", "typer", "rich"}

# What each room may import of ours beside `plain`, and which frameworks at module level.
ALLOWED = {
    "plain": (set(), set()),
    "core": (set(), set()),
    "nn": (set(), {"torch"}),
    "optuna": ({"core"}, {"optuna"}),
    "ray": ({"core"}, {"ray", "pyarrow", "pandas"}),  # Ray Tune needs both itself
    "training": ({"nn"}, {"torch", "pandas", "pyarrow", "sklearn"}),
    "tuning": (
        {"core", "nn", "training", "optuna", "ray"},
        {"optuna", "ray", "torch", "pandas", "sklearn"},
    ),
    "report": ({"core", "optuna", "ray", "nn", "training"}, FRAMEWORKS),
    "sklearn": ({"training", "tuning", "report"}, {"pandas", "sklearn"}),
    "cli": ({"core", "training", "tuning", "report", "optuna", "ray"}, FRAMEWORKS),
}
# The floors of a room, from the ground up: a folder imports only those below it.
FLOORS = {
    "core": (("space",), ("history",), ("draws",), ("search",)),
    "report": (("results",), ("advice", "figures"), ("pages",)),
    "tuning": (("folder",), ("trials",), ("finish",), ("on_ray",)),
}


def room_of(path: Path) -> str:
    """Returns the room that a source file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def sources(room: str) -> list[Path]:
    """Returns the source files of a room."""
    return [p for p in sorted(PACKAGE.rglob("*.py")) if room_of(p) == room]


def rooms_used(names: set[str]) -> set[str]:
    """Returns the rooms of ours among imported modules."""
    return {n.split(".")[1] for n in names if n.startswith("tune_bn.")} - {"__version__"}


@pytest.mark.parametrize("room", ALLOWED)
def test_imports_run_one_way(room):
    """A room imports only those below it, and only its own frameworks."""
    allowed_rooms, allowed_frameworks = ALLOWED[room]
    for path in sources(room):
        package = ".".join(path.relative_to(PACKAGE.parent).parent.parts)
        names = imported(ast.parse(path.read_text(encoding="utf-8")), package)
        assert rooms_used(names) <= allowed_rooms | {room, "plain"}, path
        assert {n.split(".")[0] for n in names} & FRAMEWORKS <= allowed_frameworks, path


def test_every_file_belongs_to_a_known_room():
    """No source file escapes the test above."""
    others = {"__init__", "__main__"}
    assert {room_of(p) for p in PACKAGE.rglob("*.py")} <= set(ALLOWED) | others


@pytest.mark.parametrize("room", FLOORS)
def test_inside_a_room_imports_run_down(room):
    """A folder imports nothing that lies above or beside it."""
    floor_of = {name: i for i, names in enumerate(FLOORS[room]) for name in names}
    folders = {path.name for path in (PACKAGE / room).iterdir() if (path / "__init__.py").exists()}
    assert folders == set(floor_of)
    for path in sources(room):
        here = path.relative_to(PACKAGE).parts[1]
        for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
            parts = name.split(".")
            if here in floor_of and parts[:2] == ["tune_bn", room] and len(parts) > 2:
                there = parts[2]
                if there in floor_of and there != here:
                    assert floor_of[there] < floor_of[here], (path, name)


def module_of(path: Path) -> str:
    """Returns the dotted name of a source file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Returns the groups of modules that import each other, directly or not."""

    def reached(start: str) -> set[str]:
        found, waiting = set(), [*arrows[start]]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += arrows[name]
        return found

    reach = {name: reached(name) for name in arrows}
    groups = {frozenset(n for n in arrows if n in reach[m] and m in reach[n]) for m in arrows}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def test_no_modules_import_each_other():
    """Not by a detour, inside a function, or for a type only either."""
    files = {module_of(path): path for path in PACKAGE.rglob("*.py")}
    arrows = {
        name: imported(ast.parse(path.read_text(encoding="utf-8"))) & (files.keys() - {name})
        for name, path in files.items()
    }
    assert circles(arrows) == []


def test_the_judge_sees_a_circle():
    """Of three, and not the one that only leads to them."""
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert circles(arrows) == [["a", "b", "c"]]


def test_the_picture_of_the_rooms_is_that_of_the_imports():
    """After a change of the imports between rooms: ``python docs/rooms.py``."""
    assert ROOMS.PICTURE.read_text(encoding="utf-8") == ROOMS.picture()
    assert ("core", "plain") in ROOMS.arrows()
    drawn = ROOMS.picture()
    assert all(f">{room}/<" in drawn for room in ALLOWED)


def test_the_judge_sees_a_forbidden_import():
    """An import inside a function counts too."""
    names = imported(ast.parse("def f():\n    from tune_bn.optuna import stages\n    import torch"))
    assert rooms_used(names) == {"optuna"}
    assert "torch" in names
    names = imported(ast.parse("from ..optuna import stages"), "tune_bn.core")
    assert rooms_used(names) == {"optuna"}


def run(code: str) -> str:
    """Runs code in a fresh interpreter; returns what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_front_door_loads_no_framework():
    """``import tune_bn`` brings numpy and nothing else that is large."""
    code = (
        "import sys; before = set(sys.modules); import tune_bn; "
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    loaded = set(run(code).split())
    assert loaded & (FRAMEWORKS | {"scipy"}) == set()
    assert {"numpy", "tune_bn"} <= loaded


@pytest.mark.parametrize(
    ("module", "framework", "extra"),
    [
        ("tune_bn.optuna", "optuna", "optuna"),
        ("tune_bn.ray", "ray", "ray"),
        ("tune_bn.nn", "torch", "torch"),
        ("tune_bn.report", "plotly", "report"),
        ("tune_bn.sklearn", "sklearn", "cli"),
    ],
)
def test_a_missing_framework_names_the_extra(module, framework, extra):
    """Where a framework is not installed, importing its module says how to install it."""
    code = f"""
import sys
sys.modules[{framework!r}] = None
try:
    import {module}
except ModuleNotFoundError as error:
    print(error)
"""
    assert f"pip install 'tune-bn[{extra}]'" in run(code)
