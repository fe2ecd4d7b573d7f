"""The best configuration as Python to paste: to try again, and to search on from."""

import dataclasses
import keyword
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tune_bn.core.space import Categorical, Parameter
from tune_bn.core.space.scale import COMPLEMENT, complement
from tune_bn.report.results.results import Results, TrialResult

__all__ = [
    "enqueue_code",
    "parameter_code",
    "points_code",
    "refined_space",
    "refined_space_code",
    "value_code",
]

_FEWEST = 5


def enqueue_code(trial: TrialResult, space: Mapping[str, Parameter]) -> str:
    """Returns Python that lets an Optuna study try a trial's configuration next.

    What is drawn by its distance from 1 is enqueued as every sampler of Optuna's reads it.

    Example:
        >>> print(enqueue_code(TrialResult(0, {"x": 1.5}, (0.0,), "complete"), {}))
        study.enqueue_trial({
            'x': 1.5,
        })
    """
    rests = {name for name, of in space.items() if of.scale == "one-minus-log"}
    params = {
        COMPLEMENT + name if name in rests else name: complement(value) if name in rests else value
        for name, value in trial.params.items()
    }
    return f"study.enqueue_trial({_point(params)})"


def points_code(trial: TrialResult) -> str:
    """Returns Python that lets a Ray Tune search begin with a trial's configuration."""
    return f"best = {_point(trial.params)}\nCoarseToFineSearch(..., points_to_evaluate=[best])"


def _point(params: Mapping[str, Any]) -> str:
    lines = [_line(repr(name), value_code(value), value) for name, value in params.items()]
    return "\n".join(["{", *_indented(lines), "}"])


def _line(key: str, code: str | None, value: Any) -> str:
    """Returns a line of a dict; a comment where the value is an object that code cannot make."""
    return f"{key}: {code}," if code is not None else f"# {key}: {value!r}, an object of yours"


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def value_code(value: Any) -> str | None:
    """Returns Python that makes an equal value; None for an object that text cannot make.

    Example:
        >>> value_code(0.5), value_code(math.inf), value_code(("a", None)), value_code(object())
        ('0.5', "float('inf')", "('a', None)", None)
    """
    if isinstance(value, np.generic):
        value = value.item()
    kind = type(value)
    if kind is float and not math.isfinite(value):
        return f"float({str(value)!r})"
    if value is None or kind in (bool, int, float, str):
        return repr(value)
    if kind is dict:
        keys, values = map(value_code, value), map(value_code, value.values())
        pairs = list(zip(keys, values, strict=True))
        known = [f"{key}: {inner}" for key, inner in pairs if key is not None and inner is not None]
        return "{" + ", ".join(known) + "}" if len(known) == len(pairs) else None
    if kind in (list, tuple):
        parts = [code for code in map(value_code, value) if code is not None]
        inside = ", ".join(parts) + ("," if kind is tuple and len(parts) == 1 else "")
        if len(parts) < len(value):
            return None
        return f"[{inside}]" if kind is list else f"({inside})"
    return None


def refined_space(results: Results) -> dict[str, Parameter]:
    """Returns a narrower space for a next search: what the best tenth spans, and a margin.

    The chosen trial counts to the best, wherever it ranks.

    The margin is a tenth of the whole scale at each end, within the old range. Of a category stay
    the choices that the best trials have. Parameters that no good trial has are left out.

    Args:
        results: A search with a complete trial.
    """
    complete = [t for t in results.ranked if t.state == "complete"]
    best = complete[: max(len(complete) // 10, _FEWEST)]
    if results.chosen in results.by_number:
        best.append(results.by_number[results.chosen])
    refined: dict[str, Parameter] = {}
    for name, parameter in results.space.items():
        values = [t.params[name] for t in best if name in t.params]
        try:
            values = [parameter.nearest(v) for v in values]
        except (TypeError, ValueError):
            continue  # a value of another type than the range's
        if not values:
            continue
        if parameter.is_unordered:
            used = {parameter.position(v) for v in values}
            choices = [c for c in parameter.bounds if parameter.position(c) in used]
            refined[name] = Categorical(choices)
            continue
        low = parameter.window(min(values), 0.2)[0]
        high = parameter.window(max(values), 0.2)[1]
        refined[name] = _with_bounds(parameter, low, high)
    return refined


def _with_bounds(parameter: Parameter, low: Any, high: Any) -> Parameter:
    if parameter.spacing is None:
        low, high = map(_shorter, (low, high), parameter.ends)
    return parameter.between(low, high)


def _shorter(value: float, end: float) -> float:
    """Returns the value with three digits, so that the code can be read; the range's end as it is.

    Near 1 the digits of the distance from 1 are what counts.
    """
    if value == end or value == 0 or not math.isfinite(value):
        return value
    if 0.9 < value < 1:
        return float(f"{1 - float(f'{1 - value:.3g}'):.12g}")
    return float(f"{value:.3g}")


def refined_space_code(results: Results) -> str:
    """Returns Python of the refined space: of Ray results a ``param_space``, else suggest calls."""
    space = refined_space(results)
    if results.source.startswith("Ray"):
        return "\n".join(["param_space = {  # and your constants", *_ray_lines(space), "}"])
    if results.source == "CoarseToFine":
        lines = [_line(repr(name), _core_code(p), p) for name, p in space.items()]
        return "\n".join(["space = {", *_indented(lines), "}"])
    variables = _variables(space)
    return "\n".join(f"{variables[name]} = {_suggest_code(name, p)}" for name, p in space.items())


def _ray_lines(space: Mapping[str, Parameter]) -> list[str]:
    """Returns the lines of a nested config: "a/b" is the key "b" of a dict at "a".

    A number in a name is the place in a list or among the choices of a ``tune.choice``, of which
    the name does not tell which: these are left as comments.
    """
    lines: list[str] = []
    inside: dict[str, dict[str, Parameter]] = {}
    for name, parameter in space.items():
        outer, _, inner = name.partition("/")
        if any(part.isdecimal() for part in name.split("/")):
            lines.append(f"# {name!r}: {_ray_code(parameter) or repr(parameter)},")
        elif inner:
            inside.setdefault(outer, {})[inner] = parameter
        else:
            lines.append(_line(repr(name), _ray_code(parameter), parameter))
    for outer, inner_space in inside.items():
        lines += [f"{outer!r}: {{", *_ray_lines(inner_space), "},"]
    return _indented(lines)


def parameter_code(results: Results, name: str, parameter: Parameter) -> str:
    """Returns Python that declares one parameter, in the words of the framework searched with."""
    if results.source.startswith("Ray"):
        return f"{name!r}: {_ray_code(parameter) or repr(parameter)}"
    if results.source == "CoarseToFine":
        return f"{name!r}: {_core_code(parameter) or repr(parameter)}"
    return _suggest_code(name, parameter)


def _variables(names: Iterable[str]) -> dict[str, str]:
    """Returns a Python name for each parameter, all different.

    Example:
        >>> _variables(["lambda", "a b", "a_b"])
        {'lambda': 'lambda_', 'a b': 'a_b', 'a_b': 'a_b_'}
    """
    found: dict[str, str] = {}
    for name in names:
        variable = "".join(c if c.isalnum() and c.isascii() else "_" for c in name)
        if not variable or variable[0].isdigit():
            variable = f"p_{variable}"
        while keyword.iskeyword(variable) or variable in found.values():
            variable += "_"
        found[name] = variable
    return found


def _suggest_code(name: str, parameter: Parameter) -> str:
    if parameter.is_unordered:
        choices = value_code(list(parameter.bounds)) or repr(list(parameter.bounds))
        return f"trial.suggest_categorical({name!r}, {choices})"
    low, high = parameter.ends
    scale, step = parameter.scale, parameter.spacing
    if scale == "one-minus-log":
        return f"suggest_one_minus_log(trial, {name!r}, {low!r}, {high!r})"
    is_log = scale == "log"
    kind = "int" if parameter.is_whole else "float"
    options = ", log=True" if is_log else ""
    if step is not None and scale == "linear" and not (parameter.is_whole and step == 1):
        options = f", step={step!r}"
    return f"trial.suggest_{kind}({name!r}, {low!r}, {high!r}{options})"


def _core_code(parameter: Parameter) -> str | None:
    if parameter.is_unordered:
        choices = value_code(list(parameter.bounds))
        return None if choices is None else f"Categorical({choices})"
    as_data: Any = parameter
    given = [field for field in dataclasses.fields(as_data) if field.init]
    needed = [f"{getattr(parameter, f.name)!r}" for f in given if f.default is dataclasses.MISSING]
    options = [
        f"{field.name}={getattr(parameter, field.name)!r}"
        for field in given
        if field.default not in (dataclasses.MISSING, getattr(parameter, field.name))
    ]
    return f"{type(parameter).__name__}({', '.join([*needed, *options])})"


def _ray_code(parameter: Parameter) -> str | None:
    if parameter.is_unordered:
        choices = value_code(list(parameter.bounds))
        return None if choices is None else f"tune.choice({choices})"
    low, high = parameter.ends
    scale, step = parameter.scale, parameter.spacing
    if scale == "one-minus-log":
        return f"one_minus_loguniform({low!r}, {high!r})"
    if scale == "normal":
        of = parameter.to_json()
        shape = f"{of['mean']!r}, {of['sd']!r}"
        return f"tune.randn({shape})" if step is None else f"tune.qrandn({shape}, {step!r})"
    log = "log" if scale == "log" else ""
    if step == 1 and parameter.is_whole:  # Ray leaves the upper end out
        return f"tune.{log}randint({low!r}, {high + 1!r})"
    kind = "randint" if parameter.is_whole else "uniform"
    if step is None:
        return f"tune.{log}{kind}({low!r}, {high!r})"
    is_multiple = math.isclose(round(low / step) * step, low, abs_tol=1e-9 * step)
    # Ray counts the steps from 0: other values cannot be declared.
    return f"tune.q{log}{kind}({low!r}, {high!r}, {step!r})" if is_multiple else None
