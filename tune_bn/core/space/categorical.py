"""Categories: choices without order, of any type."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tune_bn.core.errors import SpaceError
from tune_bn.core.space.number import as_number
from tune_bn.core.space.parameter import Parameter
from tune_bn.core.space.window import Choices, Window

__all__ = ["Categorical", "is_equal", "is_same_choice"]


def is_same_choice(a: Any, b: Any) -> bool:
    """Tells whether two choices are one: equal and of one type, so that True is not 1.

    NaN is the same as NaN. Arrays and other objects whose ``==`` is not a truth value are
    compared by identity.
    """
    return a is b or (type(a) is type(b) and is_equal(a, b))


def is_equal(a: Any, b: Any) -> bool:
    """Tells whether two choices are equal, of whatever types; NaN is NaN."""
    try:
        return bool(a == b) or bool(a != a and b != b)
    except (ValueError, TypeError, RuntimeError):
        return False


@dataclass(frozen=True, eq=False)
class Categorical(Parameter):
    """An unordered choice among any objects.

    Args:
        choices: The choices, at least one; any objects, hashable or not. True and 1 differ.

    Raises:
        SpaceError: If there is no choice, or a string is given where a list of choices is meant.

    Example:
        >>> Categorical(["relu", "tanh"]).draw(0.7)
        'tanh'
    """

    choices: Sequence[Any]
    is_unordered: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.choices, (str, bytes)) or not isinstance(self.choices, Iterable):
            raise SpaceError(
                f"Categorical needs a list of choices, but got {self.choices!r}. "
                f"Write Categorical([{self.choices!r}]) for a single choice."
            )
        object.__setattr__(self, "choices", tuple(self.choices))
        if not self.choices:
            raise SpaceError("Categorical needs at least one choice, but got none.")

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Categorical)
            and len(self.choices) == len(other.choices)
            and all(map(is_same_choice, self.choices, other.choices))
        )

    __hash__ = None  # type: ignore[assignment]  # choices may be unhashable

    @property
    def scale(self) -> str:  # noqa: D102
        return "choices"

    @property
    def n_cells(self) -> int:  # noqa: D102
        return len(self.choices)

    @property
    def bounds(self) -> tuple[Any, ...]:  # noqa: D102
        return tuple(self.choices)

    def index(self, value: Any) -> int:
        """Returns the number of the choice, counted from 0.

        Raises:
            SpaceError: If it is none of the choices.
        """
        for i, choice in enumerate(self.choices):
            if is_same_choice(choice, value):
                return i
        for i, choice in enumerate(self.choices):
            if is_equal(choice, value):  # stored and read again, 1.0 may have become 1
                return i
        number = as_number(value) if isinstance(value, str) else None
        if number is not None:  # of a CSV file
            return self.index(number)
        raise SpaceError(f"Categorical has the choices {self.choices!r}, but got {value!r}.")

    def draw(self, r: float) -> Any:  # noqa: D102
        return self.choices[min(int(r * len(self.choices)), len(self.choices) - 1)]

    def around(self, centre: Any, width: float) -> Window:
        """Returns any choice with probability ``width`` (each alike), otherwise ``centre``."""
        return Choices(self, centre, width)

    def nearest(self, value: Any) -> Any:  # noqa: D102
        return self.choices[self.index(value)]

    def position(self, value: Any) -> float:  # noqa: D102
        return (self.index(value) + 0.5) / len(self.choices)

    def to_json(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "categorical", "choices": list(self.choices)}
