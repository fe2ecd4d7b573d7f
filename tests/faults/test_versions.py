"""Files that another version of tune_bn wrote: read, or refused with what to do.

The golden files and the command that wrote them are in `tests/faults/golden`.
"""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from typer.testing import CliRunner

from tests.faults.golden.write import HERE, ROWS, SETTINGS, drawn_next
from tests.support.command import command, small_table, trials_of
from tests.support.storages import open_storage
from tests.support.survival import require_survived
from tune_bn import CoarseToFine, StateError
from tune_bn.cli import app
from tune_bn.optuna import CoarseToFineSampler, stages
from tune_bn.ray import CoarseToFineSearch
from tune_bn.tuning import ModelFileError, load_model

VERSIONS = sorted(file.stem.removeprefix("next-") for file in HERE.glob("next-*.json"))


def following(version: str, of: str) -> dict:
    """Returns what the version that wrote a file drew next."""
    found: dict = json.loads((HERE / f"next-{version}.json").read_text())[of]
    return found


def study_in(out: Path, version: str, *changes: str) -> None:
    """Makes a run's folder with the study of a version, changed by SQL statements."""
    out.mkdir()
    with closing(sqlite3.connect(out / "study.db")) as database:
        database.executescript((HERE / f"study-{version}.sql").read_text())
        for change in changes:
            database.execute(change)
        database.commit()


def test_there_are_golden_files():
    """Of the first version at least."""
    assert "0.1.0" in VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_a_study_of_a_run_goes_on(version, table, tmp_path):
    """The trials are there, in the same stages, and the same command adds to them."""
    study_in(tmp_path / "out", version)
    before = trials_of(tmp_path / "out")
    assert len(before) == SETTINGS.trials
    words = command(table, tmp_path / "out", "--trials", SETTINGS.trials + 1)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    after = trials_of(tmp_path / "out")
    assert after[: SETTINGS.trials] == before
    assert len(after) == SETTINGS.trials + 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_journal_goes_on(version, tmp_path):
    """The next draw is the one that the old version would have made."""
    shutil.copy(HERE / f"journal-{version}.log", tmp_path / "j.log")
    address = f"journal:{tmp_path}/j.log"
    study = optuna.load_study(
        study_name="golden", storage=open_storage(address), sampler=CoarseToFineSampler(seed=0)
    )
    assert [s.name for s in stages(study)][:2] == ["coarse", "fine 1"]
    told = {t.number: t.value for t in study.trials if t.value is not None}
    assert drawn_next(study) == following(version, "journal")
    require_survived(address, "golden", told)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_saved_search_goes_on(version):
    """By hand: the next draw is the old version's."""
    search = CoarseToFine.from_json((HERE / f"search-{version}.json").read_text())
    assert len(search.trials) == 20
    assert search.ask().params == following(version, "search")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_saved_search_of_ray_goes_on(version):
    """In Ray Tune: likewise."""
    search = CoarseToFineSearch()
    search.restore(str(HERE / f"ray-{version}.json"))
    assert len(search.trials) == 20
    assert search.suggest("next") == following(version, "ray")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_model_predicts_what_it_did(version):
    """To the accuracy of 32-bit numbers, on any machine."""
    odds = load_model(HERE / f"model-{version}.pt").predict_proba(ROWS)
    expected = json.loads((HERE / f"model-{version}.json").read_text())
    np.testing.assert_allclose(odds, expected, atol=1e-5)


def test_a_search_of_a_later_version():
    """Both kinds of state are refused, with the way out."""
    version = VERSIONS[0]
    text = (HERE / f"search-{version}.json").read_text()
    with pytest.raises(StateError, match=r"got version 3\. Update tune-bn, or start a new search"):
        CoarseToFine.from_json(text.replace('"version": 1', '"version": 3', 1))


def test_a_search_of_ray_of_a_later_version(tmp_path):
    """The outer version and the inner one."""
    text = (HERE / f"ray-{VERSIONS[0]}.json").read_text()
    path = tmp_path / "state.json"
    at = [text.index('"version": 1'), text.rindex('"version": 1')]
    assert at[0] < at[1]
    for place in at:
        path.write_text(text[:place] + '"version": 7' + text[place + len('"version": 1') :])
        with pytest.raises(StateError, match=r"got version 7\. Update tune-bn"):
            CoarseToFineSearch().restore(str(path))


def test_a_model_of_a_later_version(tmp_path):
    """It is not taken for damaged."""
    content = torch.load(HERE / f"model-{VERSIONS[0]}.pt", weights_only=True)
    torch.save({**content, "format": "tune-bn model 3"}, tmp_path / "model.pt")
    with pytest.raises(ModelFileError, match="'tune-bn model 3'.*Update tune-bn"):
        load_model(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "UPDATE study_user_attributes SET value_json = "
            "json_set(value_json, '$.space', 'later') WHERE key = 'tune_bn:identity'",
            "another search space",
        ),
        ("UPDATE alembic_version SET version_num = 'v99.0.0.a'", "Use --fresh"),
    ],
)
def test_a_study_of_a_later_version(change, words, table, tmp_path):
    """Of another space, or in tables of a later Optuna: one line, and the file stays as it is."""
    out = tmp_path / "out"
    study_in(out, VERSIONS[0], change)
    before = (out / "study.db").read_bytes()
    result = CliRunner().invoke(app, command(table, out, "--trials", 13))
    assert result.exit_code == 2, (result.output, result.exception)
    assert words in result.stderr.splitlines()[-1]
    assert (out / "study.db").read_bytes() == before


def test_marks_of_a_later_version_do_not_stop_a_study(tmp_path):
    """What cannot be read of a trial's stage is as if it were not there; the search goes on."""
    text = (HERE / f"journal-{VERSIONS[0]}.log").read_text()
    (tmp_path / "j.log").write_text(text.replace('"stage":', '"part":').replace('"width":', '"w":'))
    address = f"journal:{tmp_path}/j.log"
    study = optuna.load_study(study_name="golden", storage=open_storage(address))
    assert [s.name for s in stages(study)] == ["earlier trials"]
    require_survived(address, "golden", {t.number: t.value for t in study.trials if t.value})


def test_the_table_of_the_golden_study(tmp_path):
    """The table is made by the same numbers on any machine, or the study would not be its own."""
    import hashlib

    digest = hashlib.sha256(small_table(tmp_path).read_bytes()).hexdigest()
    assert digest[:12] == "1f8472ed37e8"
