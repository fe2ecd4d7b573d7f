"""Rooms whose names are loaded when they are asked for, so that a first line need not wait."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["loaded_when_asked"]


def loaded_when_asked(room: str, modules: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Returns the ``__getattr__`` of a package whose names lie in its modules (PEP 562).

    Args:
        room: Name of the package.
        modules: Name of a module in it → the names that it gives.
    """
    module_of = {name: module for module, names in modules.items() for name in names}

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(f"{room}.{module_of[name]}"), name)

    return load
