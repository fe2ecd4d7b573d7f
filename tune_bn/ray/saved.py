"""The state of a search algorithm as JSON: readable, and safe to read from anywhere."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tune_bn.core.errors import StateError
from tune_bn.core.search.records import ENDS
from tune_bn.plain.reading import UNREADABLE, brief, encode_number
from tune_bn.ray.ends import Spans
from tune_bn.ray.past import PastResult

__all__ = [
    "decode",
    "decode_last",
    "decode_past",
    "decode_spans",
    "encode",
    "encode_last",
    "encode_past",
    "encode_spans",
]

_FORMAT = "tune_bn.ray.search"
_VERSION = 1


def encode(head: Mapping[str, Any], numbers: Sequence[str], search: str | None) -> str:
    """Returns the text of a search algorithm: what ``head`` holds, and the search's own text.

    Args:
        head: Anything that JSON can hold.
        numbers: The number of each trial id, as JSON: ``'"1a2b": 3'``.
        search: What ``CoarseToFine.to_json`` returned.

    Raises:
        StateError: If ``head`` holds what JSON cannot.
    """
    try:
        text = json.dumps({"format": _FORMAT, "version": _VERSION, **head}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StateError(
            "CoarseToFineSearch cannot save points that hold objects before it knows the space: "
            f"{error}. Pass the space first."
        ) from error
    return f'{text[:-1]}, "numbers": {{{", ".join(numbers)}}}, "search": {search or "null"}}}\n'


def decode(text: str) -> dict[str, Any]:
    """Returns what `encode` was given; the search's own text under ``"search"``.

    Raises:
        StateError: If the text is none, or comes from a later version.
    """
    try:
        state: dict[str, Any] = json.loads(text)
        if state["format"] != _FORMAT:
            raise KeyError("format")
        version = state["version"]
    except UNREADABLE as error:
        raise StateError(
            "CoarseToFineSearch.restore needs a file that save wrote, but got "
            f"{text[:40]!r}…: {brief(error)}."
        ) from error
    if version != _VERSION:
        raise StateError(
            f"CoarseToFineSearch reads states of version {_VERSION}, but got version "
            f"{repr(version)[:40]}. "
            "Update tune-bn, or start a new search with add_evaluated_trials."
        )
    try:
        state["search"] = json.dumps(state["search"]) if state["search"] is not None else None
    except UNREADABLE as error:
        raise StateError(f"The saved search cannot be read: {brief(error)}.") from error
    return state


def encode_past(past: PastResult, config: Mapping[str, Any]) -> list[Any]:
    """Returns a past result as plain data, with ``config`` in the place of its own."""
    values = None if past.values is None else [*map(encode_number, past.values)]
    progress = None if past.progress is None else encode_number(past.progress)
    end = [] if past.end == "unknown" else [past.end]
    return [dict(config), values, progress, past.is_failed, past.is_strict, *end]


def decode_past(data: list[Any]) -> PastResult:
    """Returns the past result that `encode_past` encoded.

    Raises:
        ArithmeticError: If a number is too large.
        TypeError: If the data are none.
        ValueError: If they describe no result.
    """
    config, values, progress, is_failed, is_strict, *end = data
    if not isinstance(config, Mapping):
        raise ValueError(f"a past result has the config {config!r}")
    if end not in ([], *([known] for known in ENDS)):
        raise ValueError(f"a past result has the end {end!r}")
    found = tuple(map(float, values)) or None if values is not None else None
    return PastResult(config, found, _reached(progress), bool(is_failed), bool(is_strict), *end)


def encode_last(progress: float | None, values: tuple[float, ...]) -> list[Any]:
    """Returns how far a running trial got, and its values there, as plain data."""
    return [None if progress is None else encode_number(progress), [*map(encode_number, values)]]


def decode_last(data: list[Any]) -> tuple[float | None, tuple[float, ...]]:
    """Returns progress and values that `encode_last` encoded.

    Raises:
        ArithmeticError: If a number is too large.
        TypeError: If the data are none.
        ValueError: If they are no numbers.
    """
    progress, values = data
    return _reached(progress), tuple(map(float, values))


def encode_spans(spans: Spans) -> dict[str, list[Any]]:
    """Returns the ranges of what a running trial reported as plain data."""
    return {name: [*map(encode_number, span)] for name, span in spans.items()}


def decode_spans(data: dict[str, list[Any]]) -> Spans:
    """Returns the ranges that `encode_spans` encoded.

    Raises:
        ArithmeticError: If a number is too large.
        TypeError: If the data are none.
        ValueError: If they are no numbers.
    """
    return {name: (float(low), float(high)) for name, (low, high) in data.items()}


def _reached(progress: Any) -> float | None:
    if progress is None:
        return None
    found = float(progress)
    if math.isnan(found):
        raise ValueError("a result has the progress NaN")
    return found
