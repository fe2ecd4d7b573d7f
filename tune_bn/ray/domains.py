"""Ray Tune's domains as parameters of the core, and the scale that Tune lacks.

Values and ends are Ray's own (2.60): ``randint`` leaves its upper end out, every ``q…`` domain
holds the multiples of q between its ends. The weights differ in one point: Ray rounds, which gives
the first and last value of a quantised real domain half the weight of the others; here all cells
weigh alike.
"""

import math
from typing import Any

import numpy as np
from ray.tune.search import sample

from tune_bn.core.errors import SpaceError
from tune_bn.core.space import Float, Int, Multiples, Normal, Parameter
from tune_bn.plain.checks import check_number

__all__ = ["one_minus_loguniform", "parameter_for"]


class _OneMinusLogUniform(sample.BaseSampler):
    """Ray's side of `one_minus_loguniform`, so that Tune's own random search draws it as well."""

    def sample(
        self,
        domain: Any,
        config: Any = None,  # noqa: ARG002 - Ray's signature
        size: int = 1,
        random_state: Any = None,
    ) -> Any:
        """Returns a value, or ``size`` of them as an array."""
        if not isinstance(random_state, sample._BackwardsCompatibleNumpyRng):
            random_state = sample._BackwardsCompatibleNumpyRng(random_state)
        ends = math.log1p(-domain.upper), math.log1p(-domain.lower)
        items = -np.expm1(random_state.uniform(*ends, size=size))
        return items if len(items) > 1 else domain.cast(items[0])


def one_minus_loguniform(low: float, high: float) -> sample.Float:
    """Returns a domain between ``low`` and ``high`` whose distance from 1 is log-uniform.

    For momentum, the decay of an average, a discount: 0.9, 0.99 and 0.999 are equally far apart
    (Ng, Deep Learning Specialization, course 2, week 3, "Using an appropriate scale"). It works
    with Tune's own random search too; other search algorithms do not know it and say so.

    Args:
        low: Lower end; low < high.
        high: Upper end, below 1.

    Raises:
        SpaceError: If the bounds are not finite, not in order, or not below 1.

    Example:
        >>> domain = one_minus_loguniform(0.9, 0.999)
        >>> 0.9 <= domain.sample() <= 0.999
        True
    """
    Float(low, high, one_minus_log=True)
    domain: Any = sample.Float(low, high)  # Ray's methods have no types
    domain.set_sampler(_OneMinusLogUniform())
    result: sample.Float = domain
    return result


def parameter_for(domain: Any, name: str) -> Parameter:
    """Returns the core's parameter for a numeric domain.

    Args:
        domain: A ``tune.uniform(…)``, ``tune.randint(…)``, … of any kind but ``choice``.
        name: What to call it in an error.

    Raises:
        SpaceError: If the domain is of an unknown kind, or has no value.
    """
    sampler = domain.get_sampler()
    q = None
    if isinstance(sampler, sample.Quantized):
        q, sampler = sampler.q, sampler.sampler
    is_log = isinstance(sampler, sample.LogUniform)
    try:
        if isinstance(domain, sample.Float) and isinstance(sampler, sample.Normal):
            return Normal(float(sampler.mean), float(sampler.sd), None if q is None else float(q))
        if isinstance(domain, sample.Float) and isinstance(sampler, _OneMinusLogUniform):
            if q is not None:
                raise SpaceError("one_minus_loguniform cannot be quantised; use quniform.")
            return Float(float(domain.lower), float(domain.upper), one_minus_log=True)
        if isinstance(sampler, (sample.Uniform, sample.LogUniform)):
            if isinstance(domain, sample.Float):
                if q is None:
                    return Float(float(domain.lower), float(domain.upper), log=is_log)
                return _multiples(float(domain.lower), float(domain.upper), float(q), is_log)
            if isinstance(domain, sample.Integer):
                low, high = _integer(domain.lower), _integer(domain.upper)
                # Ray leaves the upper end out, also where q is 1.
                if q is None or q == 1:
                    return Int(low, high - 1, log=is_log)
                return _multiples(low, high, _integer(q), is_log)
    except SpaceError as error:
        raise SpaceError(f"Domain {name!r}, {domain.domain_str}: {error}") from error
    raise SpaceError(
        f"CoarseToFineSearch needs a domain of ray.tune for {name!r}, but got "
        f"{type(domain).__name__} with the sampler {type(sampler).__name__}. Use tune.uniform, "
        "tune.randint, tune.randn, tune.choice, their log and q forms, or one_minus_loguniform."
    )


def _integer(value: Any) -> int:
    if int(value) != value:
        raise SpaceError(f"An integer domain needs whole numbers, but got {value!r}.")
    return int(value)


def _multiples(low: float, high: float, q: float, log: bool) -> Multiples:
    check_number(SpaceError, "A quantised domain", "q", q, above=0)
    first, last = _whole(low / q, math.ceil), _whole(high / q, math.floor)
    if first > last:
        raise SpaceError(
            f"There is no multiple of q={q!r} between {low!r} and {high!r}. Choose a smaller q."
        )
    return Multiples(first, last, q, log)


def _whole(ratio: float, rounding: Any) -> int:
    """Returns the whole number that ``ratio`` is up to rounding errors, or the one inwards."""
    nearest = round(ratio)
    return nearest if math.isclose(ratio, nearest) else int(rounding(ratio))
