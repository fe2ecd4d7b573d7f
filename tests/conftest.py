"""What the environment must hold: a missing package fails its tests, unless it was excused."""

import importlib
import os
import signal
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("tests", deadline=None)  # how long an example takes is the machine's
settings.load_profile("tests")

# The networks of tests are so small that a second thread only waits for the first, and several
# processes share the tests. Read when torch and scikit-learn are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Read when Ray is imported, also in the processes that tests start: every Ray of a test listens on
# loopback, where Ray left to itself listens on all interfaces; see `tune_bn.tuning.on_ray.run`.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with the tests that take long, so that no process is left alone with one."""
    items.sort(key=lambda item: item.get_closest_marker("heavy") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Says which tests stay together where several processes share them.

    Those of a file, for the fixtures of their module; all of ``tests/ray``, for the one Ray that
    they share. What lies directly in ``tests/`` shares nothing and is dealt out one by one. (The
    groups of xdist 3.8 do nothing under pytest 9.2, without a word.)
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # untyped
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            folder = file.rpartition("/")[0]
            return {"tests/ray": folder, "tests": nodeid}.get(folder, file)

    return ByFile(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture
def needs(request) -> Callable[[str], ModuleType]:
    """Imports a module that a test needs; skips only where ``--without`` names its package."""
    excused: list[str] = request.config.getoption("--without")

    def load(module: str) -> ModuleType:
        if module.split(".")[0] in excused:
            pytest.skip(f"--without {module.split('.')[0]}")
        return importlib.import_module(module)

    return load
