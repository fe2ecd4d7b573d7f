"""Charts of the measurements: dots lie where their values are."""

import re
from xml.etree import ElementTree

import pytest

from benchmarks.charts import dots
from benchmarks.svg import Scale


def places(chart: str) -> dict[str, float]:
    """Returns where the dot of each value lies across, by what is said of it."""
    found = re.findall(r'<circle cx="([\d.]+)"[^>]*><title>([^<]*)</title>', chart)
    return {said: float(at) for at, said in found}


def test_dots_lie_where_their_values_are():
    """Equal steps are equally far apart, on a logarithmic scale equal ratios."""
    rows = [("a", {"one": 1.0}), ("b", {"one": 10.0}), ("c", {"one": 100.0, "two": 55.5})]
    for is_log, middle in ((True, "one: 10"), (False, "two: 55.5")):
        found = places(dots("t", rows, unit="u", is_log=is_log))
        assert len(found) == 4
        if is_log:
            assert found[middle] == pytest.approx(
                (found["one: 1"] + found["one: 100"]) / 2, abs=0.1
            )
        else:
            ends = found["one: 10"], found["one: 100"]
            share = (found[middle] - ends[0]) / (ends[1] - ends[0])
            assert share == pytest.approx((55.5 - 10) / 90, abs=0.01)


def test_a_chart_names_its_rows_series_and_limits():
    """In words that any reader of SVG finds; what is written as markup stays text."""
    chart = dots("t", [("a < b", {"ours": 1.0})], unit="times", limits={"promised": [2.0]})
    words = ["".join(e.itertext()) for e in ElementTree.fromstring(chart).iter() if e.text]
    assert {"a < b", "ours", "times", "promised"} <= set(words)


@pytest.mark.parametrize(
    "ends", [(0.79, 1.14), (0.02, 3.0), (18, 31_324), (-0.02, 1.0), (5, 5), (2, 18)]
)
@pytest.mark.parametrize("is_log", [True, False])
def test_a_scale_has_a_few_round_ticks_between_its_ends(ends, is_log):
    """Two to nine of them."""
    if is_log and ends[0] <= 0:
        return
    scale = Scale.around(ends, 0, 100, is_log=is_log)
    ticks = scale.ticks()
    assert len(ticks) <= 9
    assert all(0 <= scale(tick) <= 100 for tick in ticks)
    assert len(ticks) >= 2 or ends[0] == ends[1]
