"""How large the final is."""

import math

from tune_bn.tuning.folder.plan import plan_within


def test_a_final_is_as_large_as_there_is_time_for():
    """No larger than planned, and the smallest where there is hardly any."""
    assert plan_within((8, 5), math.inf) == (8, 5)
    assert plan_within((8, 5), 20) == (4, 4)
    assert plan_within((3, 2), 20) == (3, 2)
    assert plan_within((8, 5), 0) == (1, 1)
