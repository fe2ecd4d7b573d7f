"""`tune-bn watch` when the storage goes away between two looks."""

import optuna
import pytest
import sqlalchemy
from typer.testing import CliRunner

from tests.support.worker import objective
from tune_bn.cli import app
from tune_bn.optuna.origins import Records
from tune_bn.report.results.from_optuna import results_of_study


@pytest.mark.parametrize(
    "error",
    [
        optuna.exceptions.StorageInternalError("secret"),
        sqlalchemy.exc.OperationalError("SELECT secret", {}, Exception("secret")),
        OSError(5, "Input/output error", "secret"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_storage_that_goes_away_is_one_line(error, tmp_path, monkeypatch):
    """Which holds nothing of an address."""
    url = f"sqlite:///{tmp_path}/s.db"
    optuna.create_study(storage=url, study_name="s").optimize(objective, n_trials=2)
    looks = iter([results_of_study, results_of_study])

    def look(study: optuna.Study, records: Records) -> object:
        for one in looks:
            return one(study, records)
        raise error

    monkeypatch.setattr("tune_bn.report.results.from_optuna.results_of_study", look)
    words = ["watch", "--storage", url, "--every", "0.01", "--timeout", "60"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert result.stderr.startswith("tune-bn: Watching needs a storage that answers")
    assert "secret" not in result.stderr


def test_a_terminal_that_moves_nothing_shows_each_look(tmp_path, monkeypatch):
    """One view below the other, as it cannot be replaced: two for two looks."""
    url = f"sqlite:///{tmp_path}/s.db"
    optuna.create_study(storage=url, study_name="s").optimize(objective, n_trials=2)
    looks = iter(range(2))

    def sleep(_: float) -> None:
        if next(looks) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    result = CliRunner().invoke(app, ["watch", "--storage", url, "--every", "0.01"])
    assert result.exit_code == 0, result.output
    assert result.stdout.count("best: trial") == 2, result.stdout
