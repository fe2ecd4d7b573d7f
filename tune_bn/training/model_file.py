"""The file a tuned network is kept in, and the network that comes out of it.

A model file is what `torch.save` writes of a dictionary with three entries: the format's name, a
JSON text (configuration, preprocessing, metrics) and the network's tensors. It is read back with
`weights_only=True`, so that a file from elsewhere cannot run code, and no larger than it is. One
network is written in the format of version 0.1, several that answer together in the next.
"""

from __future__ import annotations

import copy
import io
import itertools
import json
import pickletools
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tune_bn.plain.checks import check_whole
from tune_bn.plain.files import write_atomically
from tune_bn.plain.reading import UNREADABLE, brief
from tune_bn.plain.text import error_line
from tune_bn.training.baselines import baselines
from tune_bn.training.config import Config
from tune_bn.training.data import Dataset
from tune_bn.training.ensemble import answer_together, networks_of
from tune_bn.training.errors import DataError
from tune_bn.training.fit import build_model
from tune_bn.training.metrics import predict_outputs
from tune_bn.training.preprocessing import Preprocessing, Rows
from tune_bn.training.target import Label
from tune_bn.training.unlike import EmptyRows, OtherValues, RowNote, UnknownValues

__all__ = [
    "Answers",
    "ModelFileError",
    "RowsWarning",
    "TunedModel",
    "UnknownCategoriesWarning",
    "baselines",
    "load_model",
    "save_model",
]

_FORMAT = "tune-bn model 1"
_FORMAT_OF_SEVERAL = "tune-bn model 2"
_MOST_NETWORKS = 64
_MOST_STEPS = 1_000_000  # of the pickle: a layer takes some hundred, and a text of any length one


class ModelFileError(ValueError):
    """The file is not one that `save_model` wrote, or not all of it."""


class RowsWarning(UserWarning):
    """Rows are unlike those that the model was trained on: numbers far outside, or no value."""


class UnknownCategoriesWarning(RowsWarning):
    """Rows hold values that are no category of the model; of these it can say nothing."""


@dataclass(frozen=True)
class Answers:
    """What a model says of some rows.

    Args:
        predictions: A class label or a number for each row, shape (N,).
        probabilities: Of each class, shape (N, classes); None for regression.
        notes: What of the rows is unlike the training rows.
    """

    predictions: npt.NDArray[Any]
    probabilities: npt.NDArray[np.float64] | None
    notes: tuple[RowNote, ...]


@dataclass(frozen=True)
class TunedModel:
    """A trained network with the preprocessing of its table.

    Args:
        config: The configuration it was trained with.
        preprocessing: The way from a table's row to the network's input, and the target.
        model: The network, on the CPU, in evaluation mode; of several of this configuration an
            `Ensemble`, whose ``networks`` they are.
        metrics: What `save_model` was given, as plain data.
        data: Name and fingerprint of the table that it was trained on.
    """

    config: Config
    preprocessing: Preprocessing
    model: nn.Module
    metrics: Mapping[str, Any]
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """Returns "classification" or "regression"."""
        return self.preprocessing.target.task

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """The class labels, in the order of `predict_proba`'s columns; None for regression."""
        return self.preprocessing.target.classes

    def predict(self, rows: Rows, *, strict: bool = False) -> npt.NDArray[Any]:
        """Returns a class label, or a value in the target's units, for each row: shape (N,).

        A row's answer does not depend on the rows beside it.

        Args:
            rows: As for `Preprocessing.transform`; one row gives an array of one.
            strict: Refuse values that are no category of the model, and numbers or dates far
                outside of the training rows', instead of warning.

        Raises:
            DataError: A column is missing or unknown, or holds something that is no number; with
                `strict` also a value that is no category, or far.

        Warns:
            UnknownCategoriesWarning: A value is no category of the model.
            RowsWarning: A number or a date lies further beyond those of the training rows than
                these lie apart, a row holds no value at all, or a column that had one value only
                has another.
        """
        return self._answered(rows, strict).predictions

    def predict_proba(self, rows: Rows, *, strict: bool = False) -> npt.NDArray[np.float64]:
        """Returns the probability of each class for each row: shape (N, classes).

        It takes, refuses and warns of what `predict` does.

        Raises:
            TypeError: The target is a number, which has no classes.
        """
        if self.classes is None:
            raise TypeError(
                "predict_proba needs a classification model, but the target "
                f"{self.preprocessing.target.name!r} is a number. Use predict."
            )
        probabilities = self._answered(rows, strict).probabilities
        assert probabilities is not None
        return probabilities

    def save(self, path: str | Path) -> None:
        """Writes the file that `load_model` reads; all of it or nothing.

        Args:
            path: The file, replaced if it exists.

        Raises:
            OSError: The file cannot be written; an earlier one is still there.
            ModelFileError: The metrics are no plain data.
        """
        networks = len(networks_of(self.model))
        about = {
            **({} if networks == 1 else {"networks": networks}),
            "config": self.config.to_dict(),
            "metrics": dict(self.metrics),
            "data": dict(self.data),
        }
        try:
            text = json.dumps(about, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ModelFileError(
                f"A model file needs metrics of finite numbers and text, but got {self.metrics!r} "
                f"({error}). Convert them."
            ) from error
        buffer = io.BytesIO()
        state = self.model.state_dict()
        torch.save(
            {
                "format": _FORMAT if networks == 1 else _FORMAT_OF_SEVERAL,
                "about": text,
                "preprocessing": self.preprocessing.to_json(),
                "state": {name: value.detach().cpu().clone() for name, value in state.items()},
            },
            buffer,
        )
        write_atomically(path, buffer.getvalue())

    def answer(self, rows: Rows) -> Answers:
        """Returns predictions, probabilities and what was unlike, of which nobody is warned.

        Raises:
            DataError: A column is missing or unknown, or holds something that is no number.
        """
        x, notes = self.preprocessing.transform_noting(rows)
        target = self.preprocessing.target
        if len(x) == 0:
            outputs = np.zeros((0, target.n_outputs), np.float32)
        else:
            # In double precision, because the rounding of a row's sums depends on how many rows
            # are beside it; rounded to single precision, it does not show.
            model = copy.deepcopy(self.model).double()
            outputs = predict_outputs(model, x.double()).float().numpy()
        if target.classes is None:
            values = outputs[:, 0].astype(np.float64) * target.scale + target.mean
            return Answers(values, None, tuple(notes))
        text = any(isinstance(label, str) for label in target.classes)
        labels: npt.NDArray[Any] = np.array(target.classes, dtype=object if text else None)
        logits = outputs.astype(np.float64)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return Answers(labels[outputs.argmax(axis=1)], probabilities, tuple(notes))

    def _answered(self, rows: Rows, strict: bool) -> Answers:
        answers = self.answer(rows)
        if strict:
            require_known(answers.notes)
        for note in answers.notes:
            is_unknown = isinstance(note, UnknownValues) and not isinstance(note, OtherValues)
            category = UnknownCategoriesWarning if is_unknown else RowsWarning
            warnings.warn(f"{note}; {note.consequence}", category, stacklevel=3)
        return answers


def require_known(notes: Iterable[RowNote]) -> None:
    """Refuses values that the model does not know, for those who asked for it.

    Raises:
        DataError: A value is no category, or lies far outside of the training rows'.
    """
    unknown = [note for note in notes if not isinstance(note, EmptyRows | OtherValues)]
    if unknown:
        more = f" (and {len(unknown) - 1} more columns)" if len(unknown) > 1 else ""
        raise DataError(
            f"Prediction needs values that the model knows, but {unknown[0]}{more}. Correct them, "
            "leave them empty, or predict without strict."
        )


def save_model(
    path: str | Path,
    *,
    model_config: Config,
    model: nn.Module,
    dataset: Dataset,
    metrics: Mapping[str, Any],
) -> None:
    """Writes a trained network with everything that `load_model` needs; all of it or nothing.

    Args:
        path: The file, replaced if it exists.
        model_config: The configuration of `model`.
        model: The trained network, on any device.
        dataset: What it was trained on; only its preprocessing, name and fingerprint are kept.
        metrics: Plain data for JSON, handed back as `TunedModel.metrics`.

    Raises:
        OSError: The file cannot be written; an earlier one is still there.
        ModelFileError: The metrics are no plain data.
    """
    data = {"name": dataset.name, "fingerprint": dataset.fingerprint}
    TunedModel(model_config, dataset.preprocessing, model, metrics, data).save(path)


def load_model(path: str | Path) -> TunedModel:
    """Rebuilds the network and the preprocessing that `save_model` wrote; runs no code of the file.

    Raises:
        FileNotFoundError: There is no such file.
        ModelFileError: The file is something else, or damaged.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"load_model needs a model file, but there is none at {str(path)!r}. "
            "Check the path; a tuning run writes model.pt into its output folder."
        )
    try:
        _require_archive(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds for damaged and foreign files
        raise _refused(path, f"torch refused it ({error_line(error)})") from error
    found = content.get("format") if isinstance(content, dict) else None
    if not isinstance(found, str) or found not in (_FORMAT, _FORMAT_OF_SEVERAL):
        if isinstance(found, str) and found.startswith(_FORMAT.rstrip("1")):
            raise ModelFileError(
                f"load_model reads {_FORMAT_OF_SEVERAL!r}, but {path.name!r} is {found[:40]!r}, of "
                "a later version. Update tune-bn."
            )
        # Not shown if it is no text: a list may hold itself a billion times over.
        shown = repr(found[:40]) if isinstance(found, str) else type(found).__name__
        raise _refused(path, f"it holds {type(content).__name__} of format {shown}")
    try:
        about = json.loads(content["about"])
        preprocessing = Preprocessing.from_json(content["preprocessing"])
        config = Config.from_dict(about["config"])
        state = content["state"]
        networks = check_whole(
            ValueError,
            "A model file",
            "networks",
            about.get("networks", 1),
            least=1,
            most=_MOST_NETWORKS,
        )
        _require_weights(state, config, preprocessing, networks)
        target = preprocessing.target
        parts = [
            build_model(config, preprocessing.n_features, target.n_outputs) for _ in range(networks)
        ]
        model = answer_together(parts, target.task)
        model.load_state_dict(state)
        metrics, data = dict(about["metrics"]), dict(about.get("data", {}))
    except (*UNREADABLE, RuntimeError, MemoryError) as error:
        raise _refused(path, f"its parts do not fit together ({brief(error)})") from error
    return TunedModel(config, preprocessing, model.eval(), metrics, data)


def _require_archive(path: Path) -> None:
    """Refuses what `torch.save` does not write: a bare pickle, or an archive that is a bomb.

    Raises:
        ValueError: The file is no zip archive, its parts are larger than it is, or its pickle is
            damaged or far longer than that of any network.
        zipfile.BadZipFile: It is damaged.
    """
    with path.open("rb") as file:  # torch looks at the beginning, zipfile at the end
        if file.read(4) != b"PK\x03\x04" or not zipfile.is_zipfile(file):
            raise ValueError("it is no zip archive, or cut short")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > path.stat().st_size:
            raise ValueError("its parts are larger than the file")
        for member in members:
            if member.filename.endswith("data.pkl"):
                # Each of its bytes may stand for an empty list, which takes 56.
                steps = itertools.islice(pickletools.genops(archive.read(member)), _MOST_STEPS)
                if sum(1 for _ in steps) == _MOST_STEPS:
                    raise ValueError(f"its pickle has {_MOST_STEPS:,} steps or more")


def _require_weights(
    state: Any, config: Config, preprocessing: Preprocessing, networks: int
) -> None:
    """Refuses tensors that are not all there, before a network is built for them.

    Raises:
        ValueError: A part is no plain tensor, or there are too few weights for the configuration.
    """
    weights: dict[int, int] = {}  # by storage: one may stand for many tensors
    for name, value in state.items():
        if type(value) is not torch.Tensor or value.layout != torch.strided or value.is_meta:
            raise ValueError(f"{str(name)[:40]!r} is no plain tensor")
        if value.untyped_storage().nbytes() < value.numel() * value.element_size():
            raise ValueError(f"{str(name)[:40]!r} is larger than what it holds")
        place = value.untyped_storage().data_ptr()
        weights[place] = max(weights.get(place, 0), value.numel())
    held = sum(weights.values())
    ends = preprocessing.n_features + preprocessing.target.n_outputs
    if networks * config.width * ((config.depth - 1) * config.width + ends) > held:
        raise ValueError(
            f"there are more weights than the {held} that it holds in {networks} networks with "
            f"width {config.width:.3g} and depth {config.depth:.3g}"
        )


def _refused(path: Path, found: str) -> ModelFileError:
    return ModelFileError(
        f"load_model needs a file that tune-bn wrote, but {path.name!r} is none: {found}. "
        "Run the tuning again to write it."
    )
