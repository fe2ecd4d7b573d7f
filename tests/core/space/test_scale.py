import pytest

from tune_bn.core.space.scale import Scale, complement


@pytest.mark.parametrize("kind", ["linear", "log", "one-minus-log"])
def test_a_place_of_a_scale_leads_back(kind):
    """From a value to its place and back, ends included; what lies outside is at an end."""
    scale = Scale(kind, 0.1, 0.9)
    for u in (0.0, 0.25, 0.5, 1.0):
        assert scale.unit(scale.value(u)) == pytest.approx(u)
    assert (scale.value(0.0), scale.value(1.0)) == (0.1, 0.9)
    assert scale.units([0.0, 0.1, 2.0]) == [0.0, 0.0, 1.0]


def test_an_unknown_scale_is_no_other():
    """It is not taken for a linear one."""
    with pytest.raises(KeyError, match="root"):
        Scale("root", 0.0, 1.0)


def test_a_complement_is_never_an_end():
    """What rounds to 0 or 1 keeps its last digits."""
    assert 0 < complement(1 - 1e-14) < 1e-13
    assert 1 - 1e-13 < complement(1e-14) < 1
