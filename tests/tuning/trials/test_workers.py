import os
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.support import warm
from tune_bn.training import Config, Dataset, EpochMetrics
from tune_bn.tuning.trials.workers import Job, Listener, Workers, one_thread

GOOD = Config(width=4, depth=1)
DIVERGES = Config(learning_rate=1e30, width=4, depth=2, norm="none")


class Ledger(Listener):
    """Hands out configurations and writes down what it hears."""

    def __init__(self, *configs: Config, stop_after: int = 3) -> None:
        self.waiting = [Job(number, config, seed=number) for number, config in enumerate(configs)]
        self.stop_after = stop_after
        self.losses: dict[int, list[float]] = {}
        self.failed: dict[int, str] = {}
        self.networks: dict[int, nn.Module] = {}

    def begin(self) -> Job | None:
        return self.waiting.pop(0) if self.waiting else None

    def epoch(self, job: Job, metrics: EpochMetrics) -> bool:
        self.losses.setdefault(job.number, []).append(metrics.loss)
        return metrics.epoch < self.stop_after

    def trained(self, job: Job, network: nn.Module) -> None:
        self.networks[job.number] = network

    def fail(self, job: Job, reason: str) -> None:
        self.failed[job.number] = reason


def test_jobs_are_trained_here_one_after_the_other(tiny):
    """Every job has its epochs, and one that diverges is told with its reason."""
    ledger = Ledger(GOOD, DIVERGES, GOOD)
    Workers(1).train(ledger, tiny, epochs=3)
    assert {number: len(losses) for number, losses in ledger.losses.items()} == {0: 3, 2: 3}
    assert "diverged in epoch 1" in ledger.failed[1]


def test_a_job_ends_when_it_is_told_to(tiny):
    """No epoch is trained after the answer."""
    ledger = Ledger(GOOD, GOOD, stop_after=1)
    Workers(1).train(ledger, tiny, epochs=3)
    assert {number: len(losses) for number, losses in ledger.losses.items()} == {0: 1, 1: 1}


def weights(ledger: Ledger) -> dict[int, dict[str, torch.Tensor]]:
    return {number: network.state_dict() for number, network in ledger.networks.items()}


@pytest.mark.usefixtures("forked_workers")
def test_workers_give_what_training_here_gives(tiny):
    """To the last bit, with more jobs than workers, one of which diverges; networks too."""
    here, there = (Ledger(GOOD, DIVERGES, GOOD, GOOD, stop_after=99) for _ in range(2))
    with one_thread(), Workers(2) as workers:
        Workers(1).train(here, tiny, epochs=3)
        workers.train(there, tiny, epochs=3)
    assert there.losses == here.losses
    assert there.failed == here.failed
    assert sorted(there.networks) == [0, 2, 3]
    torch.testing.assert_close(weights(there), weights(here), rtol=0, atol=0)


@pytest.mark.usefixtures("forked_workers")
def test_workers_wait_for_the_next_jobs(tiny: Dataset):
    """The same processes train them, on other rows and for as many epochs as these ask for."""
    halves = [
        replace(tiny, train=replace(tiny.train, x=tiny.train.x[part], y=tiny.train.y[part]))
        for part in (slice(None, None, 2), slice(1, None, 2))
    ]
    here, there = ([Ledger(GOOD, GOOD, stop_after=at) for at in (2, 3)] for _ in range(2))
    trained_by = []
    with one_thread(), Workers(2) as workers:
        for epochs, (rows, alone, beside) in enumerate(zip(halves, here, there, strict=True), 2):
            Workers(1).train(alone, rows, epochs=epochs)
            workers.train(beside, rows, epochs=epochs)
            trained_by.append(list(workers._processes.values()))
    assert [ledger.losses for ledger in there] == [ledger.losses for ledger in here]
    assert trained_by[0] == trained_by[1]
    assert [process.is_alive() for process in trained_by[0]] == [False, False]


@pytest.mark.usefixtures("forked_workers")
def test_what_a_listener_raises_ends_the_processes(tiny: Dataset):
    """They would not hear of other jobs; the next ones have new processes."""
    ledger = Ledger(GOOD, GOOD)
    stopped = pytest.MonkeyPatch()
    stopped.setattr(ledger, "epoch", lambda *_: 1 / 0)
    with Workers(2) as workers:
        with pytest.raises(ZeroDivisionError):
            workers.train(ledger, tiny, epochs=3)
        assert workers._processes == {}
        stopped.undo()
        again = Ledger(GOOD)
        workers.train(again, tiny, epochs=3)
    assert len(again.losses[0]) == 3


class _Deadly:
    """Kills the process that unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return (os._exit, (7,))


@pytest.mark.usefixtures("forked_workers")
def test_a_worker_that_dies_costs_its_own_job(tiny: Dataset):
    """The others go on, and the reason names the exit code."""
    ledger = Ledger(GOOD, GOOD)
    deadly = replace(tiny, notes=(_Deadly(),))  # type: ignore[arg-type]  # kills the worker
    with Workers(2) as workers:
        workers.train(ledger, deadly, epochs=3)
    reason = "its worker process ended unexpectedly (exit code 7)"
    assert ledger.failed == {0: reason, 1: reason}


def test_one_thread_puts_the_number_back():
    """Within the block there is one, and after it as many as before."""
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


PRESSED = """
import os
import signal
import sys

from tests.tuning.trials.test_workers import GOOD, Ledger
from tune_bn.training import load_dataset
from tune_bn.tuning.trials import workers

say = workers._say


def say_late(*arguments):
    os.killpg(0, signal.SIGINT)  # as a terminal sends Ctrl-C, to all: the workers still import
    workers._say = say
    say(*arguments)


if __name__ == "__main__":
    os.setsid()
    heard = []
    signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    workers._say = say_late
    ledger = Ledger(GOOD, GOOD)
    dataset = load_dataset(sys.argv[1], target="kind")
    with workers.Workers(2) as both:
        both.train(ledger, dataset, epochs=3)
    print(len(heard), sorted(ledger.losses), ledger.failed)
"""


def test_ctrl_c_while_workers_start(blobs, tmp_path):
    """It is the parent's to answer: no worker ends by it, or prints anything."""
    script = tmp_path / "pressed.py"
    script.write_text(PRESSED)
    result = warm.run([str(script), str(blobs)])
    assert result.stderr == ""
    assert result.stdout == "1 [0, 1] {}\n"
