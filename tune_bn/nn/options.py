"""The layers' options and their ranges, apart from what is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from tune_bn.nn.errors import BatchNormError
from tune_bn.plain.checks import check_choice, check_number, check_whole

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
        decay = check_number(
            BatchNormError,
            layer,
            "decay",
            decay,
            least=0,
            most=1,
            remedy="It is the weight of the past.",
        )
        return None if decay == 1 else 1.0 - decay
    if momentum is UNSET:
        return DEFAULT_MOMENTUM
    if momentum is None:
        return None
    remedy = "It is 1 - decay; None is the plain average."
    return check_number(BatchNormError, layer, "momentum", momentum, least=0, most=1, remedy=remedy)


def checked(layer: str, option: str, value: Any) -> Any:
    """Returns an option's value in its final form, or raise if it is out of its range."""
    if option == "momentum":
        return momentum_of(layer, value, UNSET)
    if option == "variance":
        return check_choice(BatchNormError, layer, option, value, ("biased", "unbiased"))
    if option == "single_value":
        return check_choice(BatchNormError, layer, option, value, ("raise", "running"))
    if option == "accumulate":
        return check_whole(BatchNormError, layer, option, value, least=1)
    if option == "decays":
        return _checked_decays(layer, value)
    return value


def _checked_decays(layer: str, decays: Sequence[float] | None) -> tuple[float, ...]:
    """Returns the decays to keep, as floats in [0, 1), each once."""
    remedy = "For the plain average use decay=1, or recalibrate() after training."
    kept = tuple(
        float(
            check_number(BatchNormError, layer, f"decays[{i}]", d, least=0, below=1, remedy=remedy)
        )
        for i, d in enumerate(decays or ())
    )
    if len(set(kept)) != len(kept):
        raise BatchNormError(f"{layer} needs each of decays once, but got {kept}.")
    return kept
