"""One small Ray for all tests that need it, on the loopback interface, without its dashboard."""

import logging
import os
from collections.abc import Iterator

import pytest

# Before Ray is imported: nothing is reported to its makers, and nothing is printed twice.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
# The metrics agent starts a web server that no test needs.
os.environ["RAY_enable_metrics_collection"] = "0"  # noqa: SIM112 - Ray spells it so
os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """A Ray with two CPUs, started once and stopped at the end."""
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
