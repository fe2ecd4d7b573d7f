"""The choice of who searches, on the command line."""

import sys

import pytest
from typer.testing import CliRunner

from tune_bn.cli import app


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--backend", "spark"], "--backend to be one of optuna, ray, but got --backend='spark'"),
        (["--scheduler", "asha"], "--scheduler is an option of Ray's. Add --backend ray"),
        (["--cpus-per-trial", "2"], "--cpus-per-trial is an option of Ray's"),
        (["--backend", "ray", "--jobs", "3"], "Use --max-concurrent 3"),
        (["--backend", "ray", "--scheduler", "pbt"], "one of asha, fifo, hyperband"),
    ],
)
def test_options_that_do_not_go_together(options, message, tmp_path):
    """One line on stderr, exit code 2, and nothing is written."""
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["tune", "--data", "digits", "--out", str(out), *options])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not out.exists()


def test_a_missing_ray_is_named_with_its_extra(tmp_path, monkeypatch):
    """The line says what to install for this backend."""
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in [n for n in sys.modules if n.startswith(("tune_bn.ray", "tune_bn.tuning.on_ray"))]:
        monkeypatch.delitem(sys.modules, name)
    options = ["--data", "digits", "--backend", "ray", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["tune", *options])
    assert result.exit_code == 2
    assert "pip install 'tune-bn[cli,ray]'" in result.stderr
