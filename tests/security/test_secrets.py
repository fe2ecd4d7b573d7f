"""A password in an address is in no message or log; options are only data.

A server that asks for one is in `test_password`.
"""

import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from tune_bn.report.errors import ReportError
from tune_bn.report.results.storages import open_study

SECRET = "s3cr3t!pw"
ADDRESSES = [
    f"postgresql+psycopg2://bob:{SECRET}@127.0.0.1:1/db",
    f"postgresql+psycopg2://bob:{SECRET}@nowhere.invalid/db",
    f"postgresql+psycopg2://127.0.0.1:1/db?user=bob&password={SECRET}",
    f"postgresql+psycopg2://bob:{SECRET}@127.0.0.1:port/db",
    f"postgresql+psycopg2://bob:{SECRET}@@h[/db",
    f"mysql://bob:{SECRET}@127.0.0.1/db",
    f"nosuchdialect://bob:{SECRET}@127.0.0.1/db",
    f"sqlite://bob:{SECRET}@/study.db",
    f"sqlite:///nowhere.db?password={SECRET}",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_cannot_be_opened(address: str, caplog: pytest.LogCaptureFixture):
    """The message names the address without its password, and no log holds it either."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ReportError) as caught:
        open_study(address)
    assert SECRET not in str(caught.value)
    assert "***" in str(caught.value)
    assert SECRET not in caplog.text


@pytest.mark.parametrize("command", ["report", "watch"])
def test_the_command_line(command: str):
    """One line and exit code 2, in a process whose whole output is looked at."""
    words = [sys.executable, "-m", "tune_bn", command, "--storage", ADDRESSES[0]]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert SECRET not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_study_name_is_no_sql(tmp_path: Path):
    """It is looked for as it is, and the tables are still there."""
    path = tmp_path / "study.db"
    name = "x'; DROP TABLE studies; --"
    study = optuna.create_study(storage=f"sqlite:///{path}", study_name=name)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=2)
    assert len(open_study(str(path), name).trials) == 2
    with pytest.raises(ReportError, match="needs a study that the storage holds"):
        open_study(str(path), "x' OR '1'='1")
    tables = sqlite3.connect(path)
    assert ("studies",) in tables.execute("SELECT name FROM sqlite_master").fetchall()
    tables.close()


@pytest.mark.parametrize("name", ["a?mode=memory", "a#b", "a%2e%2e", "a b;c", "$(touch x)", "-x"])
def test_a_path_is_no_address(name: str, tmp_path: Path):
    """A folder with signs that mean something in a URL or a shell is that folder."""
    folder = tmp_path / name
    folder.mkdir()
    path = folder / "study.db"
    source = tmp_path / "plain.db"
    study = optuna.create_study(storage=f"sqlite:///{source}", study_name="s")
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=2)
    path.write_bytes(source.read_bytes())
    assert len(open_study(str(path)).trials) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, "plain.db"])
