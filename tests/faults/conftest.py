"""A ledger for what workers were told, and a PostgreSQL of the tests' own."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from tests.support.command import small_table
from tests.support.postgres import Server, server_or_skip
from tests.support.quiet import optuna_says


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Optuna says nothing, for the length of a test: faults are what is tested."""
    with optuna_says(optuna.logging.CRITICAL):
        yield


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A folder for `tests.support.doomed.work`."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    return folder


@pytest.fixture(scope="package")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server on loopback."""
    with server_or_skip() as server:
        yield server


@pytest.fixture(scope="package")
def table() -> Iterator[Path]:
    """A small table that any user may read."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield small_table(Path(folder))
