"""A Tune callback that says when the search narrows, and puts its stages into the results."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from pyarrow.fs import LocalFileSystem
from ray.tune import Callback
from ray.tune.experiment import Trial

from tune_bn.core.draws.stages import Stage
from tune_bn.plain.files import write_atomically
from tune_bn.ray.search import CoarseToFineSearch

__all__ = ["METRICS", "StagesCallback", "stages_to_json"]

logger = logging.getLogger(__name__)

METRICS = "coarse_to_fine"
_FORMAT = "tune_bn.stages"
_VERSION = 1


class StagesCallback(Callback):
    """Logs each change of stage, and puts the stages where results are looked at.

    Every result of a trial that the search drew gets two more metrics, ``coarse_to_fine/stage``
    (0 for the coarse one) and ``coarse_to_fine/width`` (share of each range that a window covers).
    So they are in the ``ResultGrid``, in Tune's CSV, JSON and TensorBoard files, and in each
    logger, as for MLflow or W&B, that stands behind this callback in the list. The stages with
    their windows are kept up to date in ``stages.json`` in the experiment's folder.

    Args:
        search: The search algorithm of the run: the object itself, not a wrapper around it.

    Example:
        >>> from ray import tune
        >>> from ray.tune.logger import TBXLoggerCallback
        >>> from tune_bn.ray import CoarseToFineSearch, StagesCallback
        >>> search = CoarseToFineSearch()
        >>> callbacks = [StagesCallback(search), TBXLoggerCallback()]  # loggers behind it
        >>> run_config = tune.RunConfig(callbacks=callbacks)
    """

    def __init__(self, search: CoarseToFineSearch) -> None:
        self._search = search
        self._stage: int | None = None

    def on_trial_start(
        self,
        iteration: int,  # noqa: ARG002 - Tune's signature
        trials: Sequence[Trial],  # noqa: ARG002
        trial: Trial,
        **info: Any,  # noqa: ARG002
    ) -> None:
        """Logs and writes if the latest trial was drawn in another stage than the one before."""
        latest = self._search.latest
        if latest is None or latest.stage == self._stage:
            return
        self._stage = latest.stage
        stages = self._search.stages()
        name = next((s.name for s in stages if s.index == latest.stage), "given")
        has_best = any(stage.best_value is not None for stage in stages)
        logger.info(
            "Stage %s: windows cover %.3g of each range%s, from trial %d on%s",
            name,
            latest.width,
            " (of one with few values more)" if latest.width < 1 else "",
            latest.number,
            f"; best so far {self._search.best.value:.6g}" if has_best else "",
        )
        self._write(trial)

    def on_trial_result(
        self,
        iteration: int,  # noqa: ARG002 - Tune's signature
        trials: Sequence[Trial],  # noqa: ARG002
        trial: Trial,
        result: dict[str, Any],
        **info: Any,  # noqa: ARG002
    ) -> None:
        """Adds the trial's stage to the result, which Tune lets callbacks change in place."""
        try:
            number = self._search.number(trial.trial_id)
            mark, stage = self._search.mark(number), self._search.stage(number)
        except KeyError:
            return  # a copy that a Repeater made, or a trial of before a restart
        if mark is not None and stage is not None:
            result[METRICS] = {"stage": stage, "width": mark.width}

    def on_experiment_end(self, trials: Sequence[Trial], **info: Any) -> None:  # noqa: ARG002
        """Writes the stages of the whole run, after the search has learned what it was not told.

        Tune tells it nothing of trials that run when a time budget or a ``Stopper`` ends them all.
        """
        if trials:
            self._search.catch_up(trials)
            self._write(trials[0])

    def _write(self, trial: Trial) -> None:
        text = stages_to_json(
            self._search.stages(),
            self._search.trial_ids,
            metric=self._search.metric,
            mode=self._search.mode,
        )
        storage = trial.storage
        assert storage is not None
        path = f"{storage.experiment_fs_path}/stages.json"
        files: Any = storage.storage_filesystem
        if isinstance(files, LocalFileSystem):
            write_atomically(path, text)
        else:  # an object store takes a whole object or none
            with files.open_output_stream(path) as stream:
                stream.write(text.encode())


def stages_to_json(
    stages: Sequence[Stage], trial_ids: Mapping[int, str], *, metric: Any, mode: Any
) -> str:
    """Returns stages as a JSON text.

    Args:
        stages: What ``stages()`` of a search returned.
        trial_ids: Tune's id by trial number; trials that Tune did not run have none.
        metric: Name of what was optimised.
        mode: ``"min"`` or ``"max"``.
    """
    records = [
        stage.to_json() | {"trial_ids": [trial_ids.get(number) for number in stage.trials]}
        for stage in stages
    ]
    head = {"format": _FORMAT, "version": _VERSION, "metric": metric, "mode": mode}
    return json.dumps({**head, "stages": records}, indent=1, allow_nan=False) + "\n"
