"""Many workers on one study: threads, gRPC, and a real PostgreSQL of which one worker is killed."""

import signal
import subprocess
import threading
import warnings
from collections.abc import Iterator

import optuna
import pytest
from optuna.trial import TrialState

from tests.optuna.test_seeds import COARSE, params_of, sequential, start, value_of
from tests.support.postgres import Server, free_port, server_or_skip
from tests.support.storages import open_storage
from tune_bn.optuna import CoarseToFineSampler, stages


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server on loopback."""
    with server_or_skip() as server:
        yield server


def check(study: optuna.Study, n_finished: int) -> None:
    """Checks what must hold after any run of several workers."""
    trials = study.get_trials()
    finished = [t for t in trials if t.state == TrialState.COMPLETE]
    assert len(finished) == n_finished
    assert [t.number for t in trials] == list(range(len(trials)))
    drawn = [tuple(t.params.values()) for t in trials if len(t.params) == 3]
    assert len(set(drawn)) == len(drawn)
    found = stages(study)
    assert sorted(n for s in found for n in s.trials) == list(range(len(trials)))
    assert len(found) > 1


def test_threads_share_one_sampler():
    """Eight threads and one sampler object: every trial once, no draw twice."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(value_of, n_trials=200, n_jobs=8)
    check(study, 200)


@pytest.mark.heavy
def test_four_processes_on_postgresql_one_killed(postgres):
    """A worker killed in the middle of a trial loses that trial; the others agree on the rest."""
    storage = open_storage(postgres.url)
    study = optuna.create_study(
        study_name="killed", storage=storage, sampler=CoarseToFineSampler(seed=0)
    )
    doomed = start(postgres.url, "killed", "--seed", "0", "--trials", "9", "--hang-at", "4")
    others = [start(postgres.url, "killed", "--seed", "0", "--trials", "12") for _ in range(3)]
    assert doomed.stdout is not None
    hanging = int(doomed.stdout.readline().split()[1])
    before = sum(t.state == TrialState.COMPLETE for t in study.get_trials())
    doomed.send_signal(signal.SIGKILL)
    doomed.communicate()
    assert [w.communicate()[0] for w in others] == ["done\n"] * 3
    trials = study.get_trials()
    finished = sum(t.state == TrialState.COMPLETE for t in trials)
    assert trials[hanging].state == TrialState.RUNNING
    assert len(trials) - finished == 1
    assert finished >= max(before, 36)
    check(study, finished)
    # Another process sees the same stages, and the search goes on.
    assert stages(optuna.load_study(study_name="killed", storage=postgres.url)) == stages(study)
    study.optimize(value_of, n_trials=5)
    check(study, finished + 5)


@pytest.mark.heavy
def test_the_seed_gives_the_same_coarse_points_on_postgresql(postgres):
    """Two processes on PostgreSQL share the coarse points of one seed."""
    study = optuna.create_study(study_name="coarse", storage=postgres.url)
    workers = [start(postgres.url, "coarse", "--seed", "0", "--trials", "6") for _ in range(2)]
    for worker in workers:
        worker.communicate()
    assert params_of(study, COARSE) == sequential()


def wait_until_open(port: int, process: subprocess.Popen) -> None:
    """Waits until somebody listens on a port."""
    import socket

    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.05)
    raise RuntimeError(f"Nothing listens on port {port}: {process}.")


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_through_a_grpc_proxy(tmp_path):
    """Behind Optuna's gRPC proxy the sampler draws what it draws on the storage itself."""
    port = free_port()
    code = (
        "import optuna, warnings; warnings.simplefilter('ignore'); "
        "from tests.support.storages import open_storage; "
        f"optuna.storages.run_grpc_proxy_server(open_storage('journal:{tmp_path}/j.log'), "
        f"host='127.0.0.1', port={port})"
    )
    import sys

    server = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_until_open(port, server)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            proxy = open_storage(f"grpc:{port}")
        study = optuna.create_study(
            study_name="g", storage=proxy, sampler=CoarseToFineSampler(seed=0)
        )
        study.optimize(value_of, n_trials=25)
        assert params_of(study, 25) == sequential(25)
        worker = start(f"grpc:{port}", "g", "--seed", "0", "--trials", "5")
        assert worker.communicate()[0] == "done\n"
        check(study, 30)
        proxy.close()  # type: ignore[attr-defined]  # only the proxy has it
    finally:
        server.terminate()
        server.wait()
