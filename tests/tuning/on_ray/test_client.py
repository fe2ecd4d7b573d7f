"""Driving a cluster from outside: the same results, reported as they come."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.security.listening import open_to_others
from tune_bn import __version__
from tune_bn.tuning.errors import Stopped, TuneError
from tune_bn.tuning.finish.finish import Outcome
from tune_bn.tuning.folder.tally import Progress
from tune_bn.tuning.on_ray import client as ray_client
from tune_bn.tuning.on_ray.run import tune
from tune_bn.tuning.settings import RaySettings, Settings

FOLDER = Path(__file__).parent


def test_a_run_by_an_actor(local_ray, tiny, tmp_path):
    """It reports, stops when asked, goes on with the same call, and leaves its files."""
    ended: list[int] = []

    def hear(at: Progress) -> None:
        if at.ended is not None:
            ended.append(at.ended.number)

    def run(trials: int, *, is_stopped: bool) -> Outcome:
        return ray_client.tune_through_client(
            tune,
            tiny,
            tmp_path,
            Settings(trials=trials, epochs=1),
            RaySettings(address="ray://here", max_concurrent=1),
            resume=None,
            write_report=None,
            on_progress=hear,
            is_stopped=lambda: is_stopped and bool(ended),
        )

    with pytest.raises(Stopped) as stopped:
        run(200, is_stopped=True)
    assert 1 <= stopped.value.finished == len(ended) < stopped.value.trials == 200
    counts = run(len(ended), is_stopped=False).summary["search"]
    assert (counts["trials"], counts["trials_in_this_run"]) == (len(ended), 0)
    assert json.loads((tmp_path / "best.json").read_text())["search"] == counts
    assert not [*tmp_path.glob(".*[0-9a-f]")]  # the mark by which both sides found each other


@pytest.mark.slow
def test_a_run_through_ray_client(blobs, tmp_path):
    """The same from outside of a cluster, which listens to this machine alone."""
    cluster = subprocess.Popen(
        [sys.executable, str(FOLDER / "cluster_with_client.py")],
        # Ray's proxy forks while gRPC's threads run, which gRPC's own fork handlers do not survive.
        env={**os.environ, "GRPC_ENABLE_FORK_SUPPORT": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert cluster.stdin is not None
    assert cluster.stdout is not None
    try:
        address = cluster.stdout.readline().strip()
        reachable = open_to_others(cluster.pid)
        out = tmp_path / "out"
        done = subprocess.run(
            [sys.executable, str(FOLDER / "client_run.py"), address, str(blobs), str(out)],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        cluster.stdin.close()
        cluster.wait()
        cluster.stdout.close()
    assert done.returncode == 0, done.stderr[-3000:]
    assert not reachable
    outcome = json.loads(done.stdout.splitlines()[-1])
    finished, asked = outcome["stopped"]
    assert 1 <= finished < asked == 200
    total = outcome["counts"]["trials"]
    assert outcome["ended"] == list(range(total))
    assert outcome["counts"]["trials_in_this_run"] == total - finished == 2
    assert json.loads((out / "best.json").read_text())["search"]["trials"] == total
    assert (out / "model.pt").exists()
    assert not [*out.glob(".*[0-9a-f]")]


def answering(monkeypatch, version: str, is_seen: bool) -> SimpleNamespace:
    """Returns what stands for the actor of a cluster that gives these answers."""
    monkeypatch.setattr("ray.get", lambda answer: answer)
    return SimpleNamespace(ping=SimpleNamespace(remote=lambda mark: (version, is_seen)))


@pytest.mark.parametrize(
    ("version", "is_seen", "message"),
    [
        ("0.0.1", True, f"one version of tune-bn on both sides, but got {__version__} here and 0"),
        (__version__, False, "a folder that the cluster sees too.*shared storage"),
    ],
)
def test_two_sides_that_do_not_fit(monkeypatch, tmp_path, version, is_seen, message):
    """It is said before any work is done, and leaves nothing behind."""
    driver = answering(monkeypatch, version, is_seen)
    with pytest.raises(TuneError, match=message):
        ray_client._check_sides(driver, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_two_sides_that_fit(monkeypatch, tmp_path):
    """One version and one folder are enough."""
    ray_client._check_sides(answering(monkeypatch, __version__, True), tmp_path)


def test_a_stop_comes_through_whole():
    """What ended a run on the cluster is the same here."""
    there = pickle.loads(pickle.dumps(Stopped(3, 8)))
    assert (there.finished, there.trials, str(there)) == (3, 8, "Stopped after 3 of 8 trials.")
