"""What an experiment's own state says of its trials: read as plain JSON, never unpickled.

Tune saves its trials and then its search algorithm, and copies both to the storage file by file.
A driver that is killed in between leaves a search that is older than its trials; what it lacks is
in the trials' file. That file holds pickles too, as text: they are left alone.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["RecordedTrial", "recorded_trials"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordedTrial:
    """A trial as Tune saved it.

    Args:
        trial_id: Tune's id.
        status: ``"TERMINATED"``, ``"ERROR"``, or one of those of a trial that will go on.
        config: Its config.
        result: Its last result; empty if it reported none.
    """

    trial_id: str
    status: str
    config: dict[str, Any]
    result: dict[str, Any]


def recorded_trials(folder: str | Path) -> list[RecordedTrial]:
    """Return the trials of the experiment state from which Tune would go on; none if unreadable.

    Args:
        folder: An experiment's folder. Of several states the one with the last name counts, which
            is the one that Tune takes.
    """
    files = sorted(Path(folder).glob("experiment_state-*.json"))
    if not files:
        return []
    try:
        state = json.loads(files[-1].read_text(encoding="utf-8"))
        return [_recorded(*map(json.loads, pair)) for pair in state["trial_data"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s cannot be read (%r); its trials are not looked at.", files[-1], error)
        return []


def _recorded(trial: dict[str, Any], run: dict[str, Any]) -> RecordedTrial:
    return RecordedTrial(
        str(trial["trial_id"]),
        str(trial["status"]),
        dict(trial["config"]),
        dict(run.get("last_result") or {}),
    )
