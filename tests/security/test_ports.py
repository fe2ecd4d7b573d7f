"""`tune-bn` opens no port; a Ray that it starts listens to this machine alone; nobody is told."""

import os
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.security.listening import listening_addresses, open_to_others, tree_of
from tests.support import warm

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/net/tcp").exists(), reason="needs Linux's /proc"
)

TUNE = ["-m", "tune_bn", "tune"]
# Without what the tests set for every Ray.
OF_TESTS = ("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "RAY_AUTH_TOKEN")
AS_ALWAYS = {k: v for k, v in os.environ.items() if k not in OF_TESTS}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "table.csv"
    draw = np.random.default_rng(0)
    rows = [f"{draw.normal():.3f},{i % 7},{'xy'[i % 2]}" for i in range(60)]
    path.write_text("a,b,kind\n" + "\n".join(rows) + "\n")
    return path


def seen_while_it_runs(words: list[str], **variables: str) -> tuple[set[tuple[str, int]], int]:
    """Returns every address that what Python runs here listened on, and the most processes."""
    program = warm.Program(words, environment={**AS_ALWAYS, **variables})
    seen: set[tuple[str, int]] = set()
    most = 0
    said: list[tuple[str, str]] = []
    reader = threading.Thread(target=lambda: said.append(program.communicate()))
    reader.start()
    try:
        while reader.is_alive():
            seen |= listening_addresses(program.pid)
            most = max(most, len(tree_of(program.pid)))
            reader.join(0.5)
    finally:
        program.kill()
    assert program.wait() == 0, said
    return seen, most


def test_the_judge_sees_a_port():
    """Of this process, on either kind of address, until it is closed."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0")):
        with socket.socket(family) as listener:
            listener.bind((host, 0))
            listener.listen()
            found = (host, listener.getsockname()[1])
            assert found in listening_addresses(os.getpid())
            assert (found in open_to_others(os.getpid())) == (host == "0.0.0.0")
        assert found not in listening_addresses(os.getpid())


def test_a_run_with_workers_opens_no_port(table: Path, tmp_path: Path):
    """Two worker processes talk to it through pipes."""
    words = [*TUNE, "--data", str(table), "--target", "kind", "--trials", "3", "--epochs", "1"]
    seen, most = seen_while_it_runs([*words, "--jobs", "2", "--out", str(tmp_path / "out")])
    assert most >= 3
    assert seen == set()


def test_a_ray_of_its_own_listens_on_loopback_only(table: Path, tmp_path: Path):
    """Its server, its agents and its workers; left to itself, Ray listens on every interface.

    It needs no home to keep a token in; left to itself, Ray ends in an error without one.
    """
    words = [*TUNE, "--data", str(table), "--target", "kind", "--trials", "2", "--epochs", "1"]
    words += ["--backend", "ray", "--out", str(tmp_path / "out")]
    seen, most = seen_while_it_runs(words, HOME=str(table))
    assert most >= 4
    assert seen
    assert {host for host, _ in seen} <= {"127.0.0.1", "::1"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ray_tune_asha", "ray_optuna_search", "ray_cluster"])
def test_an_example_listens_on_loopback_only(name: str):
    """Whoever runs it has read nothing about ports yet."""
    script = Path(__file__).parents[2] / "examples" / f"{name}.py"
    seen, _ = seen_while_it_runs([str(script), "--smoke-test"])
    assert seen
    assert {host for host, _ in seen} <= {"127.0.0.1", "::1"}


def test_usage_reports_are_off():
    """Ray reads these when it starts."""
    from tune_bn.tuning.on_ray.run import _QUIET

    assert _QUIET["RAY_USAGE_STATS_ENABLED"] == "0"


def test_the_package_calls_nobody():
    """The only connection that it makes itself is the knock at a cluster that was named."""
    root = Path(__file__).parents[2] / "tune_bn"
    calls = ("urllib.request", "http.client", "requests", "httpx", "socket.")
    found = {
        (file.relative_to(root).as_posix(), call)
        for file in root.rglob("*.py")
        for call in calls
        if f"{call}" in file.read_text(encoding="utf-8")
    }
    assert found == {("tuning/on_ray/run.py", "socket.")}


NOT_UNDERSTOOD = """
from contextlib import nullcontext

import ray

from tune_bn.tuning.on_ray import run
from tune_bn.tuning.settings import RaySettings

run._without_a_cluster = nullcontext  # a Ray in which the way to loopback has another name
run._LOOPBACK.clear()
try:
    with run._ray(RaySettings()):
        print("listens on", [node["NodeManagerAddress"] for node in ray.nodes()])
except run.TuneError as error:
    print(error)
print("running" if ray.is_initialized() else "stopped")
"""


def test_a_ray_that_others_could_reach_is_stopped(tmp_path: Path):
    """Whatever a later Ray calls the switch: what came of it is looked at, and refused."""
    (tmp_path / "renamed.py").write_text(NOT_UNDERSTOOD)
    result = warm.run([str(tmp_path / "renamed.py")], environment=AS_ALWAYS)
    assert result.returncode == 0, result.stderr
    # On a machine without a network there is no other address.
    if result.stdout != "listens on ['127.0.0.1']\nstopped\n":
        assert "needs to listen on this machine alone, but Ray" in result.stdout
        assert result.stdout.endswith("\nstopped\n")
