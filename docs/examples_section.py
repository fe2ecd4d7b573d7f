"""Reads a docstring's ``Example:`` as the section that griffe knows as ``Examples:``."""

import re
from typing import Any

import griffe

__all__ = ["ExamplesSection"]


class ExamplesSection(griffe.Extension):
    """Makes the examples of the API pages code, not prose with ``>>>`` in it."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the section of one object, before its docstring is parsed."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"(?m)^( *)Example:$", r"\1Examples:", obj.docstring.value)
