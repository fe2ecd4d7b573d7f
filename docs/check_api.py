"""Fails the build of the documentation if a public name is on no API page."""

import ast
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

__all__ = ["on_post_build"]

PACKAGE = Path(__file__).parent.parent / "tune_bn"
PAGES = {
    "core": "",
    **{room: room for room in ("optuna", "ray", "nn", "report", "training", "tuning", "sklearn")},
}


def on_post_build(config: Any, **_: Any) -> None:
    """Compares the names in each ``__all__`` with the anchors of its page."""
    for page, room in PAGES.items():
        tree = ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8"))
        (names,) = (
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        )
        html = (Path(config["site_dir"]) / "api" / f"{page}.html").read_text(encoding="utf-8")
        anchors = set(re.findall(r'id="([^"]+)"', html))
        module = f"tune_bn.{room}".removesuffix(".")
        for name in names:
            if not name.startswith("__") and f"{module}.{name}" not in anchors:
                raise PluginError(
                    f"api/{page}.html needs {module}.{name}, but it is not there. "
                    "Give it a docstring, or take it out of __all__."
                )
