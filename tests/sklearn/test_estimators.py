"""`TunedClassifier` and `TunedRegressor` on tables as people have them."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pyarrow as pa
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from tune_bn.cli import app
from tune_bn.optuna import stages
from tune_bn.sklearn import TableWarning, TunedClassifier, TunedRegressor
from tune_bn.training import DataError, Fit, dataset_of
from tune_bn.training.ensemble import networks_of
from tune_bn.tuning import ModelFileError, TuneError
from tune_bn.tuning.finish.final import all_rows

pytestmark = pytest.mark.filterwarnings(
    "ignore::tune_bn.sklearn.TableWarning", "ignore::tune_bn.tuning.RowsWarning"
)


def quick(kind: type[Any], **options: Any) -> Any:
    """Returns an estimator that is fitted in a second."""
    return kind(**{"trials": 1, "epochs": 8, **options})


@pytest.fixture(scope="module")
def homes() -> pd.DataFrame:
    """120 rows of numbers with gaps, text, dates and the price that follows from them."""
    random = np.random.default_rng(0)
    n = 120
    table = pd.DataFrame(
        {
            "area": random.uniform(20, 150, n),
            "district": random.choice(["centre", "north", "west"], n),
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 300, n), "D"),
        }
    )
    table["price"] = table["area"] * table["district"].map({"centre": 9, "north": 4, "west": 5})
    table.loc[::13, "area"] = np.nan
    table["kind"] = np.where(table["price"] > table["price"].median(), "dear", "cheap")
    return table


@pytest.fixture(scope="module")
def fitted(homes: pd.DataFrame) -> TunedClassifier:
    """A classifier of these homes."""
    estimator = TunedClassifier(trials=6, epochs=15)
    fitted_: TunedClassifier = estimator.fit(homes[["area", "district", "sold"]], homes["kind"])
    return fitted_


INPUTS = ["area", "district", "sold"]


def test_a_data_frame_of_text_gaps_and_dates(homes, fitted):
    """What scikit-learn's own estimators refuse is learned from; labels come back as they were."""
    assert fitted.score(homes[INPUTS], homes["kind"]) > 0.8
    assert set(fitted.predict(homes[INPUTS])) == {"cheap", "dear"}
    assert list(fitted.classes_) == ["cheap", "dear"]
    assert fitted.feature_names_in_.tolist() == INPUTS


def test_what_fit_leaves(homes, fitted):
    """Configuration, study, scores and notes are those of the command's files."""
    assert fitted.best_params_ == fitted.summary_["best"]["params"]
    assert fitted.best_params_ == fitted.model_.config.to_dict()
    assert len(fitted.study_.trials) == 6
    assert isinstance(fitted.study_, optuna.Study)
    names = [stage.name for stage in stages(fitted.study_)]
    assert names == [row["name"] for row in fitted.summary_["stages"]]
    assert {"always the most frequent class", "gradient boosting"} <= set(
        fitted.summary_["baselines"]
    )
    assert fitted.summary_["data"]["target"] == "kind"


def test_a_row_is_answered_alone_as_beside_others(homes, fitted):
    """To the last bit, in any order."""
    together = fitted.predict_proba(homes[INPUTS])
    alone = [fitted.predict_proba(homes[INPUTS].iloc[[place]])[0] for place in range(len(homes))]
    backwards = fitted.predict_proba(homes[INPUTS].iloc[::-1])[::-1]
    np.testing.assert_array_equal(together, np.array(alone))
    np.testing.assert_array_equal(together, backwards)


def test_the_command_and_the_estimator_are_one(homes, tmp_path):
    """The same table and options give the same network, and either reads the other's file."""
    homes[[*INPUTS, "kind"]].to_parquet(tmp_path / "homes.parquet")
    command = ["tune", "--data", str(tmp_path / "homes.parquet"), "--target", "kind"]
    options = ["--trials", "2", "--epochs", "3", "--out", str(tmp_path / "run")]
    assert CliRunner().invoke(app, [*command, *options]).exit_code == 0
    read = TunedClassifier.load(tmp_path / "run" / "model.pt")
    own = TunedClassifier(trials=2, epochs=3, refit=False).fit(homes[INPUTS], homes["kind"])
    wanted = own.predict_proba(homes[INPUTS])
    np.testing.assert_array_equal(read.predict_proba(homes[INPUTS]), wanted)
    own.save(tmp_path / "own.pt")
    predict = ["predict", "--model", str(tmp_path / "own.pt"), "--out", str(tmp_path / "p.csv")]
    new = ["--data", str(tmp_path / "homes.parquet")]
    assert CliRunner().invoke(app, [*predict, *new]).exit_code == 0
    written = pd.read_csv(tmp_path / "p.csv")
    assert written["prediction"].tolist() == own.predict(homes[INPUTS]).tolist()
    np.testing.assert_allclose(written["probability of dear"], wanted[:, 1], rtol=1e-12)


def test_all_rows_are_learned_from(homes):
    """As scikit-learn's users expect; the scores are still those of rows nobody had seen."""
    scored, last = (
        quick(TunedRegressor, refit=refit).fit(homes[INPUTS], homes["price"])
        for refit in (False, True)
    )
    assert scored.summary_["best"] == last.summary_["best"]
    assert (scored.predict(homes[INPUTS]) != last.predict(homes[INPUTS])).any()
    rows = scored.summary_["data"]["rows"]
    assert sum(rows.values()) == len(homes)
    whole = all_rows(dataset_of(homes[[*INPUTS, "price"]], target="price", task="regression"))
    seed = last.summary_["best"]["fit_seed"]
    training = Fit(last.model_.config, whole, epochs=last.epochs, seed=seed)
    list(training)
    wanted = training.model.eval().state_dict()
    for name, value in networks_of(last.model_.model)[0].state_dict().items():
        torch.testing.assert_close(value, wanted[name])


def test_save_and_load(homes, fitted, tmp_path):
    """The file gives the same answers, names and classes; a search it has not."""
    fitted.save(tmp_path / "model.pt")
    again = TunedClassifier.load(tmp_path / "model.pt")
    np.testing.assert_array_equal(
        again.predict_proba(homes[INPUTS]), fitted.predict_proba(homes[INPUTS])
    )
    assert again.predict(homes[INPUTS]).tolist() == fitted.predict(homes[INPUTS]).tolist()
    assert again.feature_names_in_.tolist() == INPUTS
    assert again.best_params_ == fitted.best_params_
    again.save(tmp_path / "again.pt")
    assert again.model_.data == fitted.model_.data
    with pytest.raises(NotFittedError, match="report needs the search of fit"):
        again.report(tmp_path / "r.html")
    with pytest.raises(ModelFileError, match=r"of classification. Use TunedClassifier\.load"):
        TunedRegressor.load(tmp_path / "model.pt")


def test_the_report_is_the_commands(homes, fitted, tmp_path):
    """The page has the scores, the network's figures and how the search narrowed."""
    fitted.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "gradient boosting" in page
    assert "The chosen network" in page


def test_a_folder_of_its_own(homes, tmp_path):
    """With `out` the command's files are there, and the same search goes on."""
    options = {"epochs": 3, "out": tmp_path / "run"}
    first = TunedClassifier(trials=1, **options).fit(homes[INPUTS], homes["kind"])
    names = {"best.json", "model.pt", "report.html", "study.db"}
    assert names <= {path.name for path in (tmp_path / "run").iterdir()}
    second = TunedClassifier(trials=2, **options).fit(homes[INPUTS], homes["kind"])
    assert len(first.study_.trials) == 1
    assert len(second.study_.trials) == 2
    assert second.study_.trials[0].params == first.study_.trials[0].params
    with pytest.raises(TuneError, match="other data"):
        TunedClassifier(trials=2, **options).fit(homes[INPUTS].iloc[::-1], homes["kind"])


def test_nothing_is_left_behind_without_a_folder(homes, tmp_path, monkeypatch):
    """The files of a search that nobody asked for are gone."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    quick(TunedRegressor, epochs=2).fit(homes[INPUTS], homes["price"])
    assert list(tmp_path.iterdir()) == []


def test_pipeline_and_cross_validation(homes):
    """In a pipeline, cloned, scored by folds in the table's units."""
    x = homes[["area"]].fillna(50)
    pipeline = make_pipeline(StandardScaler(), quick(TunedRegressor, epochs=4))
    scores = cross_val_score(clone(pipeline), x, homes["price"], cv=2, error_score="raise")
    assert np.isfinite(scores).all()


def test_grid_search(homes):
    """Its arguments are parameters as scikit-learn knows them."""
    search = GridSearchCV(quick(TunedClassifier), {"epochs": [1, 2]}, cv=2, error_score="raise")
    search.fit(homes[INPUTS], homes["kind"])
    assert search.best_estimator_.get_params()["epochs"] == search.best_params_["epochs"]
    assert search.best_estimator_.summary_["epochs"] == search.best_params_["epochs"]


def test_what_was_not_plain_is_said(homes):
    """A column that is left out is a note and a warning."""
    table = homes[["area"]].assign(same=1.0)
    with pytest.warns(TableWarning, match="left out column 'same': only one value"):
        estimator = quick(TunedRegressor, epochs=1).fit(table, homes["price"])
    assert any("'same'" in note for note in estimator.notes_)


def test_mixed_lists_and_arrow_tables(homes):
    """A number beside a word stays a number; what has `to_pandas` is a data frame."""
    rows = homes[["area", "district"]].fillna(1.0).to_numpy().tolist()
    estimator = quick(TunedRegressor, epochs=2).fit(rows, homes["price"].tolist())
    kinds = [type(column).__name__ for column in estimator.model_.preprocessing.columns]
    assert kinds == ["NumberColumn", "CategoryColumn"]
    assert estimator.predict(rows[:1]) == estimator.predict(rows)[:1]
    arrow = pa.Table.from_pandas(homes[INPUTS], preserve_index=False)
    estimator = quick(TunedRegressor, epochs=2).fit(arrow, homes["price"])
    assert estimator.feature_names_in_.tolist() == INPUTS
    assert len(estimator.predict(arrow)) == len(homes)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"trials": 0}, TuneError, "whole number trials >= 1, but got trials=0"),
        (
            {"metric": "r2"},
            TuneError,
            "classification needs metric to be one of .*, but got metric='r2'",
        ),
        (
            {"backend": "spark"},
            TuneError,
            "one of optuna, ray, but got backend='spark'",
        ),
        ({"ray_settings": 1}, TuneError, "takes no settings of Ray's, but got 1"),
        ({"split": "odd"}, DataError, "split to be one of random, time, but got split='odd'"),
        ({"categories": ["nope"]}, DataError, "has no 'nope'"),
    ],
)
def test_arguments_are_refused_by_fit(homes, options, error, message):
    """The message says what was needed and got."""
    with pytest.raises(error, match=message):
        TunedClassifier(**options).fit(homes[INPUTS], homes["kind"])


def test_targets_are_refused_by_fit(homes):
    """A missing target, and one class only, are named."""
    with pytest.raises(DataError, match=r"but 1 of 120 are missing"):
        TunedClassifier().fit(homes[INPUTS], [None, *homes["kind"][1:]])
    with pytest.raises(DataError, match="needs at least two classes, .* one class, 'a'"):
        TunedClassifier().fit(homes[INPUTS], ["a"] * len(homes))


def test_a_target_may_have_the_name_of_an_input(homes):
    """The target of the table that is tuned on then gets another name."""
    estimator = quick(TunedRegressor, epochs=1).fit(homes[["area"]], homes["area"].fillna(9.0))
    assert estimator.summary_["data"]["target"] == "area_"


def test_split_in_time(homes):
    """The options of the command mean the same here."""
    estimator = quick(TunedRegressor, epochs=1, split="time", time="sold")
    estimator.fit(homes[INPUTS], homes["price"])
    left_out = {c.name: c for c in estimator.model_.preprocessing.columns}["sold"]
    assert "decides the split" in str(left_out)


def test_sample_weights(homes, tmp_path):
    """They change the network; a model that was trained with them does not ask for them."""
    heavy = np.where(homes["kind"] == "dear", 20.0, 1.0)
    plain, weighted = (
        quick(TunedClassifier).fit(homes[["area"]], homes["kind"], sample_weight=weight)
        for weight in (None, heavy)
    )
    odds = [
        estimator.predict_proba(homes[["area"]])[:, 1].mean() for estimator in (plain, weighted)
    ]
    assert odds[1] > odds[0] + 0.1
    weighted.save(tmp_path / "m.pt")
    again = TunedClassifier.load(tmp_path / "m.pt")
    assert again.n_features_in_ == 1
    assert again.predict(homes[["area"]]).tolist() == weighted.predict(homes[["area"]]).tolist()


def test_rows_of_weight_0_are_as_if_left_out(homes):
    """As bagging and boosting give them; a class that is left by them is none."""
    weight = np.arange(len(homes)) % 3 * 1.0
    some = homes[weight > 0]
    by_weight = quick(TunedRegressor, epochs=1).fit(homes[["area"]], homes["price"], weight)
    left_out = quick(TunedRegressor, epochs=1).fit(
        some[["area"]], some["price"], weight[weight > 0]
    )
    rows = homes[["area"]]
    assert by_weight.predict(rows).tolist() == left_out.predict(rows).tolist()
    with pytest.raises(DataError, match="at least two classes"):
        quick(TunedClassifier).fit(rows, homes["kind"], (homes["kind"] == "dear") * 1.0)


def test_with_ray(homes, needs, request):
    """The backend's trials are in the study."""
    needs("ray")
    request.getfixturevalue("local_ray")
    estimator = quick(TunedRegressor, epochs=1, backend="ray").fit(homes[INPUTS], homes["price"])
    assert len(estimator.study_.trials) == 1


def test_a_model_of_an_array_has_no_names(tmp_path):
    """A loaded model of unnamed columns takes arrays without a warning."""
    x = np.random.default_rng(0).normal(size=(40, 2))
    estimator = quick(TunedRegressor, epochs=1).fit(x, x[:, 0])
    estimator.save(Path(tmp_path, "m.pt"))
    again = TunedRegressor.load(tmp_path / "m.pt")
    assert not hasattr(again, "feature_names_in_")
    np.testing.assert_array_equal(again.predict(x), estimator.predict(x))
