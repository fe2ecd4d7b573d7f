"""The judges can fail."""

import numpy as np

from tests.support.judges import equal_counts_p, uniform_p


def test_equal_counts_p_rejects_rounded_floats():
    """round(uniform) halves both ends, and the judge sees it."""
    rounded = np.rint(np.random.default_rng(0).uniform(0, 9, 2000)).astype(int).tolist()
    assert equal_counts_p(rounded, range(10)) < 1e-3


def test_equal_counts_p_rejects_values_outside():
    """A value that is no cell is never accepted."""
    assert equal_counts_p([0, 1, 2], [0, 1]) == 0.0


def test_uniform_p_rejects_another_scale():
    """Log-uniform numbers are not uniform."""
    values = 10 ** np.random.default_rng(0).uniform(-4, 0, 2000)
    assert uniform_p(values) < 1e-3


def test_uniform_p_rejects_a_gap():
    """Numbers that miss a twentieth of the range are not uniform."""
    values = np.random.default_rng(0).uniform(0.05, 1, 4000)
    assert uniform_p(values) < 1e-3
