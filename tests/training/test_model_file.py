import json
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits

from tune_bn.training import Config, DataError, Dataset, Fit, evaluate, load_dataset
from tune_bn.training.ensemble import answer_together
from tune_bn.training.fit import build_model
from tune_bn.training.model_file import (
    ModelFileError,
    TunedModel,
    load_model,
    save_model,
)

METRICS = {"accuracy": 0.5, "by": {"class": [1, 2]}}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """These networks are so small that a second thread only waits for the first."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def fitted(dataset: Dataset, config: Config, epochs: int) -> Fit:
    training = Fit(config, dataset, epochs=epochs)
    list(training)
    return training


def saved(path: Path, dataset: Dataset, config: Config, epochs: int = 3) -> tuple[Path, Fit]:
    training = fitted(dataset, config, epochs)
    save_model(path, model_config=config, model=training.model, dataset=dataset, metrics=METRICS)
    return path, training


@pytest.fixture(scope="module")
def digits_model(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> TunedModel:
    path, _ = saved(tmp_path_factory.mktemp("m") / "model.pt", digits, Config(width=32), 5)
    return load_model(path)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A regression table with text, truth values, dates and missing cells."""
    draw = np.random.default_rng(0)
    rows = 120
    size = draw.uniform(20, 200, rows)
    frame = pd.DataFrame(
        {
            "size": np.where(draw.random(rows) < 0.1, np.nan, size),
            "town": draw.choice(["Bonn", "Köln", "Trier"], rows),
            "garden": draw.random(rows) < 0.5,
            "built": pd.Timestamp("1990-01-01")
            + pd.to_timedelta(draw.integers(0, 9999, rows), "D"),
            "price": 1000 * size + 5000 * draw.normal(size=rows),
        }
    )
    file = tmp_path_factory.mktemp("homes") / "homes.parquet"
    frame.to_parquet(file)
    return file


# The model file


def test_everything_comes_back(digits: Dataset, digits_model: TunedModel) -> None:
    assert digits_model.config == Config(width=32)
    assert digits_model.metrics == METRICS
    assert digits_model.task == "classification"
    assert digits_model.classes == tuple(range(10))
    assert digits_model.preprocessing == digits.preprocessing


def test_the_loaded_network_scores_as_the_saved_one(tmp_path: Path, digits: Dataset) -> None:
    path, training = saved(tmp_path / "model.pt", digits, Config(width=32))
    expected = evaluate(training.model, digits.test, "classification")
    assert evaluate(load_model(path).model, digits.test, "classification") == expected


@pytest.mark.parametrize("norm", ["before_activation", "after_activation", "none"])
def test_single_rows_predict_as_the_whole_batch(tmp_path: Path, digits: Dataset, norm: str) -> None:
    """To 1e-5, since inference uses averaged statistics and not those of the rows at hand."""
    path, _ = saved(tmp_path / "model.pt", digits, Config(width=32, norm=norm))
    model = load_model(path)
    rows = load_digits().data[:50]
    together = model.predict_proba(rows)
    alone = np.concatenate([model.predict_proba(row) for row in rows])
    assert np.abs(together - alone).max() <= 1e-5
    assert np.array_equal(model.predict(rows), together.argmax(axis=1))


def test_training_mode_would_not(digits_model: TunedModel) -> None:
    """The claim above can fail: with the batch's own statistics the predictions differ."""
    rows = load_digits().data[:50]
    inputs = digits_model.preprocessing.transform(rows)
    model = load_like(digits_model).train()
    with torch.no_grad():
        assert (model(inputs) - model(inputs[:25]).repeat(2, 1)).abs().max() > 1e-2


def load_like(model: TunedModel) -> torch.nn.Module:
    """Returns a copy, so that the shared model keeps its statistics."""
    copy: torch.nn.Module = pickle.loads(pickle.dumps(model.model))
    return copy


def test_a_dict_a_table_and_an_array_predict_the_same(digits_model: TunedModel) -> None:
    bunch = load_digits(as_frame=True)
    table = bunch.data.iloc[:3]
    expected = digits_model.predict(table)
    assert expected.shape == (3,)
    assert np.array_equal(digits_model.predict(table.to_numpy()), expected)
    rows = table.to_dict(orient="records")
    assert np.array_equal(digits_model.predict(rows), expected)
    assert [digits_model.predict(row).tolist() for row in rows] == [[e] for e in expected]


def test_probabilities_sum_to_one(digits_model: TunedModel) -> None:
    probabilities = digits_model.predict_proba(load_digits().data[:20])
    assert probabilities.shape == (20, 10)
    assert np.allclose(probabilities.sum(axis=1), 1.0, rtol=0, atol=1e-12)


def test_no_rows_give_no_predictions(digits_model: TunedModel) -> None:
    assert digits_model.predict(np.zeros((0, 64))).shape == (0,)
    assert digits_model.predict_proba(np.zeros((0, 64))).shape == (0, 10)


@pytest.mark.parametrize(
    "labels",
    [["no", "yes"], [False, True], [0.5, 1.5], [3, 7]],
    ids=["text", "bool", "float", "int"],
)
def test_labels_come_back_as_they_were(tmp_path: Path, labels: list[Any]) -> None:
    rows = pd.DataFrame({"a": np.arange(40.0), "b": ["x", "y"] * 20})
    rows["label"] = [labels[0]] * 20 + [labels[1]] * 20
    rows.to_parquet(tmp_path / "t.parquet")
    data = load_dataset(tmp_path / "t.parquet", target="label", task="classification")
    path, _ = saved(tmp_path / "model.pt", data, Config(width=8, depth=1), 30)
    predicted = load_model(path).predict(rows)
    assert set(predicted.tolist()) == set(labels)
    assert (predicted == rows["label"].to_numpy()).mean() > 0.8


def test_regression_predicts_in_the_targets_units(tmp_path: Path, homes: Path) -> None:
    data = load_dataset(homes, target="price")
    path, _ = saved(tmp_path / "model.pt", data, Config(width=32), 40)
    rows = pd.read_parquet(homes)
    model = load_model(path)
    errors = model.predict(rows) - rows["price"].to_numpy()
    assert float(np.abs(errors).mean()) < 20_000
    alone = [float(model.predict(rows.iloc[[place]])[0]) for place in range(len(rows))]
    assert np.allclose(alone, model.predict(rows), rtol=1e-5)
    with pytest.raises(TypeError, match="predict_proba needs a classification model"):
        model.predict_proba(rows)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"town": ...}, "they lack column 'town'"),
        ({"rooms": 3}, "they have the unknown column 'rooms'"),
        ({"size": "large"}, "Column 'size' needs numbers, but got 'large'"),
        ({"size": float("inf")}, "Column 'size' needs finite numbers"),
    ],
)
def test_rows_that_do_not_fit_are_refused(
    tmp_path: Path, homes: Path, change: dict[str, Any], message: str
) -> None:
    data = load_dataset(homes, target="price")
    path, _ = saved(tmp_path / "model.pt", data, Config(width=4, depth=1), 1)
    row: dict[str, Any] = {"size": 50.0, "town": "Bonn", "garden": True, "built": "2001-01-01"}
    row = {name: value for name, value in {**row, **change}.items() if value is not ...}
    with pytest.raises(DataError, match=message):
        load_model(path).predict(row)


# Files that are something else


class WritesAFile:
    """Unpickling it runs code, as any class can ask for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    for number, content in enumerate(
        [WritesAFile(trap), {"format": "tune-bn model 1", "about": WritesAFile(trap)}]
    ):
        torch.save(content, tmp_path / f"{number}.pt")
        with pytest.raises(ModelFileError, match="needs a file that tune-bn wrote"):
            load_model(tmp_path / f"{number}.pt")
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(WritesAFile(trap)))
    with pytest.raises(ModelFileError):
        load_model(tmp_path / "bare.pt")
    assert not trap.exists()


def test_the_trap_works(tmp_path: Path) -> None:
    """The pickle above does write its file where it is trusted."""
    pickle.loads(pickle.dumps(WritesAFile(tmp_path / "trap")))
    assert (tmp_path / "trap").exists()


@pytest.mark.parametrize(
    "content",
    [
        {"format": "something else"},
        {"weight": torch.zeros(2)},
        [1, 2],
        {"format": "tune-bn model 1"},
        {"format": "tune-bn model 1", "about": "{", "preprocessing": "{}", "state": {}},
    ],
)
def test_other_tensors_are_refused(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(ModelFileError, match="needs a file that tune-bn wrote"):
        load_model(tmp_path / "model.pt")


def test_damaged_files_are_refused(tmp_path: Path, digits: Dataset) -> None:
    """Cut short, empty, text: one line each."""
    path, _ = saved(tmp_path / "model.pt", digits, Config(width=4, depth=1), 1)
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"hello"):
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match="needs a file that tune-bn wrote") as caught:
            load_model(path)
        assert "\n" not in str(caught.value)


def test_a_network_larger_than_its_file_is_not_built(tmp_path: Path, digits: Dataset) -> None:
    """Weights that are shown a thousand times over are counted once."""
    path, _ = saved(tmp_path / "model.pt", digits, Config(width=4, depth=1), 1)
    content = torch.load(path, weights_only=True)
    about = json.loads(content["about"])
    about["config"] |= {"width": 1000, "depth": 3}  # two million weights and more
    few = torch.zeros(1000)
    state = {**content["state"], **{f"more {i}": few for i in range(4000)}}
    torch.save({**content, "about": json.dumps(about), "state": state}, path)
    held = sum(value.numel() for value in content["state"].values()) + 1000
    with pytest.raises(ModelFileError, match=f"than the {held} that it holds"):
        load_model(path)


def test_several_networks_come_back(tmp_path: Path, digits: Dataset) -> None:
    """Their answers are those of before; an earlier version is told that the file is later."""
    config = Config(width=8, depth=1)
    networks = [build_model(config, digits.n_features, 10, seed=seed).eval() for seed in range(3)]
    model = answer_together(networks, digits.task)
    path = tmp_path / "model.pt"
    save_model(path, model_config=config, model=model, dataset=digits, metrics={})
    again = load_model(path)
    assert torch.equal(again.model(digits.test.x), model(digits.test.x))
    assert not again.model.training
    assert torch.load(path, weights_only=True)["format"] == "tune-bn model 2"
    again.save(tmp_path / "copy.pt")
    copied = load_model(tmp_path / "copy.pt").model(digits.test.x)
    assert torch.equal(copied, model(digits.test.x))


@pytest.mark.parametrize("networks", [0, 4, 65, 2**40, 1.5, "3", True, None])
def test_a_wrong_number_of_networks_is_refused(
    tmp_path: Path, digits: Dataset, networks: Any
) -> None:
    """Other than the weights are of, or no number at all; nothing is built for it."""
    config = Config(width=8, depth=1)
    parts = [build_model(config, digits.n_features, 10, seed=seed) for seed in range(3)]
    path = tmp_path / "model.pt"
    model = answer_together(parts, digits.task)
    save_model(path, model_config=config, model=model, dataset=digits, metrics={})
    content = torch.load(path, weights_only=True)
    about = json.loads(content["about"])
    content["about"] = json.dumps({**about, "networks": networks})
    torch.save(content, path)
    with pytest.raises(ModelFileError, match="do not fit together"):
        load_model(path)


def test_a_pickle_of_many_steps_is_refused(tmp_path: Path, digits: Dataset) -> None:
    """A byte of it may stand for a list, which takes 56."""
    path, _ = saved(tmp_path / "model.pt", digits, Config(width=4, depth=1), 1)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            lists = b"\x80\x02" + b"]" * 2_000_000 + b"."
            archive.writestr(name, lists if name.endswith("data.pkl") else content)
    with pytest.raises(ModelFileError, match="its pickle has 1,000,000 steps or more"):
        load_model(path)


def test_a_file_that_only_ends_as_an_archive_is_refused(tmp_path: Path, digits: Dataset) -> None:
    """Torch looks at its beginning: it would be read as the older format, which is not checked."""
    path, _ = saved(tmp_path / "model.pt", digits, Config(width=4, depth=1), 1)
    path.write_bytes(pickle.dumps([1, 2]) + path.read_bytes())
    assert zipfile.is_zipfile(path)
    with pytest.raises(ModelFileError, match="it is no zip archive"):
        load_model(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is none at"):
        load_model(tmp_path / "none.pt")


def test_metrics_that_are_no_plain_data_are_refused(tmp_path: Path, digits: Dataset) -> None:
    training = fitted(digits, Config(width=4, depth=1), 1)
    for value in (float("nan"), torch.zeros(1)):
        with pytest.raises(ModelFileError, match="metrics of finite numbers"):
            save_model(
                tmp_path / "model.pt",
                model_config=training.config,
                model=training.model,
                dataset=digits,
                metrics={"loss": value},
            )
    assert list(tmp_path.iterdir()) == []
