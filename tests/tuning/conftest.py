from multiprocessing import forkserver
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support import warm
from tune_bn.training import Dataset, load_dataset
from tune_bn.tuning.trials import workers


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV file of 90 rows: three classes, two inputs, nearly separable."""
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    x = rng.normal(size=(90, 2)) + 2.5 * np.stack([np.cos(2 * labels), np.sin(2 * labels)], axis=1)
    path = tmp_path_factory.mktemp("data") / "blobs.csv"
    lines = [f"{a:.6f},{b:.6f},{'xyz'[k]}" for (a, b), k in zip(x, labels, strict=True)]
    path.write_text("a,b,kind\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def tiny(blobs: Path) -> Dataset:
    """The blobs, loaded."""
    return load_dataset(blobs, target="kind")


@pytest.fixture
def forked_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are forked from a server that has imported what they need, not started afresh.

    For what comes of them; how they are started, ``test_ctrl_c_while_workers_start`` and the tests
    of the command see.
    """
    context = warm.forks()
    forkserver.ensure_running()  # not with Ctrl-C held back, as a worker is started
    started = SimpleNamespace(get_context=lambda _: context)
    monkeypatch.setattr(workers, "multiprocessing", started)
