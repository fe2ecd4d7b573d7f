"""Random numbers as a pure function of where they are used.

A draw depends on (seed, trial number, parameter name, purpose) and on nothing else, so there is
no generator whose state could be saved, shared between workers, lost, or raced for. Two workers
that hold the same seed draw different values because trial numbers differ; the same trial number
gives the same values in any process, on any platform, with any ``PYTHONHASHSEED``.

The numbers come from BLAKE2b (RFC 7693) used as a counter-based generator in the sense of
Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011): a keyed, stateless
function of a counter. One call costs about a microsecond and yields four numbers.
"""

import secrets
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from struct import Struct

__all__ = ["fresh_seed", "permutation", "seed_of", "throw", "uniforms"]

_UNIT = 2.0**-53
_FOUR = Struct("<4Q")
_COUNTER = Struct("<Qqq")
_SEED_BITS = 64


def fresh_seed() -> int:
    """Returns a seed from the operating system's entropy, for a search that was given none."""
    return secrets.randbits(_SEED_BITS)


def seed_of(seed: int, name: str) -> int:
    """Returns a seed that belongs to a name, of a search among several that share one seed.

    Example:
        >>> seed_of(0, "a") == seed_of(0, "b")
        False
    """
    text, key = name.encode("utf-8", "surrogatepass"), seed.to_bytes(8, "little")
    return int.from_bytes(blake2b(text, digest_size=8, key=key).digest(), "little")


def uniforms(
    seed: int, number: int, name: str, attempt: int = 0
) -> tuple[float, float, float, float]:
    """Returns four independent numbers, uniform on [0, 1), each a multiple of 2⁻⁵³.

    Args:
        seed: Seed of the search, 0 ≤ seed < 2⁶⁴.
        number: Number of the trial, or any other counter; may be negative.
        name: Name of the parameter; ``""`` for what concerns the whole trial.
        attempt: Counts redraws of the same trial.

    Example:
        >>> uniforms(0, 3, "lr") == uniforms(0, 3, "lr")
        True
        >>> uniforms(0, 3, "lr") == uniforms(0, 4, "lr")
        False
    """
    return throw(seed, number, (name,), attempt)[name]


def throw(
    seed: int, number: int, names: Iterable[str], attempt: int = 0
) -> dict[str, tuple[float, float, float, float]]:
    """Returns `uniforms` of several parameters of one trial, by name."""
    counter, rolls = blake2b(_COUNTER.pack(seed, number, attempt), digest_size=32), {}
    for name in names:
        try:
            encoded = name.encode()
        except UnicodeEncodeError:  # a lone surrogate; the general way costs more at each call
            encoded = name.encode("utf-8", "surrogatepass")
        state = counter.copy()
        state.update(encoded)
        a, b, c, d = _FOUR.unpack(state.digest())
        rolls[name] = (a >> 11) * _UNIT, (b >> 11) * _UNIT, (c >> 11) * _UNIT, (d >> 11) * _UNIT
    return rolls


@lru_cache(maxsize=4096)
def permutation(seed: int, name: str, block: int, size: int) -> tuple[int, ...]:
    """Returns a random order of ``range(size)``, the same for the same arguments.

    Args:
        seed: Seed of the search.
        name: Name of the parameter.
        block: Which permutation of the parameter; each is drawn afresh.
        size: Length, at least 1.

    Example:
        >>> sorted(permutation(0, "lr", 0, 5))
        [0, 1, 2, 3, 4]
    """
    # Negative counters keep these draws apart from those of trials.
    keys = [uniforms(seed, -1 - block, name, attempt=-1 - i)[0] for i in range(size)]
    return tuple(sorted(range(size), key=keys.__getitem__))
