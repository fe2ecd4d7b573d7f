"""What the environment must hold: a missing package fails its tests, unless it was excused."""

import gc
import importlib
import logging
import os
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is the machine's.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

# The networks of tests are so small that a second thread only waits for the first, and several
# processes share the tests. Read when torch and scikit-learn are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Read when Ray is imported, also in the processes that tests start. Every Ray of a test listens on
# loopback, where Ray left to itself listens on all interfaces; see `tune_bn.tuning.on_ray.run`.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
# Nothing is reported to its makers, nothing is printed twice, no web server of metrics is started.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
os.environ["RAY_enable_metrics_collection"] = "0"  # noqa: SIM112 - Ray spells it so
os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
# Its workers step back for nobody, as they would for the tests that run beside them.
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
# No worker is started before one is asked for: a test's trial mostly takes all of its Ray.
os.environ["RAY_prestart_worker_first_driver"] = "0"  # noqa: SIM112
# Where another user ran Ray on this machine, what that left in the temporary folder is in the way.
_locks = Path(tempfile.gettempdir(), "_ray_lockfiles")
if _locks.exists() and not os.access(_locks, os.W_OK):
    os.environ.setdefault("RAY_TMPDIR", tempfile.mkdtemp(prefix="ray-"))
# No home is needed to keep a token in, which may not be writable, or another one in a test.
os.environ.setdefault("RAY_AUTH_TOKEN", uuid.uuid4().hex)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds ``--without PACKAGE``, for an environment that lacks a package on purpose."""
    parser.addoption(
        "--without",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="skip, and do not fail, the tests that need this package (may be repeated)",
    )


def pytest_configure() -> None:
    """Hears Ctrl-C and a closed terminal even where the run was started with ``&`` or ``nohup``.

    Child processes inherit what is ignored, and those that are to be stopped by it would never
    end. Of what is heard they inherit nothing, so here a closed terminal may still be ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


# Hundreds of thousands of objects of torch, Ray and scikit-learn stay to the end. The collector of
# garbage would look at all of them again and again, which takes a third of the time of collection.
gc.disable()


def pytest_collection_finish() -> None:
    """Leaves what is there by now out of what the garbage collector looks at."""
    gc.freeze()
    gc.enable()


# Files and folders that take long, the longest first. Where several processes share the tests, each
# takes the next file when it is done with one: so none is left alone with a long one at the end.
LONGEST = (
    "tests/test_examples.py",
    "tests/sklearn/",
    "tests/faults/",
    "tests/ray/test_runs.py",
    "tests/test_readme.py",
    "tests/security/",
    "tests/tuning/on_ray/",
    "tests/ray/",
    "tests/report/pages/test_axe.py",
    "tests/nn/test_compile_export.py",
    "tests/fuzz/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with the files that take long, then those that hold heavy tests."""
    heavy = {item.path for item in items if item.get_closest_marker("heavy")}

    def order(item: pytest.Item) -> tuple[int, bool]:
        places = (i for i, start in enumerate(LONGEST) if item.nodeid.startswith(start))
        return next(places, len(LONGEST)), item.path not in heavy

    items.sort(key=order)


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """A Ray with two CPUs for all tests of this process that need one, on loopback."""
    import ray

    ray.init(
        address="local",  # not one that happens to run on this machine
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=100 * 2**20,
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def needs(request) -> Callable[[str], ModuleType]:
    """Imports a module that a test needs; skips only where ``--without`` names its package."""
    excused: list[str] = request.config.getoption("--without")

    def load(module: str) -> ModuleType:
        if module.split(".")[0] in excused:
            pytest.skip(f"--without {module.split('.')[0]}")
        return importlib.import_module(module)

    return load
