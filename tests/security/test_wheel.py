"""What is built holds the package and its licence, and nothing that lay beside them."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = re.compile(
    r"tune_bn/([a-z_]+/)*[a-z_0-9]+\.(py|css|js)|tune_bn/py\.typed"
    r"|tune_bn/bench/(results/)?[a-z_0-9]+\.(jsonl|json|txt|svg|png|csv)"
    r"|tune_bn-[0-9.a-z]+\.dist-info/(METADATA|WHEEL|RECORD|entry_points\.txt|licenses/LICENSE)"
)
SECRETS = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|ghp_[0-9A-Za-z]{36}")


def test_the_wheel_holds_no_stray_file(tmp_path: Path):
    """No study, model, key, log, notebook or test; every name fits the pattern above."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "-w", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert [name for name in names if not ALLOWED.fullmatch(name)] == []
        assert not any(SECRETS.search(archive.read(name)) for name in names)
        modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "tune_bn").rglob("*.py")}
        assert modules <= set(names)


@pytest.mark.parametrize("name", ["tune_bn/study.db", "tests/x.py", "tune_bn/model.pt", ".env"])
def test_the_pattern_refuses(name: str):
    """The judge above can fail."""
    assert not ALLOWED.fullmatch(name)
