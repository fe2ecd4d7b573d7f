"""The layers' options and their ranges, apart from what is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from tune_bn.nn.errors import BatchNormError

__all__ = ["UNSET", "SingleValue", "Variance", "checked", "momentum_of"]

Variance = Literal["biased", "unbiased"]
SingleValue = Literal["raise", "running"]

DEFAULT_MOMENTUM = 0.1


class _Unset:
    """The default of ``momentum`` and ``decay``, of which only one may be given."""

    def __repr__(self) -> str:
        return "<unset>"


UNSET: Any = _Unset()


def momentum_of(layer: str, momentum: float | None, decay: float) -> float | None:
    """Returns the momentum that two arguments, of which one may be unset, stands for."""
    if decay is not UNSET and momentum is not UNSET:
        raise BatchNormError(
            f"{layer} needs decay or momentum = 1 - decay, but got both: decay={decay!r}, "
            f"momentum={momentum!r}. Keep decay."
        )
    if decay is not UNSET:
        if not 0 <= decay <= 1:
            raise BatchNormError(
                f"{layer} needs decay, the weight of the past, in [0, 1], but got decay={decay!r}."
            )
        return None if decay == 1 else 1.0 - decay
    if momentum is UNSET:
        return DEFAULT_MOMENTUM
    if momentum is not None and not 0 <= momentum <= 1:
        raise BatchNormError(
            f"{layer} needs momentum, which is 1 - decay, in [0, 1] or None, but got "
            f"momentum={momentum!r}."
        )
    return momentum


def checked(layer: str, option: str, value: Any) -> Any:
    """Returns an option's value in its final form, or raise if it is out of its range."""
    if option == "momentum":
        return momentum_of(layer, value, UNSET)
    if option == "variance":
        _check_choice(layer, option, value, ("biased", "unbiased"))
    elif option == "single_value":
        _check_choice(layer, option, value, ("raise", "running"))
    elif option == "accumulate" and value < 1:
        raise BatchNormError(f"{layer} needs accumulate ≥ 1, but got {value!r}.")
    elif option == "decays":
        return _checked_decays(layer, value)
    return value


def _checked_decays(layer: str, decays: Sequence[float] | None) -> tuple[float, ...]:
    """Returns the decays to keep, as floats in [0, 1), each once."""
    kept = tuple(float(d) for d in decays or ())
    for d in kept:
        if not 0 <= d < 1:
            raise BatchNormError(
                f"{layer} needs each of decays in [0, 1), but got {d!r}. For the plain average "
                "use decay=1, or recalibrate() after training."
            )
    if len(set(kept)) != len(kept):
        raise BatchNormError(f"{layer} needs each of decays once, but got {kept}.")
    return kept


def _check_choice(layer: str, option: str, value: str, choices: tuple[str, ...]) -> None:
    """Raises unless the value is one of the choices."""
    if value not in choices:
        expected = " or ".join(repr(c) for c in choices)
        raise BatchNormError(f"{layer} needs {option}={expected}, but got {value!r}.")
