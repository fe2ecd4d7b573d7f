"""What is to be done once another module is imported, without importing it here."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["once_imported"]


def once_imported(module: str, then: Callable[[], object]) -> None:
    """Calls a function as soon as a module has been imported: now, or right after it was.

    Args:
        module: Its full name; need not be installed.
        then: Is called once, unless the module is imported anew.
    """
    if module in sys.modules:
        importlib.import_module(module)  # waits where another thread is at it
        then()
    else:
        sys.meta_path.insert(0, _Finder(module, then))


class _Finder(MetaPathFinder):
    """Finds one module, as it would be found anyway, and lets it be followed by a function."""

    def __init__(self, module: str, then: Callable[[], object]) -> None:
        self._module = module
        self._then = then

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Returns the module's spec, with another loader."""
        if name != self._module:
            return None
        others = sys.meta_path[sys.meta_path.index(self) + 1 :]
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._executed)
        return spec

    def _executed(self) -> None:
        if self in sys.meta_path:  # only to look for a module does not import it
            sys.meta_path.remove(self)
        self._then()


class _Loader(Loader):
    """Another loader, and a function afterwards."""

    def __init__(self, inner: Loader, then: Callable[[], None]) -> None:
        self._inner = inner
        self._then = then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leaves it to the other."""
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Runs the module, then the function."""
        self._inner.exec_module(module)
        self._then()
