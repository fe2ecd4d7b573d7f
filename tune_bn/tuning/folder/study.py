"""The study of a folder: made, gone on with, or refused; SQLite, so Optuna's dashboard opens it."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import optuna
import sqlalchemy
from optuna.trial import TrialState

from tune_bn.core.draws.mark import MARK_KEY, Mark
from tune_bn.plain.names import INTERRUPTED, REASON, STUDY_FILE
from tune_bn.plain.text import error_line
from tune_bn.tuning.errors import TuneError

__all__ = [
    "INTERRUPTED",
    "REASON",
    "STORAGE_ERRORS",
    "STUDY_NAME",
    "copied_study",
    "counted_trials",
    "open_study",
    "quiet_optuna",
    "stage_of",
    "storage_errors",
    "untried",
]

STUDY_NAME = "tune_bn"
_IDENTITY = "tune_bn:identity"
_OTHER = {
    "data": "other data or another target",
    "task": "another task ({found!r}, not {wanted!r})",
    "metric": "another metric ({found!r}, not {wanted!r})",
    "space": "another search space",
    "seed": "another seed ({found!r}, not {wanted!r})",
    "epochs": "another number of epochs ({found!r}, not {wanted!r})",
    "inputs": "other inputs: another version of tune-bn made them of the table",
}


@contextmanager
def open_study(
    folder: Path,
    identity: dict[str, Any],
    *,
    earlier: Collection[dict[str, Any]] = (),
    direction: Literal["maximize", "minimize"],
    sampler: optuna.samplers.BaseSampler,
    pruner: optuna.pruners.BasePruner,
) -> Iterator[optuna.Study]:
    """Yields the folder's study with what it has finished, or a new one; closes it at the end.

    Trials that a killed process left running are marked as failed: nothing runs them any more.

    Args:
        folder: An output folder that this process holds.
        identity: Plain data; a study goes on only where it is equal.
        earlier: Identities that mean the same, as earlier versions wrote them.
        direction: Of the metric.
        sampler: Draws the configurations.
        pruner: Stops bad trials early.

    Raises:
        TuneError: The folder's study has another identity, or its file is no study.
    """
    file = folder / STUDY_FILE
    is_new = not file.exists()
    storage = None
    try:
        try:
            storage = optuna.storages.RDBStorage(
                _url(file),
                engine_kwargs={"connect_args": {"timeout": 60}},
                skip_compatibility_check=is_new,  # with the tables that it makes itself
            )
            study = optuna.create_study(
                storage=storage,
                study_name=STUDY_NAME,
                direction=direction,
                sampler=sampler,
                pruner=pruner,
                load_if_exists=True,
            )
            found = study.user_attrs.get(_IDENTITY)
            n_trials = len(study.get_trials(deepcopy=False))
        except (*STORAGE_ERRORS, RuntimeError) as error:  # the last for tables of another Optuna
            if is_new:
                raise
            raise TuneError(
                f"--resume needs a study that Optuna can read, but {str(file)!r} is none "
                f"({error_line(error)}). Use --fresh (the file is kept), or another --out."
            ) from error
        if found is None and n_trials == 0:  # new, or its process was killed while making it
            study.set_user_attr(_IDENTITY, identity)
        elif found != identity and found not in earlier:
            _refuse(folder, found, identity)
        _fail_abandoned(study, storage)
        yield study
    finally:
        if storage is not None:
            storage.remove_session()
            storage.engine.dispose()


def _url(file: Path) -> str:
    # URL.create escapes what a path may hold and a URL may not.
    return sqlalchemy.URL.create("sqlite", database=str(file)).render_as_string()


def copied_study(folder: Path) -> optuna.Study:
    """Returns the folder's study as a copy in memory, which does not need the folder any more."""
    # This process has written it, so that its tables need not be looked at.
    url = _url(folder / STUDY_FILE)
    storage = optuna.storages.RDBStorage(url, skip_compatibility_check=True)
    copy = optuna.storages.InMemoryStorage()
    try:
        with quiet_optuna():
            optuna.copy_study(from_study_name=STUDY_NAME, from_storage=storage, to_storage=copy)
    finally:
        storage.remove_session()
        storage.engine.dispose()
    return optuna.load_study(study_name=STUDY_NAME, storage=copy)


class quiet_optuna:  # noqa: N801  used as a context manager, read as a verb phrase
    """Keeps Optuna's line for each trial off the terminal; the progress bar says it."""

    def __enter__(self) -> None:
        self._before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)

    def __exit__(self, *_: object) -> None:
        optuna.logging.set_verbosity(self._before)


def counted_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Returns the finished trials that count towards the budget: all but the interrupted."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state.is_finished() and trial.user_attrs.get(REASON) != INTERRUPTED
    ]


def untried(study: optuna.Study, params: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns those params that no trial of the study has tried."""
    known = [trial.params for trial in counted_trials(study)]
    return [each for each in params if each not in known]


def stage_of(trial: optuna.trial.FrozenTrial) -> int | None:
    """Returns the stage of the schedule in which a trial was drawn; None if none drew it."""
    mark = Mark.read(trial.user_attrs.get(MARK_KEY), trial.number)
    # Optuna keeps what was given, which the sampler may not have known to be all.
    given = {*trial.system_attrs.get("fixed_params", ()), *(() if mark is None else mark.given)}
    return None if mark is None or trial.params.keys() <= given else mark.stage


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turns a failure to write the study or a file into one line that says what to do.

    Raises:
        TuneError: The disk is full, was removed, or became read-only.
    """
    try:
        yield
    except (*STORAGE_ERRORS, OSError) as error:
        if not (folder / STUDY_FILE).exists():
            raise TuneError(
                f"A run needs its {STUDY_FILE} until its end, but it was removed from "
                f"{str(folder)!r} ({error_line(error)}). Run it again: it begins anew."
            ) from error
        raise TuneError(
            f"A run needs to write to {str(folder)!r}, but that failed ({error_line(error)}). "
            "Make room or choose another --out; finished trials and earlier results are kept."
        ) from error


STORAGE_ERRORS = (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError)


def _refuse(folder: Path, found: Any, identity: dict[str, Any]) -> None:
    if isinstance(found, dict):
        differences = [
            text.format(found=found.get(key), wanted=identity.get(key))
            for key, text in _OTHER.items()
            if found.get(key) != identity.get(key)
        ]
    else:
        differences = ["trials that tune-bn did not make"]
    raise TuneError(
        f"--resume needs a study of the same data, space and settings, but {str(folder)!r} holds "
        f"one of {' and '.join(differences)}. Choose another --out, or --fresh to start over "
        "(earlier files are kept in a sub-folder)."
    )


def _fail_abandoned(study: optuna.Study, storage: optuna.storages.BaseStorage) -> None:
    study_id = storage.get_study_id_from_name(study.study_name)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
        # The reason first: Optuna lets no one write to a finished trial.
        storage.set_trial_user_attr(trial_id, REASON, INTERRUPTED)
        study.tell(trial.number, state=TrialState.FAIL)
