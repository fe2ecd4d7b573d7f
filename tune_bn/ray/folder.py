"""The folder of a Ray Tune experiment, read as the plain data that it holds.

Ray's own reader, `ExperimentAnalysis`, unpickles parts of these files, and a pickle runs the code
of whoever wrote it. A folder may come from anybody, so nothing is unpickled here: an object in a
config is shown as one, and what a report or a search that goes on needs beside that is JSON.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from tune_bn.core.errors import StateError
from tune_bn.plain.reading import UNREADABLE, brief

__all__ = [
    "FolderTrial",
    "RayFolder",
    "found_in",
    "number_in",
    "read_ray_folder",
    "recorded_trials",
    "saved_states",
]

logger = logging.getLogger(__name__)

_PICKLED = "CLOUDPICKLE_FALLBACK"  # ray/tune/utils/serialization.py
_OBJECT = "(an object)"


@dataclass(frozen=True)
class FolderTrial:
    """A trial as Ray stored it.

    Args:
        trial_id: Ray's name for it.
        config: Its config, with `_OBJECT` in the place of what JSON cannot hold.
        status: As `ray.tune.experiment.Trial` calls it.
        last_result: What it reported last; empty for nothing.
        started: When it began, in seconds since 1970; None if it has not.
        analysed: By flat name, the smallest (``"min"``), the largest (``"max"``) and the last
            (``"last"``) number that it reported.
        stop: The ``stop`` of its run, as far as it is bounds by name.
        log: Returns the text of its ``result.json``; raises OSError where there is none.
    """

    trial_id: str
    config: Mapping[str, Any]
    status: str
    last_result: Mapping[str, Any]
    started: float | None
    analysed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stop: Mapping[str, Any] = field(default_factory=dict)
    log: Callable[[], str] = field(default=str, compare=False, repr=False)

    @cached_property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        """All that it reported, in order; empty where Tune kept no log, or none that is whole."""
        try:
            rows = [json.loads(line) for line in self.log().splitlines() if line.strip()]
        except (*UNREADABLE, OSError):
            return ()
        return rows if all(isinstance(row, Mapping) for row in rows) else ()

    def value(self, name: str) -> Any:
        """Returns what it reported last under a flat name; None for nothing.

        What JSON cannot hold in the last result, as a number of numpy's, is in the log as text.
        """
        last = {name: self.analysed.get(name, {}).get("last")}
        for place in (self.last_result, last, *reversed(self.rows)):
            value = found_in(place, name)
            if value is not None and value != _OBJECT:
                return value
        return None

    def span(self, name: str) -> tuple[float, float] | None:
        """Returns the smallest and the largest number under a flat name; None if none is known."""
        of = self.analysed.get(name, {})
        found = [of.get("min"), of.get("max")]
        if None in map(number_in, found):
            found = [found_in(row, name) for row in self.rows]
        numbers = [n for n in map(number_in, found) if n is not None]
        return (min(numbers), max(numbers)) if numbers else None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet, well or badly."""
        return self.status not in ("TERMINATED", "ERROR")

    @property
    def is_unread(self) -> bool:
        """Whether its last result holds something that cannot be read."""
        return _OBJECT in _leaves(self.last_result)

    @property
    def ended_itself(self) -> bool:
        """Whether the training ended by its own rule; False where that cannot be told.

        The last result of a function that returns is logged before Tune knows that it is the last
        one; that of a trial that is stopped is logged as the last.
        """
        if self.status != "TERMINATED" or not self.last_result.get("done") or not self.rows:
            return False
        return self.rows[-1].get("done") is False


@dataclass(frozen=True)
class RayFolder:
    """An experiment as Ray stored it.

    Args:
        name: What the user calls it.
        trials: In the order in which they were made.
        states: The files of its search algorithm, by name, the newest first; each as a function
            that returns the text, and raises OSError where it cannot.
        metric: The result that the ``Tuner`` was told to optimise; None if it was told none.
    """

    name: str
    trials: tuple[FolderTrial, ...]
    states: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    metric: str | None = None


def found_in(result: Mapping[str, Any], name: str) -> Any:
    """Returns a result by its name, None if it is not there; "eval/loss" is found flat and nested.

    Example:
        >>> found_in({"eval": {"loss": 0.5}}, "eval/loss")
        0.5
    """
    if name in result:
        return result[name]
    inner: Any = result
    for key in name.split("/"):
        if not isinstance(inner, Mapping) or key not in inner:
            return None
        inner = inner[key]
    return inner


def number_in(value: Any) -> float | None:
    """Returns a result as a float: of Python, numpy or torch, a Decimal; None for anything else."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def read_ray_folder(folder: str | Path) -> RayFolder:
    """Returns the experiment that a folder holds, as it was last saved.

    Raises:
        StateError: If the folder holds none, or its file is damaged.
    """
    folder = Path(folder)
    file = _newest(folder)
    if file is None:
        inside = [p.parent.name for p in folder.glob("*/experiment_state-*.json")]
        hint = f" Did you mean {inside[0]!r} in it?" if inside else ""
        raise StateError(
            "Ray Tune needs the folder of an experiment, but Ray finds none in "
            f"{str(folder)!r}.{hint}"
        )
    data = _state(file)
    runner = data.get("runner_data")
    metric = runner.get("_metric") if isinstance(runner, Mapping) else None
    return RayFolder(
        folder.name,
        _trials(file, data),
        saved_states(folder),
        metric if isinstance(metric, str) else None,
    )


def saved_states(folder: str | Path) -> dict[str, Callable[[], str]]:
    """Returns the files in which a search algorithm of ours was saved, the newest first.

    Tune copies those of earlier sessions again whenever it saves, so that their times say nothing;
    their names do.
    """
    files = sorted(Path(folder).glob("searcher-state-*.json"), reverse=True)
    return {file.name: partial(_text, file) for file in files}


def recorded_trials(folder: str | Path) -> tuple[FolderTrial, ...]:
    """Returns the trials of the experiment state from which Tune would go on; none if unreadable.

    Tune saves its trials and then its search algorithm, and copies both to the storage file by
    file. A driver that is killed in between leaves a search that is older than its trials; what it
    lacks is here.
    """
    file = _newest(Path(folder))
    if file is None:
        return ()
    try:
        return _trials(file, _state(file))
    except StateError as error:
        logger.warning("%s Its trials are not looked at.", error)
        return ()


def _newest(folder: Path) -> Path | None:
    """Returns the state from which Tune would go on: of several the one with the last name."""
    return max(folder.glob("experiment_state-*.json"), default=None)


def _text(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "replace")


def _state(file: Path) -> Mapping[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(data, Mapping):
            raise TypeError("it is no record of an experiment")
        return data
    except (*UNREADABLE, OSError) as error:
        raise _unreadable(file, error) from error


def _trials(file: Path, data: Mapping[str, Any]) -> tuple[FolderTrial, ...]:
    try:
        return tuple(_trial(file.parent, *map(json.loads, parts)) for parts in data["trial_data"])
    except (*UNREADABLE, OSError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> StateError:
    return StateError(
        f"Ray Tune needs the folder of an experiment, but its file {file.name!r} cannot be read "
        f"({brief(error)}). Copy the folder again."
    )


def _trial(folder: Path, state: Mapping[str, Any], about: Mapping[str, Any]) -> FolderTrial:
    started, inside = about.get("start_time"), state.get("relative_logdir")
    config, result = _plain(state["config"]), _plain(about.get("last_result") or {})
    if not isinstance(config, Mapping) or not isinstance(result, Mapping):
        raise TypeError(f"trial {state['trial_id']!r} has no config or no result")
    analysed = _plain(about.get("metric_analysis") or {})
    stop = _plain(state.get("stopping_criterion") or {})
    # The name alone: a path might lead out of the experiment.
    log = folder / Path(inside).name / "result.json" if isinstance(inside, str) else None
    return FolderTrial(
        str(state["trial_id"]),
        config,
        str(state["status"]),
        result,
        None if started is None else float(started),
        {name: of for name, of in analysed.items() if isinstance(of, Mapping)},
        stop if isinstance(stop, Mapping) else {},
        str if log is None else partial(_text, log),
    )


def _plain(value: Any) -> Any:
    """Returns plain data with what was pickled left out."""
    if isinstance(value, dict):
        if value.get("_type") == _PICKLED:
            return _OBJECT
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    return [value]
