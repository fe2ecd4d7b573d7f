"""The footprint is counted, not guessed."""

import json
import subprocess
from importlib.metadata import PackageNotFoundError

import pytest

from benchmarks.cost import footprint


def test_dependencies_of_dependencies_count():
    """An extra brings its own packages, and theirs; no extra brings what it does not name."""
    assert footprint.dependencies("tune-bn") == {"numpy"}
    brought = footprint.dependencies("tune-bn", "optuna")
    assert {"numpy", "optuna", "sqlalchemy", "mako"} <= brought  # alembic asks for Mako
    assert brought & {"torch", "ray", "pytest", "tune-bn"} == set()
    assert footprint.dependencies("tune-bn", "cli") > brought


def test_an_unknown_package_is_an_error():
    """What is not installed cannot be counted."""
    with pytest.raises(PackageNotFoundError):
        footprint.dependencies("no-such-package")
    with pytest.raises(PackageNotFoundError):
        footprint.installed_bytes(["no-such-package"])


def test_installed_files_are_weighed():
    """Numpy is tens of megabytes, and two distributions weigh what each does."""
    numpy, packaging = (footprint.installed_bytes([name]) for name in ("numpy", "packaging"))
    assert 10_000_000 < numpy < 200_000_000
    assert footprint.installed_bytes(["numpy", "packaging"]) == numpy + packaging > numpy


def test_an_import_is_timed_beyond_what_it_stands_on():
    """What was loaded before costs nothing again."""
    assert min(footprint.import_ms("json", "json", runs=2)) < 5
    assert min(footprint.import_ms("tune_bn", "json", runs=2)) > min(
        footprint.import_ms("tune_bn", "tune_bn", runs=2)
    )


def test_make_dist_is_timed(tmp_path):
    """With all that it starts; where it fails there is no time."""
    (tmp_path / "Makefile").write_text("dist:\n\t$(PYTHON) -c 'sum(range(3*10**7))'\n")
    seconds = footprint.dist_s(tmp_path)
    assert seconds["cpu_s"] > 0.1
    assert seconds["wall_s"] > 0
    (tmp_path / "Makefile").write_text("dist:\n\tfalse\n")
    with pytest.raises(subprocess.CalledProcessError):
        footprint.dist_s(tmp_path)


def test_rows_are_appended(tmp_path, monkeypatch):
    """One for the wheel, each extra, import, first line, `make dist`; and where they are from."""
    monkeypatch.setattr(footprint, "_FIRST_LINES", (("tune", "--data", "no such file"),))
    monkeypatch.setattr(footprint, "_IMPORTS", {"tune_bn": "numpy", "x": "no_such_framework"})
    monkeypatch.setattr(footprint, "dist_s", lambda source: {"cpu_s": len(list(source.iterdir()))})
    footprint.main(["--runs", "2", "--out", str(tmp_path / "rows.jsonl")])
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    parts = ["wheel", *["dependencies"] * 6, "import", "first line", "dist"]
    assert [r["part"] for r in rows] == parts
    assert 0 < rows[-2]["cpu_s"] < 60
    assert rows[-1]["cpu_s"] > 10  # files and folders of the source
    assert 50_000 < rows[0]["bytes"] < 550_000
    assert all(r["machine"] and r["versions"]["numpy"] for r in rows)
