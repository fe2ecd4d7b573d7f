"""Ray: drivers killed at any moment and restored, a worker killed, the object store full."""

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.ray_driver import STORE
from tests.security.listening import open_to_others
from tune_bn.ray import CoarseToFineSearch
from tune_bn.ray.folder import recorded_trials

EVENTS = ("suggest", "complete", "save", "saved")


@pytest.fixture
def cluster(request) -> Iterator[Any]:
    """A cluster of so many nodes on loopback, which no driver takes down with it."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 2, "include_dashboard": False, "object_store_memory": STORE}
    made = Cluster(initialize_head=True, head_node_args=node)
    for _ in range(request.param - 1):
        made.add_node(num_cpus=1, object_store_memory=STORE)
    assert not open_to_others(os.getpid())
    yield made
    made.shutdown()


def mend(run: Path) -> bool:
    """Removes what Tune had begun to copy when its driver was killed; so it takes the one before.

    Tune (2.60) copies in place and file by file, and can go on from no file that is cut off, nor
    from trials without the state of their search: then the experiment begins anew. Returns whether
    it goes on.
    """
    read: dict[str, Callable[[bytes], object]] = {
        "experiment_state-*.json": json.loads,
        "search_gen_state-*.json": pickle.loads,
    }
    for pattern, load in read.items():
        for file in run.glob(pattern):
            try:
                load(file.read_bytes())
            except (ValueError, EOFError, pickle.UnpicklingError):
                file.unlink()
    goes_on = all(any(run.glob(pattern)) for pattern in read)
    if not goes_on:
        shutil.rmtree(run, ignore_errors=True)
    return goes_on


def at_its_end(run: Path, n: int) -> int:
    """Returns how many trials an experiment of `n` samples will have, as it is on record.

    A driver that is killed between two copies leaves a count of samples that is older or newer than
    the trials.
    """
    file = max(run.glob("search_gen_state-*.json"))
    counted: int = pickle.loads(file.read_bytes())["counter"]
    return len(recorded_trials(run)) + n - counted


def drive(cluster: Any, folder: Path, n: int, event: str, count: int) -> dict[str, Any] | None:
    """Runs a driver; returns what it said, None if it was killed."""
    words = [cluster.address, str(folder), str(n), event, str(count)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.ray_driver", *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"RAY_enable_metrics_collection": "0"},
    )
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.mark.parametrize(
    ("cluster", "kills", "n"),
    [
        (1, 2, 5),
        pytest.param(3, 5, 10, marks=pytest.mark.slow),
    ],
    indirect=["cluster"],
)
def test_a_driver_is_killed_and_restored(cluster, kills, n, tmp_path):
    """What Tune had saved as finished is there at the end, once, also for the search."""
    moments = random.Random(kills)
    saved: dict[str, float] = {}
    n_at_end = n
    for i in range(kills):
        said = drive(cluster, tmp_path, n, EVENTS[(i + 2) % 4], moments.randint(2, 4))
        if said is not None:
            break
        saved |= {
            t.trial_id: t.last_result["loss"]
            for t in recorded_trials(tmp_path / "run")
            if t.status == "TERMINATED"
        }
        if mend(tmp_path / "run"):
            n_at_end = at_its_end(tmp_path / "run", n)
        else:
            saved, n_at_end = {}, n
    said = drive(cluster, tmp_path, n, "none", 0)
    assert said is not None
    assert said["n"] == n_at_end
    assert said["errors"] == 0
    assert (tmp_path / "worker-killed").exists()
    assert (tmp_path / "store-filled").exists()
    at_end = {t.trial_id: t.last_result["loss"] for t in recorded_trials(tmp_path / "run")}
    assert saved.items() <= at_end.items()
    search = CoarseToFineSearch()
    search.restore_from_dir(str(tmp_path / "run"))
    known = {search.trial_ids[t.number]: t for t in search.trials if t.number in search.trial_ids}
    assert {i: known[i].value for i in at_end} == at_end
    draws = [x for x, _ in said["losses"]]
    assert len(set(draws)) == said["n"]
    assert search.suggest("goes on")["x"] not in draws
    stages = search.stages()
    again = CoarseToFineSearch()
    again.restore_from_dir(str(tmp_path / "run"))
    again.suggest("goes on")
    assert again.stages() == stages


def test_half_a_file_is_removed(tmp_path):
    """The state before it stays; where there is none, the experiment begins anew."""
    run = tmp_path / "run"
    assert not mend(run)
    run.mkdir()
    whole, half = (run / f"experiment_state-{day}.json" for day in ("2026-01-01", "2026-01-02"))
    whole.write_text("{}")
    half.write_text("")
    count, cut = (run / f"search_gen_state-{day}.json" for day in ("2026-01-01", "2026-01-02"))
    count.write_bytes(pickle.dumps({"counter": 3}))
    cut.write_bytes(count.read_bytes()[:-9])
    assert mend(run)
    assert sorted(run.iterdir()) == [whole, count]
    assert mend(run)
    count.write_bytes(b"")
    assert not mend(run)
    assert not run.exists()


def test_what_tune_counted_and_did_not_record_is_lost(tmp_path):
    """It asks for no more than are missing by its count."""
    (tmp_path / "experiment_state-1.json").write_text('{"trial_data": []}')
    for counted in (0, 2):
        (tmp_path / "search_gen_state-1.json").write_bytes(pickle.dumps({"counter": counted}))
        assert at_its_end(tmp_path, 5) == 5 - counted
