"""A database that stops, hangs up, or takes no writes for a while.

Optuna passes such errors on: `Study.optimize` raises them, and the trial that ran stays as it was.
(Where the trial's own end cannot be written, Optuna 5.0 raises an AssertionError in their place.)
What is promised here is what the sampler can: whoever tries again, with the same objects or as a
new worker, goes on; nothing finished is lost, and no draw is repeated.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy

from tests.support.doomed import start_worker, told_by
from tests.support.postgres import Server
from tests.support.storages import open_storage
from tests.support.survival import require_survived
from tests.support.warm import forks


@contextmanager
def patient_workers(server: Server, name: str, ledger: Path, n: int = 3) -> Iterator[Any]:
    """Lets workers run that try again whatever the storage raises; yields a call that waits."""
    optuna.create_study(study_name=name, storage=open_storage(server.url))
    enough = forks().Event()
    workers = [start_worker(server.url, name, ledger, retry=enough) for _ in range(n)]

    def wait_for(more: int) -> None:
        """Waits until so many more trials are told, by each worker one at least."""
        wanted = len(told_by(ledger)) + more
        while len(told_by(ledger)) < wanted or len([*ledger.iterdir()]) < n:
            assert all(worker.is_alive() for worker in workers)
            threading.Event().wait(0.02)

    try:
        wait_for(2 * n)
        yield wait_for
    finally:
        enough.set()
        for worker in workers:
            worker.join()
    assert [worker.exitcode for worker in workers] == [0] * n


def execute(server: Server, *statements: str) -> None:
    """Execute statements as the server's owner."""
    engine = sqlalchemy.create_engine(server.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(sqlalchemy.text(statement))
    engine.dispose()


def set_read_only(server: Server, value: str) -> None:
    """Lets every transaction that begins from now on be read-only, or not."""
    execute(
        server,
        f"ALTER SYSTEM SET default_transaction_read_only = {value}",
        "SELECT pg_reload_conf()",
    )


def stop_for(server: Server, seconds: float) -> None:
    """Stops the server at once, as a crash would, and starts it again."""
    server.stop()
    threading.Event().wait(seconds)  # the fault itself: nothing is waited for
    server.start()


def hang_up(server: Server, times: int) -> None:
    """Closes every other connection, also those in a query, again and again."""
    for _ in range(times):
        execute(
            server,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
        )
        threading.Event().wait(0.05)


def read_only_for(server: Server, seconds: float) -> None:
    """Takes no writes for a while."""
    set_read_only(server, "on")
    try:
        threading.Event().wait(seconds)
    finally:
        execute(server, "SET default_transaction_read_only = off", "COMMIT")
        set_read_only(server, "off")


@pytest.mark.parametrize(
    ("fault", "amount"),
    [
        (stop_for, 2),
        pytest.param(stop_for, 20, marks=pytest.mark.slow),
        (hang_up, 5),
        pytest.param(hang_up, 100, marks=pytest.mark.slow),
        (read_only_for, 1),
        pytest.param(read_only_for, 20, marks=pytest.mark.slow),
    ],
)
def test_workers_go_on(postgres, ledger, fault: Callable[[Server, float], None], amount):
    """Three workers with the objects they have go on afterwards; so does a fourth, a new one."""
    name = f"{fault.__name__}-{amount}"
    with patient_workers(postgres, name, ledger) as wait_for:
        fault(postgres, amount)
        wait_for(10)
    require_survived(postgres.url, name, told_by(ledger))


def test_the_error_is_optunas_and_the_same_objects_go_on(postgres):
    """A stopped database is what `optimize` raises; started again, the study goes on as it was."""
    from tests.support.worker import objective
    from tune_bn.optuna import CoarseToFineSampler

    study = optuna.create_study(
        storage=open_storage(postgres.url), sampler=CoarseToFineSampler(seed=0)
    )
    study.optimize(objective, n_trials=12)
    postgres.stop()
    try:
        with pytest.raises(optuna.exceptions.StorageInternalError):
            study.optimize(objective, n_trials=1)
    finally:
        postgres.start()
    alone = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    alone.optimize(objective, n_trials=13)
    study.optimize(objective, n_trials=1)
    assert [t.params for t in study.trials] == [t.params for t in alone.trials]
