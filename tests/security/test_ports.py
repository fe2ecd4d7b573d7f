"""`tune-bn` opens no port; a Ray that it starts listens to this machine alone; nobody is told."""

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.security.listening import listening_addresses, tree_of

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/net/tcp").exists(), reason="needs Linux's /proc"
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "table.csv"
    draw = np.random.default_rng(0)
    rows = [f"{draw.normal():.3f},{i % 7},{'xy'[i % 2]}" for i in range(60)]
    path.write_text("a,b,kind\n" + "\n".join(rows) + "\n")
    return path


def seen_while_it_runs(words: list[str]) -> tuple[set[tuple[str, int]], int]:
    """Return every address that a command's processes listened on, and the most processes."""
    command = [sys.executable, "-m", "tune_bn", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    seen: set[tuple[str, int]] = set()
    most = 0
    try:
        while True:
            try:
                _, errors = process.communicate(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                seen |= listening_addresses(process.pid)
                most = max(most, len(tree_of(process.pid)))
    finally:
        process.kill()
    assert process.returncode == 0, errors
    return seen, most


def test_the_judge_sees_a_port():
    """Of this process, on either kind of address, until it is closed."""
    import os

    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0")):
        with socket.socket(family) as listener:
            listener.bind((host, 0))
            listener.listen()
            found = (host, listener.getsockname()[1])
            assert found in listening_addresses(os.getpid())
        assert found not in listening_addresses(os.getpid())


def test_a_run_with_workers_opens_no_port(table: Path, tmp_path: Path):
    """Two worker processes talk to it through pipes."""
    words = ["tune", "--data", str(table), "--target", "kind", "--trials", "3", "--epochs", "1"]
    seen, most = seen_while_it_runs([*words, "--jobs", "2", "--out", str(tmp_path / "out")])
    assert most >= 3
    assert seen == set()


def test_a_ray_of_its_own_listens_on_loopback_only(table: Path, tmp_path: Path):
    """Its server, its agents and its workers; left to itself, Ray listens on every interface."""
    words = ["tune", "--data", str(table), "--target", "kind", "--trials", "2", "--epochs", "1"]
    seen, most = seen_while_it_runs([*words, "--backend", "ray", "--out", str(tmp_path / "out")])
    assert most >= 4
    assert seen
    assert {host for host, _ in seen} <= {"127.0.0.1", "::1"}


def test_usage_reports_are_off():
    """Ray reads these when it starts."""
    from tune_bn.tuning.ray_run import _QUIET

    assert _QUIET["RAY_USAGE_STATS_ENABLED"] == "0"


def test_the_package_calls_nobody():
    """The only connection that it makes itself is the knock at a cluster that was named."""
    root = Path(__file__).parents[2] / "tune_bn"
    calls = ("urllib.request", "http.client", "requests", "httpx", "socket.")
    found = {
        (file.name, call)
        for file in root.rglob("*.py")
        for call in calls
        if f"{call}" in file.read_text(encoding="utf-8") and "bench" not in file.parts
    }
    assert found == {("ray_run.py", "socket.")}
