"""Digests of trials' values, by which a mark knows the trials that it names by their content."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from struct import Struct
from typing import Any
from zlib import crc32

from tune_bn.core.errors import SpaceError
from tune_bn.core.space import Parameter

__all__ = ["NOTHING", "digest_of", "trial_digest"]

NOTHING = "00000000"
"""The digest of no trial."""

_DOUBLE = Struct("<d").pack


def _code(parameter: Parameter | None, value: Any) -> bytes:
    """Returns bytes that stand for a value, the same in every storage."""
    try:
        return _DOUBLE(value)
    except OverflowError:  # an integer that no float holds
        return str(value).encode()
    except Exception:
        pass
    if parameter is not None and parameter.is_unordered:
        try:
            return _DOUBLE(parameter.position(value))
        except SpaceError:
            return b"?"
    return value.encode("utf-8", "replace") if isinstance(value, str) else b"?"


@lru_cache(maxsize=64)
def _in_order(names: tuple[str, ...]) -> tuple[tuple[str, ...], bytes, Callable[..., bytes]]:
    """Returns names in order, what stands for them, and what packs as many numbers."""
    ordered = tuple(sorted(names))
    return (
        ordered,
        "\0".join(ordered).encode("utf-8", "surrogatepass"),
        Struct(f"<{len(names)}d").pack,
    )


def trial_digest(params: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> int:
    """Returns a digest of a trial's values, of 32 bits."""
    names, head, pack = _in_order(tuple(params))
    values = [params[name] for name in names]
    try:
        data = pack(*values)  # as nearly always: numbers, of whatever type
    except Exception:
        data = b"".join(map(_code, map(parameters.get, names), values))
    return crc32(data, crc32(head))


def digest_of(digests: Iterable[int]) -> str:
    """Returns the digest of several trials, whatever their order, from the digest of each."""
    return f"{sum(digests) & 0xFFFFFFFF:08x}"
