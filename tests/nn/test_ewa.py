"""The averages as functions: step sizes, merging, masks, precision."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.batchnorm import normal
from tune_bn.nn import ewa


@pytest.mark.heavy
@pytest.mark.parametrize("momentum", [0.0, 1e-5, 0.1, 0.5, 1.0, None])
@pytest.mark.parametrize("count", [1, 2, 1000, 10**7])
def test_a_step_is_the_same_as_number_and_as_tensor(momentum: float | None, count: int) -> None:
    """What a compiled graph computes is what eager mode computes, and what the formula says."""
    number = ewa.step_size(torch.tensor(count), momentum)
    assert isinstance(number, float)
    traced = torch.compile(
        lambda t: torch.as_tensor(ewa.step_size(t, momentum), dtype=torch.float64), backend="eager"
    )(torch.tensor(count))
    assert traced.item() == pytest.approx(number, rel=1e-12)
    if momentum is not None and 0 < momentum < 1:
        assert number == pytest.approx(momentum / -((1 - momentum) ** count - 1), rel=1e-6)


@given(st.integers(1, 10**6), st.floats(1e-6, 1))
@settings(max_examples=50, deadline=None)
def test_a_step_lies_between_the_limits(count: int, momentum: float) -> None:
    """The newest value's share is at least momentum and 1/t, at most 1, and falls with t."""
    step, later = ewa.step_at(count, momentum), ewa.step_at(count + 1, momentum)
    assert max(momentum, 1 / count) * (1 - 1e-9) <= step <= 1 + 1e-9
    assert later <= step * (1 + 1e-12)


def test_the_recursion_is_the_corrected_average() -> None:
    """Steps a_t on the corrected average give the weighted sum divided by its total weight."""
    values, decay = normal(50), 0.7
    average = torch.tensor(123.0, dtype=torch.float64)
    for t, value in enumerate(values, start=1):
        average = average + (value - average) * ewa.step_at(t, 1 - decay)
    weights = decay ** torch.arange(49, -1, -1, dtype=torch.float64)
    torch.testing.assert_close(average, (weights * values).sum() / weights.sum())


@given(st.integers(0, 8), st.integers(0, 8), st.integers(0, 8), st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_merging_is_what_the_joined_values_have(a: int, b: int, c: int, seed: int) -> None:
    """Moments of parts, merged in either order, are those of all; empty parts are nothing."""
    x = normal(a + b + c, 2, seed=seed) * 10 + 100
    parts = [
        ewa.masked_moments(part, torch.ones(1, 1, dtype=torch.bool)) for part in x.split((a, b, c))
    ]
    left = ewa.merge_moments(*ewa.merge_moments(*parts[0], *parts[1]), *parts[2])
    right = ewa.merge_moments(*parts[0], *ewa.merge_moments(*parts[1], *parts[2]))
    whole = ewa.masked_moments(x, torch.ones(1, 1, dtype=torch.bool))
    for p, q, r in zip(left, right, whole, strict=True):
        torch.testing.assert_close(p, r, rtol=1e-10, atol=1e-9)
        torch.testing.assert_close(q, r, rtol=1e-10, atol=1e-9)


def test_masked_moments_survive_a_large_mean() -> None:
    """The variance of values far from zero is not lost to cancellation in float32."""
    x = normal(1000, 1, dtype=torch.float32) + 1e4
    _, _, var = ewa.masked_moments(x, torch.ones(1, 1, dtype=torch.bool))
    torch.testing.assert_close(var.double(), x.double().var(0, correction=0), rtol=1e-4, atol=0)


def test_compensation_keeps_what_rounding_loses() -> None:
    """10,000 float32 steps end within 1e-7 of float64; without compensation they do not."""
    values = normal(10_000, 200, dtype=torch.float32) + 1
    exact = values.double().mean(0)
    kept, carry, lost = torch.zeros(200), torch.zeros(200), torch.zeros(200)
    for t, value in enumerate(values, start=1):
        ewa.lerp_compensated_(kept, value, 1 / t, carry)
        lost.lerp_(value, 1 / t)
    assert (kept - exact).abs().max() < 1.2e-7
    assert (lost - exact).abs().max() > 1e-6


def test_compensation_is_the_same_with_a_tensor_step() -> None:
    """A step given as a tensor, long or short, moves average and carry as a number does."""
    for step in (0.01, 0.5, 1.0):
        results = []
        for given_step in (step, torch.tensor(step)):
            average, carry = normal(5, dtype=torch.float32), torch.full((5,), 1e-8)
            value = normal(5, seed=1, dtype=torch.float32)
            ewa.lerp_compensated_(average, value, given_step, carry)
            results.append((average, carry))
        for p, q in zip(*results, strict=True):
            torch.testing.assert_close(p, q)


def test_compensation_recovers_from_infinity() -> None:
    """Once the average is set to a number again, nothing of an infinity is carried on."""
    average, carry = torch.zeros(1), torch.zeros(1)
    ewa.lerp_compensated_(average, torch.tensor([float("inf")]), 0.1, carry)
    average.zero_()
    ewa.lerp_compensated_(average, torch.ones(1), 0.1, carry)
    assert average.item() == pytest.approx(0.1)
