"""Workers killed at any moment lose their own trial, and nothing that was finished."""

import random
import signal
import threading

import optuna
import pytest

from tests.support.doomed import start_worker, told_by
from tests.support.storages import open_storage
from tests.support.survival import require_survived

# Profiled calls of a trial and a half: every moment of a trial, the first and a later one, is hit.
CALLS = {"sqlite": 30_000, "journal": 4_000, "postgres": 30_000}


def address_of(kind, tmp_path, request) -> str:
    """Returns a fresh storage's address."""
    if kind == "postgres":
        return str(request.getfixturevalue("postgres").url)
    return {"sqlite": f"sqlite:///{tmp_path}/s.db", "journal": f"journal:{tmp_path}/j.log"}[kind]


@pytest.mark.parametrize("kills", [4, pytest.param(25, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", list(CALLS))
def test_kills_at_random_moments(kind, kills, tmp_path, ledger, request):
    """Two workers at a time: one dies at a random call, one of a blow from outside."""
    address, name = address_of(kind, tmp_path, request), f"kills-{kills}"
    optuna.create_study(study_name=name, storage=open_storage(address))
    moments = random.Random(kills)
    for _ in range(kills // 2):
        by_itself = start_worker(address, name, ledger, calls=moments.randint(1, CALLS[kind]))
        from_outside = start_worker(address, name, ledger)
        by_itself.join()
        told_of = ledger / str(from_outside.pid)
        while not (told_of.exists() and told_of.stat().st_size):
            assert from_outside.is_alive()
            threading.Event().wait(0.01)
        threading.Event().wait(moments.uniform(0, 0.05))  # the blow's own moment
        from_outside.kill()
        from_outside.join()
        assert by_itself.exitcode == from_outside.exitcode == -signal.SIGKILL
    told = told_by(ledger)
    seen = require_survived(address, name, told)
    # Each of the killed lost one trial at most: the one that it was in.
    assert sum(t.state != "COMPLETE" for t in seen.trials) <= kills
    assert len(told) >= kills // 2
