"""What the API pages need to know of this source, which griffe does not see by itself."""

import re
from typing import Any

import griffe

__all__ = ["ApiPages"]


class ApiPages(griffe.Extension):
    """Makes examples code, and shows functions that share the name of their module."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Renames a docstring's ``Example:`` to the section that griffe knows."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"(?m)^( *)Example:$", r"\1Examples:", obj.docstring.value)

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Lets ``stages`` be the function that ``from tune_bn.optuna.stages import stages`` has."""
        for module in [pkg, *pkg.modules.values()]:
            if isinstance(module, griffe.Module):
                for name in module.exports or ():
                    inner = module.members.get(str(name))
                    if isinstance(inner, griffe.Module) and str(name) in inner.members:
                        function = inner.members[str(name)]
                        module.members[str(name)] = griffe.Alias(str(name), function, parent=module)
