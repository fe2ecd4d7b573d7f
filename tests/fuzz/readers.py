"""What a user's call does with a file of each format, and the errors it may answer with.

A file that is accepted is also used a little: what cannot be used should have been refused.
"""

import io
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.fuzz.states import core_state, model_file, ray_state, summary_file
from tests.fuzz.tables import csv_file, npz_file, parquet_file
from tune_bn import CoarseToFine, StateError
from tune_bn.report.errors import ReportError
from tune_bn.training import DataError, Preprocessing, load_dataset
from tune_bn.training.model_file import ModelFileError, load_model
from tune_bn.training.tables import read_rows

__all__ = ["FORMATS", "Format", "require_same_alone"]


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Args:
        suffix: Ending of its name.
        make: Returns a file from a generator of random numbers.
        read: Reads the file as a user's call would, and uses what it got.
        refusals: The errors that say that the file is none.
    """

    suffix: str
    make: Callable[[random.Random], bytes]
    read: Callable[[Path], object]
    refusals: tuple[type[Exception], ...]


def _read_csv(path: Path) -> None:
    dataset = load_dataset(path, target="y")
    require_same_alone(dataset.preprocessing, read_rows(path).table)


def _read_npz(path: Path) -> None:
    dataset = load_dataset(path)
    require_same_alone(dataset.preprocessing, read_rows(path).table)


def require_same_alone(preprocessing: Preprocessing, rows: pd.DataFrame) -> None:
    """Fails unless a row's inputs are the same alone, in another order and beside other rows.

    Args:
        preprocessing: What was learned from the file.
        rows: Its rows, as a model reads them; of them the first, the last and one between.
    """
    chosen = sorted({0, len(rows) // 2, len(rows) - 1})
    whole = preprocessing.transform(rows)
    backwards = preprocessing.transform(rows.iloc[chosen[::-1]])
    for place, row in enumerate(reversed(chosen)):
        alone = preprocessing.transform(rows.iloc[[row]].infer_objects())
        if not (alone[0].equal(whole[row]) and alone[0].equal(backwards[place])):
            raise AssertionError(f"row {row} has other inputs alone than among others")


def _require_same(one: Any, other: Any) -> None:
    if not np.array_equal(one, other):  # of other batches: numbers differ in the last digits
        np.testing.assert_allclose(np.asarray(one, float), np.asarray(other, float), rtol=1e-3)


def _read_core(path: Path) -> None:
    search = CoarseToFine.from_json(path.read_text(encoding="utf-8", errors="replace"))
    for _ in range(3):
        trial = search.ask()
        search.tell(trial, (1.0,) * len(search.directions))
    search.stages()
    CoarseToFine.from_json(search.to_json())


def _read_ray(path: Path) -> None:
    from tune_bn.ray import CoarseToFineSearch

    search = CoarseToFineSearch()
    search.restore(str(path))
    ready = search.metric and search.mode and search.space
    if ready:
        config = search.suggest("new")
        search.on_trial_complete("new", {**config, "loss": 1.0, "training_iteration": 1})
        search.stages()
    search.save(str(path))


def _read_summary(path: Path) -> None:
    from rich.console import Console

    from tune_bn.report.pages.page import page
    from tune_bn.report.pages.terminal import text_report
    from tune_bn.report.results.source import results_of
    from tune_bn.report.results.storages import open_run

    folder = path.parent / "run"
    if not folder.exists():
        folder.mkdir()
        _write_study(folder / "study.db")
    shutil.copyfile(path, folder / "best.json")
    study, summary = open_run(folder)
    results = results_of(study)
    Console(file=io.StringIO(), width=100).print(text_report(results, summary))
    if path.stat().st_size % 50 == 0:  # a page costs as much as a hundred texts
        page(results, summary=summary).encode()


def _read_runs(path: Path) -> None:
    from tune_bn.report.pages.plain_data import report_json
    from tune_bn.report.results.from_table import read_columns, results_of_table

    columns = read_columns(path)
    numbers = [n for n, column in columns.items() if any(isinstance(v, float) for v in column)]
    results = results_of_table(columns, metric=numbers[0] if numbers else None, mode="min")
    report_json(results)


def _write_study(path: Path) -> None:
    import optuna

    from tune_bn.optuna import CoarseToFineSampler

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    study = optuna.create_study(
        storage=storage, sampler=CoarseToFineSampler(seed=0), direction="maximize"
    )
    study.optimize(lambda t: -(t.suggest_float("x", -1, 1) ** 2), n_trials=12)
    storage.remove_session()
    storage.engine.dispose()


def _read_model(path: Path) -> None:
    model = load_model(path)
    row = {"size": 0.5, "town": "A", "built": "2024-01-02", "kind": "no", "price": 0.0}
    try:
        found = model.answer(row)
    except DataError:
        return  # of another table
    again = model.answer([row, {**row, "town": "B"}, row])
    _require_same(found.predictions, again.predictions[:1])


FORMATS: Mapping[str, Format] = {
    "csv": Format(".csv", csv_file, _read_csv, (DataError,)),
    "npz": Format(".npz", npz_file, _read_npz, (DataError,)),
    "parquet": Format(".parquet", parquet_file, _read_csv, (DataError,)),
    "core-state": Format(".json", core_state, _read_core, (StateError,)),
    "ray-state": Format(".json", ray_state, _read_ray, (StateError,)),
    "best-json": Format(".json", summary_file, _read_summary, (ReportError,)),
    "runs": Format(".csv", csv_file, _read_runs, (ReportError,)),
    "model": Format(".pt", model_file, _read_model, (ModelFileError,)),
}
