"""The tests' own Ray; that of `tune-bn` is in `tests/security/test_ports.py`."""

import os

from tests.security.listening import listening_addresses, open_to_others


def test_the_rays_of_tests_listen_on_loopback(local_ray):
    """Nobody on the network reaches a Ray that a test has started."""
    assert listening_addresses(os.getpid())
    assert open_to_others(os.getpid()) == set()
