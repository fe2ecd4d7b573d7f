"""A search as JSON: plain data, readable by eye and by any program, and strict (no NaN literal).

Choices may be any objects, so a choice is stored as its place among the choices. Infinite numbers
are stored as their names, which ``float`` reads.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tune_bn.core.draws.mark import Mark
from tune_bn.core.errors import StateError
from tune_bn.core.search.records import Finished, checked_seed
from tune_bn.core.space import Categorical, Parameter, parameter_from_json
from tune_bn.plain.checks import check_number
from tune_bn.plain.reading import UNREADABLE, brief, decode_number, encode_number

__all__ = [
    "decode_mark",
    "decode_params",
    "decode_seed",
    "decode_state",
    "encode_mark",
    "encode_params",
    "encode_state",
    "encode_trial",
]

_FORMAT = "tune_bn.search"
_VERSION = 2
_VERSIONS = (1, 2)  # the first said less of where a trial was drawn from
_encode = json.JSONEncoder(allow_nan=False).encode  # json.dumps makes a new one at each call


def decode_seed(data: Any) -> int:
    """Returns the seed of a search; none is drawn afresh for one that lacks it.

    Raises:
        TypeError: If it is no integer.
        ValueError: If it is none that a search can have.
    """
    if data is None:
        raise ValueError("it has no seed")
    return checked_seed(data, "A saved search")


def encode_params(space: Mapping[str, Parameter], params: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values as plain data; `decode_params` turns them back."""
    encoded: dict[str, Any] = {}
    for name, value in params.items():
        parameter = space[name]
        if isinstance(parameter, Categorical):
            encoded[name] = parameter.index(value)
        else:
            encoded[name] = encode_number(value)
    return encoded


def decode_params(space: Mapping[str, Parameter], encoded: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values that `encode_params` encoded.

    Raises:
        KeyError: If a name is unknown.
        IndexError: If a choice is.
        SpaceError: If a value is no number where one is needed.
        ValueError: If a choice is no place among the choices.
    """
    params = {}
    for name, value in encoded.items():
        parameter = space[name]
        if isinstance(parameter, Categorical):
            params[name] = parameter.choices[decode_number(value)]
        else:
            params[name] = float(value) if value in ("inf", "-inf") else value
            parameter.nearest(params[name])  # raises where it is no number
    return params


def encode_mark(mark: Mark | None) -> str | list[Any] | None:
    """Returns a mark as plain data; None for no mark."""
    if mark is None:
        return None
    return mark.to_text() if mark.kind else [mark.stage, mark.width, mark.trials]


def decode_mark(data: Any, number: int) -> Mark | None:
    """Returns the mark of a trial that `encode_mark` encoded; None if it is of another trial.

    Raises:
        TypeError: If the data are none.
        ValueError: If they describe what no draw records.
    """
    if data is None or isinstance(data, str):
        return Mark.read(data, number)
    stage, width, trials = data
    width = check_number(ValueError, "A trial", "width", width, above=0, most=1)
    return Mark(decode_number(stage), width, tuple(map(decode_number, trials)))


def encode_trial(space: Mapping[str, Parameter], trial: Finished, mark: Mark | None) -> str:
    """Returns a finished trial as one JSON list."""
    return _encode(
        [
            trial.number,
            encode_params(space, trial.params),
            encode_mark(mark),
            trial.state,
            [encode_number(v) for v in trial.values],
            None if trial.progress is None else encode_number(trial.progress),
            encode_number(trial.violation),
            *([] if trial.end == "unknown" else [trial.end]),
        ]
    )


def encode_state(
    space: Mapping[str, Parameter], head: Mapping[str, Any], trials: Iterable[str]
) -> str:
    """Returns the text of a search: what ``head`` holds, the space, and the encoded trials."""
    try:
        parameters = json.dumps({n: p.to_json() for n, p in space.items()}, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        parameters = "null"  # choices that JSON cannot hold: whoever reads brings the space
    head = {"format": _FORMAT, "version": _VERSION, "names": list(space), **head}
    text = json.dumps(head, allow_nan=False)
    lines = ",\n".join(trials)
    return f'{text[:-1]}, "space": {parameters}, "trials": [\n{lines}\n]}}\n'


def decode_state(
    text: str, space: Mapping[str, Parameter] | None
) -> tuple[dict[str, Any], Mapping[str, Parameter]]:
    """Returns the plain data of a saved search, and its space.

    Args:
        text: What `encode_state` returned.
        space: The space; None takes the one in the text.

    Raises:
        StateError: If the text is none, comes from a later version, or lacks the space.
    """
    try:
        state: dict[str, Any] = json.loads(text)
        if state["format"] != _FORMAT:
            raise KeyError("format")
        version = state["version"]
    except UNREADABLE as error:
        raise StateError(
            "CoarseToFine.from_json needs the text that to_json returned, but got "
            f"{text[:40]!r}…: {brief(error)}."
        ) from error
    if version not in _VERSIONS:
        raise StateError(
            f"CoarseToFine reads states up to version {_VERSION}, but got version "
            f"{repr(version)[:40]}. "
            "Update tune-bn, or start a new search and `add` the old trials."
        )
    if space is not None:
        return state, space
    if state.get("space") is None:
        raise StateError(
            "This state has choices that JSON cannot hold. Pass the same space again: "
            "CoarseToFine.from_json(text, space=space)."
        )
    try:
        return state, {name: parameter_from_json(p) for name, p in state["space"].items()}
    except UNREADABLE as error:
        raise StateError(f"The saved search does not fit its space: {brief(error)}.") from error
