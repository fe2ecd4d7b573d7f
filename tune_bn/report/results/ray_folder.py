"""The folder of a Ray Tune experiment, read as the plain data that it holds.

Ray's own reader, `ExperimentAnalysis`, unpickles parts of these files, and a pickle runs the code
of whoever wrote it. A folder may come from anybody, so nothing is unpickled here: an object in a
config is shown as one, and what a report needs beside that is JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tune_bn.plain.reading import UNREADABLE, brief
from tune_bn.report.errors import ReportError

__all__ = ["FolderTrial", "RayFolder", "read_ray_folder"]

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
    """

    trial_id: str
    config: Mapping[str, Any]
    status: str
    last_result: Mapping[str, Any]
    started: float | None


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


def read_ray_folder(folder: Path) -> RayFolder:
    """Return the experiment that a folder holds, as it was last saved.

    Raises:
        ReportError: If the folder holds none, or its file is damaged.
    """
    files = sorted(folder.glob("experiment_state-*.json"))
    if not files:
        inside = [p.parent.name for p in folder.glob("*/experiment_state-*.json")]
        hint = f" Did you mean {inside[0]!r} in it?" if inside else ""
        raise ReportError(
            "--ray needs the folder of a Ray Tune experiment, but Ray finds none in "
            f"{str(folder)!r}.{hint}"
        )
    try:
        data = json.loads(files[-1].read_text(encoding="utf-8"))
        states = [tuple(map(_loaded, parts)) for parts in data["trial_data"]]
        trials = tuple(_trial(state, about) for state, about in states)
        folders = {str(state["trial_id"]): state.get("relative_logdir") for state, _ in states}
    except (*UNREADABLE, OSError) as error:
        raise ReportError(
            "--ray needs the folder of a Ray Tune experiment, but its file "
            f"{files[-1].name!r} cannot be read ({brief(error)}). Copy the folder again."
        ) from error
    frames = {name: _frame(folder, inside) for name, inside in folders.items()}
    return RayFolder(folder, trials, frames)


def _loaded(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def _trial(state: Mapping[str, Any], about: Mapping[str, Any]) -> FolderTrial:
    started = about.get("start_time")
    config, result = _plain(state["config"]), _plain(about.get("last_result") or {})
    if not isinstance(config, Mapping) or not isinstance(result, Mapping):
        raise TypeError(f"trial {state['trial_id']!r} has no config or no result")
    return FolderTrial(
        str(state["trial_id"]),
        config,
        str(state["status"]),
        result,
        None if started is None else float(started),
    )


def _plain(value: Any) -> Any:
    """Return plain data with what was pickled left out."""
    if isinstance(value, dict):
        if value.get("_type") == _PICKLED:
            return _OBJECT
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _frame(folder: Path, inside: Any) -> Any:
    """Return what a trial reported; None if it left no file, or one that cannot be read."""
    if not isinstance(inside, str):
        return None
    try:
        # The name alone: a path might lead out of the experiment.
        lines = (folder / Path(inside).name / "result.json").read_text(encoding="utf-8")
        rows = [json.loads(line) for line in lines.splitlines() if line.strip()]
        return pd.json_normalize(rows, sep="/")
    except (*UNREADABLE, NotImplementedError, OSError):
        return None
