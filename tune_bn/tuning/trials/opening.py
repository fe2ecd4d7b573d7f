"""How a run begins, whatever searches: the folder held, the settings checked, the study opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna

from tune_bn.core.space import Parameter
from tune_bn.training import Dataset
from tune_bn.tuning.folder.folder import open_folder, require_study, set_aside
from tune_bn.tuning.folder.study import open_study, quiet_optuna, storage_errors
from tune_bn.tuning.settings import DIRECTIONS, Settings
from tune_bn.tuning.space import earlier_versions, space_of_study, space_version
from tune_bn.tuning.trials.workers import one_thread

__all__ = ["opened_study"]


@contextmanager
def opened_study(
    dataset: Dataset,
    out: str | Path,
    settings: Settings,
    *,
    rows: int,
    resume: bool | None,
    sampler: optuna.samplers.BaseSampler,
    pruner: optuna.pruners.BasePruner,
) -> Iterator[tuple[Path, optuna.Study, dict[str, Parameter]]]:
    """Holds the output folder; yields it, its study (new, or to go on with) and what is searched.

    Meanwhile torch uses one thread in this process, Optuna prints no line for each trial, and a
    failure to write is one line that says what to do.

    Args:
        dataset: What is tuned on; part of the study's identity.
        out: The output folder; made as needed.
        settings: Part of the study's identity.
        rows: Training rows, which decide the search space.
        resume: True: there must be a study. False: set it aside. None: go on where there is one.
        sampler: As for `open_study`.
        pruner: As for `open_study`.

    Raises:
        TuneError: The folder or its study cannot be used.
    """
    identity = settings.identity(
        task=dataset.task,
        fingerprint=dataset.fingerprint,
        space=space_version(rows),
        refinement=dataset.preprocessing.refinement,
    )
    with open_folder(out) as folder, storage_errors(folder), one_thread():
        if resume is True:
            require_study(folder)
        if resume is False:
            set_aside(folder)
        with (
            quiet_optuna(),
            open_study(
                folder,
                identity,
                earlier=[{**identity, "space": version} for version in earlier_versions(rows)],
                direction=DIRECTIONS[settings.metric_for(dataset.task)],
                sampler=sampler,
                pruner=pruner,
            ) as study,
        ):
            yield folder, study, space_of_study(study, rows)
