"""`TunedClassifier` and `TunedRegressor`: `tune-bn tune` and `tune-bn predict` as estimators.

Nothing is decided here: a table goes to `dataset_of`, from there to a backend's ``tune``, and the
network that comes back is the one of the model file. What is here is what scikit-learn asks of an
estimator: which input it takes, which attributes it has after `fit`, and its tags.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    assert_all_finite,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from tune_bn.report import write_report
from tune_bn.training import DataError, Dataset, dataset_of
from tune_bn.training.data import MIN_ROWS, WEIGHS
from tune_bn.training.learned import DroppedColumn
from tune_bn.training.model_file import TunedModel, load_model
from tune_bn.training.target import Task
from tune_bn.training.written import MISSING_WORDS
from tune_bn.tuning import ModelFileError
from tune_bn.tuning.backends import runner
from tune_bn.tuning.finish.final import all_rows
from tune_bn.tuning.finish.networks import train_networks
from tune_bn.tuning.folder.study import copied_study
from tune_bn.tuning.settings import RaySettings, Settings
from tune_bn.tuning.trials.workers import Workers, one_thread

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["TableWarning", "TunedClassifier", "TunedRegressor"]


_WEIGHTS = "sample_weight"


class TableWarning(UserWarning):
    """What was done with a table that was not plain, or what its scores do not show."""


class _Tuned(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no type information
    """What both estimators share; the arguments are told there."""

    _task: Task

    def __init__(
        self,
        *,
        trials: int = 60,
        timeout: float | None = None,
        jobs: int = 1,
        seed: int = 0,
        metric: str | None = None,
        epochs: int = 30,
        device: str = "cpu",
        backend: str = "optuna",
        ray_settings: RaySettings | None = None,
        missing: Sequence[str] = MISSING_WORDS,
        categories: Sequence[str] = (),
        split: str = "random",
        time: str | None = None,
        group: str | None = None,
        refit: bool = True,
        out: str | Path | None = None,
    ) -> None:
        self.trials = trials
        self.timeout = timeout
        self.jobs = jobs
        self.seed = seed
        self.metric = metric
        self.epochs = epochs
        self.device = device
        self.backend = backend
        self.ray_settings = ray_settings
        self.missing = missing
        self.categories = categories
        self.split = split
        self.time = time
        self.group = group
        self.refit = refit
        self.out = out

    def __sklearn_tags__(self) -> Any:
        """Returns scikit-learn's tags: gaps, text and categories are welcome."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Searches, trains the best configuration, and keeps it.

        Args:
            X: Inputs: a data frame, or an array of shape (N, columns).
            y: The class or the number of each row, shape (N,).
            sample_weight: How much each row counts, shape (N,); None: all the same. Rows of
                weight 0 are left out, as if they were not there.

        Raises:
            DataError: The table cannot be used.
            TuneError: A setting or the folder cannot be used.

        Warns:
            TableWarning: Something was not plain.
        """
        if y is None:
            raise DataError(
                f"{type(self).__name__} requires y to be passed, but the target y is None. "
                "Pass the target of each row."
            )
        table = self._table(X, is_fit=True)
        targets = column_or_1d(_plain(y), warn=True)
        check_consistent_length(table, targets)
        _require_no_gap(targets)
        if _in_another_order(X, y):
            warnings.warn(
                "X and y have one index in two orders, and their rows are paired by place: if they "
                "belong together by their index, pass y.loc[X.index]",
                TableWarning,
                stacklevel=2,
            )
        if sample_weight is not None:
            sample_weight = np.asarray(column_or_1d(sample_weight), np.float64)
            check_consistent_length(table, sample_weight)
            counts = sample_weight != 0.0
            if not counts.any():
                raise DataError(
                    f"{type(self).__name__} needs a sample weight above zero for some rows, but "
                    f"all {len(counts)} are 0. Correct them, or leave them out."
                )
            table, targets, sample_weight = table[counts], targets[counts], sample_weight[counts]
        name = getattr(y, "name", None)
        self._fit(table, targets, sample_weight, name if isinstance(name, str) and name else "y")
        return self

    def _fit(self, table: pd.DataFrame, y: npt.NDArray[Any], sample_weight: Any, name: str) -> None:
        """Tunes on a table of inputs with its target, and keeps what came of it."""
        settings = Settings(
            trials=self.trials,
            timeout_s=self.timeout,
            jobs=self.jobs,
            seed=self.seed,
            metric=self.metric,
            epochs=self.epochs,
            device=self.device,
        )
        settings.metric_for(self._task)
        tune = runner(self.backend, self.ray_settings)
        while name in table.columns:
            name += "_"
        table = table.assign(**{name: y})
        weights = None
        if sample_weight is not None:
            weights = _WEIGHTS
            while weights in table.columns:
                weights += "_"
            table = table.assign(**{weights: sample_weight})
        dataset = dataset_of(
            table,
            target=name,
            task=self._task,
            seed=self.seed,
            missing=self.missing,
            categories=self.categories,
            split=self.split,
            time=self.time,
            group=self.group,
            weights=weights,
        )
        own = self.out is None
        with tempfile.TemporaryDirectory() if own else nullcontext(str(self.out)) as folder:
            outcome = tune(dataset, folder, settings, write_report=None if own else write_report)
            self.model_ = load_model(Path(folder) / "model.pt")
            self.study_ = copied_study(Path(folder))
        if self.refit:
            self.model_ = _of_all_rows(self.model_, dataset, settings, outcome.summary)
        self.summary_ = outcome.summary
        self.best_params_ = dict(outcome.summary["best"]["params"])
        self.notes_ = (*dataset.notes, *outcome.summary["remarks"])
        self._network = outcome.network
        for note in self.notes_:
            warnings.warn(note, TableWarning, stacklevel=4)  # whoever called fit

    def _table(self, X: Any, *, is_fit: bool) -> pd.DataFrame:  # noqa: N803  scikit-learn's name
        """Returns rows as a table with the columns that the model knows.

        Raises:
            ValueError: It is no table, or has other columns than the one of `fit`.
            TypeError: It is sparse.
        """
        if hasattr(X, "to_pandas"):  # of Polars or Arrow
            X = X.to_pandas()  # noqa: N806
        options: dict[str, Any] = {"skip_check_array": True}
        if not isinstance(X, pd.DataFrame):
            # numpy would make text of all cells of a list in which one is text.
            is_mixed = isinstance(X, list | tuple) and np.asarray(X).dtype.kind in "US"
            options = {
                "dtype": object if is_mixed else None,
                "ensure_all_finite": "allow-nan",
                "ensure_min_samples": MIN_ROWS if is_fit else 1,
            }
        found = validate_data(self, X, reset=is_fit, **options)
        table = pd.DataFrame(found).reset_index(drop=True)
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{place}" for place in range(self.n_features_in_)]
        table.columns = pd.Index([str(name) for name in names])
        return table

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803
        """Returns a class label or a number for each row, shape (N,).

        A row's answer does not depend on the rows beside it.

        Args:
            X: Rows with the columns of `fit`: a data frame or an array, shape (N, columns).

        Raises:
            DataError: A cell cannot be read as its column is.
            NotFittedError: There is no model yet.

        Warns:
            UnknownCategoriesWarning: A value is no category of the model.
            RowsWarning: A number or a date lies far outside of those of the training rows, or a
                row holds no value at all.
        """
        check_is_fitted(self, "model_")
        return self.model_.predict(self._table(X, is_fit=False))

    def report(self, path: str | os.PathLike[str]) -> None:
        """Writes the page that shows how the search narrowed, and how good the network is.

        Args:
            path: The HTML file, replaced if it exists.

        Raises:
            NotFittedError: Nothing was searched; a model that was loaded has no study.
        """
        check_is_fitted(
            self,
            "study_",
            msg="%(name)s.report needs the search of fit, but there was none; a model file holds "
            "the network alone. Call fit first.",
        )
        write_report(self.study_, path, summary=self.summary_, network=self._network)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the network and its preprocessing, as the ``model.pt`` of ``tune-bn tune``.

        `load` and ``tune-bn predict --model`` read it. It holds tensors and plain data, no pickle.

        Args:
            path: The file, replaced if it exists.

        Raises:
            NotFittedError: There is no model yet.
        """
        check_is_fitted(self, "model_")
        self.model_.save(Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Returns an estimator that predicts with a model file, of `save` or of ``tune-bn tune``.

        Its arguments are the defaults; it has neither study nor summary.

        Raises:
            FileNotFoundError: There is no such file.
            ModelFileError: The file is something else, damaged, or of the other task.
        """
        model = load_model(Path(path))
        if model.task != cls._task:
            other = "TunedRegressor" if model.task == "regression" else "TunedClassifier"
            raise ModelFileError(
                f"{cls.__name__}.load needs a model of {cls._task}, but {Path(path).name!r} is one "
                f"of {model.task}. Use {other}.load."
            )
        self = cls()
        self._take(model)
        return self

    def _take(self, model: TunedModel) -> None:
        self.model_ = model
        self.best_params_ = dict(model.config.to_dict())
        names = [
            column.name
            for column in model.preprocessing.columns
            if not (isinstance(column, DroppedColumn) and column.reason == WEIGHS)
        ]
        self.n_features_in_ = len(names)
        if names != [f"x{place}" for place in range(len(names))]:  # which arrays are called
            self.feature_names_in_ = np.array(names, dtype=object)


def _of_all_rows(
    model: TunedModel, dataset: Dataset, settings: Settings, summary: Mapping[str, Any]
) -> TunedModel:
    """Returns the model with networks that are trained on the test rows, too, if they can be."""
    best = summary["best"]
    with one_thread(), Workers(settings.jobs) as workers:
        (trained,) = train_networks(
            [(model.config, best["fit_seed"])],
            all_rows(dataset),
            networks=best["networks"],
            epochs=settings.epochs,
            workers=workers,
            device=settings.device,
        )
    return model if trained.model is None else replace(model, model=trained.model)


class TunedClassifier(ClassifierMixin, _Tuned):  # type: ignore[misc]  # as above
    """A network for classes, tuned by a coarse-to-fine random search.

    `fit` does what ``tune-bn tune`` does: a fifth of its rows is for the search to compare
    configurations on, a fifth for one score at the end (``summary_``) of a network that is trained
    on all but the last; the network that predicts is then trained on all rows. Text, gaps,
    categories and dates of a data frame are read as the guide "The command line" tells; what was
    not plain is said by a `TableWarning`.

    Args:
        trials: Configurations to try, at least 1.
        timeout: Seconds for the whole of `fit` but the last trainings, of `refit`, above 0; None:
            no limit.
        jobs: Configurations trained at the same time, each in a process of its own above 1.
        seed: Decides the split, the draws and the initial weights.
        metric: What to tune for: "accuracy" (None), "loss", "balanced_accuracy", "f1", "roc_auc".
        epochs: Passes over the training rows.
        device: Where to train, as torch names it.
        backend: Who searches: "optuna", or "ray".
        ray_settings: What Ray is asked for; for the backend "ray".
        missing: Words that stand for a missing value in text.
        categories: Names of columns that are categories, whatever they look like.
        split: "random", or "time": the last rows are for validation and test.
        time: With ``split="time"`` the name of the column of the time, no input.
        group: Name of a column, no input, of which rows with one value stay together.
        refit: Train the chosen configuration once more, on all rows, and predict with that. False:
            predict with the network that was scored, which the command writes.
        out: A folder for the files of ``tune-bn tune``, in which an earlier search of the same
            data goes on; None: none are kept.

    Attributes:
        classes_: The classes, sorted.
        best_params_: The configuration of the network.
        study_: The search, an Optuna study in memory.
        summary_: Scores, baselines and all else that ``best.json`` holds.
        notes_: What was done with the table, and what the scores do not show, a line each.
        model_: The network with its preprocessing, a `tune_bn.tuning.TunedModel`.
        n_features_in_: Columns of the table of `fit`.
        feature_names_in_: Their names, where it had some.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> x, y = load_iris(return_X_y=True, as_frame=True)
        >>> TunedClassifier(trials=1, epochs=10).fit(x, y).predict(x[:2])
        array([0, 0])
    """

    _task = "classification"

    def _fit(self, table: pd.DataFrame, y: npt.NDArray[Any], sample_weight: Any, name: str) -> None:
        kind = pd.api.types.infer_dtype(y, skipna=False)
        if y.dtype.kind == "O" and kind != "string":
            shown_types = " and ".join(sorted({type(label).__name__ for label in y}))
            raise DataError(
                "TunedClassifier needs labels that are all text, all numbers or all truth values, "
                f"but those of y are {shown_types}. Make text of them, as in y.astype(str)."
            )
        check_classification_targets(y)
        classes = np.unique(y)
        if len(classes) < 2:
            raise DataError(
                f"TunedClassifier needs at least two classes, but every row of y is one class, "
                f"{classes.tolist()[0]!r}. Add rows of another."
            )
        super()._fit(table, y, sample_weight, name)
        self.classes_ = classes

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803, D102  as in the base
        places = self.predict_proba(X).argmax(axis=1)
        chosen: npt.NDArray[Any] = self.classes_[places]
        return chosen

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: N803
        """Returns the probability of each class for each row, shape (N, classes).

        Args:
            X: As for `predict`.

        Raises:
            DataError: A cell cannot be read as its column is.
            NotFittedError: There is no model yet.

        Warns:
            UnknownCategoriesWarning: A value is no category of the model.
            RowsWarning: A number or a date lies far outside of those of the training rows, or a
                row holds no value at all.
        """
        check_is_fitted(self, "model_")
        return self.model_.predict_proba(self._table(X, is_fit=False))

    def _take(self, model: TunedModel) -> None:
        super()._take(model)
        self.classes_ = np.array(model.classes)


class TunedRegressor(RegressorMixin, _Tuned):  # type: ignore[misc]  # as above
    """A network for a number, tuned by a coarse-to-fine random search.

    `fit` does what ``tune-bn tune`` does, as `TunedClassifier` tells, and takes the same
    arguments; ``metric`` is "r2" (None), "rmse", "mae" or "loss".

    Attributes:
        best_params_: The configuration of the network.
        study_: The search, an Optuna study in memory.
        summary_: Scores, baselines and all else that ``best.json`` holds.
        notes_: What was done with the table, and what the scores do not show, a line each.
        model_: The network with its preprocessing, a `tune_bn.tuning.TunedModel`.
        n_features_in_: Columns of the table of `fit`.
        feature_names_in_: Their names, where it had some.
    """

    _task = "regression"

    def _fit(self, table: pd.DataFrame, y: npt.NDArray[Any], sample_weight: Any, name: str) -> None:
        super()._fit(table, np.asarray(y, np.float64), sample_weight, name)


def _plain(y: Any) -> Any:
    """Returns the values of pandas', Arrow's and Polars' types as numpy's: no 1 becomes a 1.0.

    Values with a gap among them stay as they are, and are refused later.
    """
    if hasattr(y, "to_pandas"):
        y = y.to_pandas()
    if isinstance(y, pd.DataFrame):
        return y if y.shape[1] != 1 else y.apply(lambda column: pd.Series(_plain(column)))
    if not isinstance(y, pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        y = np.asarray(y)
        if y.dtype.kind != "O" or y.ndim != 1:
            return y
    column = pd.Series(y)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if pd.api.types.is_extension_array_dtype(column.dtype):
        numpys = getattr(column.dtype, "numpy_dtype", None)
        if column.dtype.kind in "biu" and numpys is not None and not column.hasnans:
            return column.to_numpy(dtype=numpys)
        return column.astype(object).infer_objects().to_numpy()
    return column.infer_objects().to_numpy()


def _in_another_order(x: Any, y: Any) -> bool:
    """Tells whether a data frame and its targets have the same index, but not row by row."""
    if not (isinstance(x, pd.DataFrame) and isinstance(y, pd.DataFrame | pd.Series)):
        return False
    if x.index.equals(y.index):
        return False
    return len(x.index.symmetric_difference(y.index)) == 0


def _require_no_gap(y: npt.NDArray[Any]) -> None:
    """Refuses missing and infinite targets, and dates, of which pandas would make a number."""
    if y.dtype.kind in "mM":
        raise DataError(
            "y needs numbers or classes, but holds dates or times. Convert it, as in "
            "(y - y.min()).dt.days."
        )
    if y.dtype.kind in "fc":
        assert_all_finite(y, input_name="y")
    gaps = int(pd.isna(y).sum())
    if gaps:
        raise DataError(
            f"y needs a target for each row, but {gaps} of {len(y)} are missing (NaN or None). "
            "Leave these rows out."
        )
