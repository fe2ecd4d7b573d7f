"""The folder of a Ray Tune experiment, read as the plain data that it holds.

Ray's own reader, `ExperimentAnalysis`, unpickles parts of these files, and a pickle runs the code
of whoever wrote it. A folder may come from anybody, so nothing is unpickled here: an object in a
config is shown as one, and what a report or a search that goes on needs beside that is JSON.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tune_bn.core.errors import StateError
from tune_bn.plain.reading import UNREADABLE, brief

__all__ = ["FolderTrial", "RayFolder", "read_ray_folder", "recorded_trials"]

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
        folder: The name of its own folder in the experiment's; None if it has none.
    """

    trial_id: str
    config: Mapping[str, Any]
    status: str
    last_result: Mapping[str, Any]
    started: float | None
    folder: str | None = None


@dataclass(frozen=True)
class RayFolder:
    """An experiment as Ray stored it.

    Args:
        path: Its folder.
        trials: In the order in which they were made.
        frames: For each trial's id what it reported, a row for each time; None if it is not there.
    """

    path: Path
    trials: tuple[FolderTrial, ...]
    frames: Mapping[str, Any]


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
    trials = _trials(file)
    return RayFolder(folder, trials, {t.trial_id: _frame(folder, t.folder) for t in trials})


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
        return _trials(file)
    except StateError as error:
        logger.warning("%s Its trials are not looked at.", error)
        return ()


def _newest(folder: Path) -> Path | None:
    """Returns the state from which Tune would go on: of several the one with the last name."""
    return max(folder.glob("experiment_state-*.json"), default=None)


def _trials(file: Path) -> tuple[FolderTrial, ...]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return tuple(_trial(*map(json.loads, parts)) for parts in data["trial_data"])
    except (*UNREADABLE, OSError) as error:
        raise StateError(
            f"Ray Tune needs the folder of an experiment, but its file {file.name!r} cannot be "
            f"read ({brief(error)}). Copy the folder again."
        ) from error


def _trial(state: Mapping[str, Any], about: Mapping[str, Any]) -> FolderTrial:
    started, folder = about.get("start_time"), state.get("relative_logdir")
    config, result = _plain(state["config"]), _plain(about.get("last_result") or {})
    if not isinstance(config, Mapping) or not isinstance(result, Mapping):
        raise TypeError(f"trial {state['trial_id']!r} has no config or no result")
    return FolderTrial(
        str(state["trial_id"]),
        config,
        str(state["status"]),
        result,
        None if started is None else float(started),
        # The name alone: a path might lead out of the experiment.
        Path(folder).name if isinstance(folder, str) else None,
    )


def _plain(value: Any) -> Any:
    """Returns plain data with what was pickled left out."""
    if isinstance(value, dict):
        if value.get("_type") == _PICKLED:
            return _OBJECT
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _frame(folder: Path, inside: str | None) -> Any:
    """Returns what a trial reported; None if it left no file, or one that cannot be read."""
    if inside is None:
        return None
    try:
        lines = (folder / inside / "result.json").read_text(encoding="utf-8")
        rows = [json.loads(line) for line in lines.splitlines() if line.strip()]
        return pd.json_normalize(rows, sep="/")
    except (*UNREADABLE, NotImplementedError, OSError):
        return None
