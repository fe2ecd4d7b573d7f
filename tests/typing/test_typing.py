"""What is documented is typed as users call it; mypy reads `calls.py` with the other tests."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CALLS = ast.parse((Path(__file__).parent / "calls.py").read_text(encoding="utf-8"))
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))


def public_names(module: str) -> list[str]:
    """Returns a module's ``__all__``, read from its source."""
    path = ROOT.joinpath(*module.split("."), "__init__.py")
    (names,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    return list(names)


def documented() -> list[str]:
    """Returns the modules that the API pages show."""
    lines = [line for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()]
    return [line.removeprefix("::: ") for line in lines if line.startswith("::: ")]


@pytest.mark.parametrize("module", documented())
def test_every_public_name_is_called(module: str):
    """A name that is added to the documentation is added to the calls."""
    used = {node.attr for node in ast.walk(CALLS) if isinstance(node, ast.Attribute)}
    used |= {node.id for node in ast.walk(CALLS) if isinstance(node, ast.Name)}
    assert set(public_names(module)) - used == set()


def test_every_room_for_users_has_a_page():
    """A package with an ``__all__`` of its own is documented, or says that it is internal."""
    rooms = {path.parent.name for path in (ROOT / "tune_bn").glob("*/__init__.py")}
    internal = {"core", "cli", "plain"}
    assert {f"tune_bn.{room}" for room in rooms - internal} | {"tune_bn"} == set(documented())
