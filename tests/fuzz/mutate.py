"""Damage to a file, byte by byte or part by part; each a function of a `random.Random`."""

import copy
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["NUMBERS", "TEXTS", "damaged", "damaged_json", "spoiled_text"]

NUMBERS: Sequence[Any] = (
    0,
    -1,
    1,
    0.5,
    -0.0,
    2**31,
    2**63,
    2**64,
    10**30,
    10**400,
    -(10**400),
    5e-324,
    1e308,
    -1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    True,
    False,
)
TEXTS: Sequence[str] = (
    "",
    " ",
    "x",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "0x10",
    "1_0",
    "١٢",
    "\x00",
    "\ud800",
    "a" * 5000,
    "\x1b]0;title\x07",
    "\u202egnp.exe",
    "<script>",
    "[red]",
    "=1+1",
    "/",
    "../../etc",
    "float",
    "relu",
    "None",
)


def damaged(rng: random.Random, data: bytes, other: bytes = b"") -> bytes:
    """Returns the bytes after one to six changes; ``other`` is what may be spliced in."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        rng.choice(_CHANGES)(rng, found, other)
    return bytes(found)


def _span(rng: random.Random, data: bytearray, longest: int = 64) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(start + rng.randrange(1, longest), len(data))


def _flip(rng: random.Random, data: bytearray, _: bytes) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(rng: random.Random, data: bytearray, _: bytes) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.choice((0, 1, 0x22, 0x2C, 0x0A, 0x0D, 0x7F, 0x80, 255))


def _number(rng: random.Random, data: bytearray, _: bytes) -> None:
    size = rng.choice((2, 4, 8))
    value = rng.choice((0, 1, -1, 2 ** (8 * size - 1) - 1, 2**15, 10**6, 2 ** (4 * size)))
    start, _end = _span(rng, data)
    encoded = (value % 2 ** (8 * size)).to_bytes(size, rng.choice(("little", "big")))
    data[start : start + size] = encoded


def _delete(rng: random.Random, data: bytearray, _: bytes) -> None:
    start, end = _span(rng, data)
    del data[start:end]


def _repeat(rng: random.Random, data: bytearray, _: bytes) -> None:
    start, end = _span(rng, data)
    data[start:end] = data[start:end] * rng.choice((2, 3, 50))


def _insert(rng: random.Random, data: bytearray, _: bytes) -> None:
    start, _end = _span(rng, data)
    data[start:start] = rng.randbytes(rng.randrange(1, 20))


def _cut(rng: random.Random, data: bytearray, _: bytes) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _splice(rng: random.Random, data: bytearray, other: bytes) -> None:
    start, _end = _span(rng, data)
    data[start:] = other[rng.randrange(len(other) + 1) :]


_CHANGES: Sequence[Callable[[random.Random, bytearray, bytes], None]] = (
    _flip,
    _flip,
    _set,
    _number,
    _delete,
    _repeat,
    _insert,
    _cut,
    _splice,
)


def damaged_json(rng: random.Random, document: Any) -> str:
    """Returns a JSON document as text after one to five of its parts were changed."""
    box = [copy.deepcopy(document)]
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        places = list(_places(box))
        parent, key = rng.choice(places)
        _change_part(rng, parent, key, places)
    return json.dumps(box[0])


def _places(node: Any) -> Any:
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in items:
        yield node, key
        if isinstance(child, (dict, list)):
            yield from _places(child)


def _change_part(
    rng: random.Random, parent: Any, key: Any, places: Sequence[tuple[Any, Any]]
) -> None:
    if isinstance(parent, (dict, list)) and (key in parent if isinstance(parent, dict) else True):
        what = rng.randrange(9)
        if isinstance(parent, list) and key >= len(parent):
            return
        if what == 0 and len(places) > 1:
            del parent[key]
            if isinstance(parent, list) and not parent and parent is places[0][0]:
                parent.append(None)
        elif what == 1:
            other, at = rng.choice(places)
            if (isinstance(other, dict) and at in other) or (
                isinstance(other, list) and at < len(other)
            ):
                parent[key] = copy.deepcopy(other[at])
        elif what == 2 and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif what == 3 and isinstance(parent, dict):
            parent[rng.choice(TEXTS)] = parent.pop(key)
        elif what == 4:
            parent[key] = rng.choice(([], {}, [[]], {"a": 1}, None, [0, 1], [[0, 1]]))
        elif what == 5:
            parent[key] = rng.choice(TEXTS)
        elif what == 6 and isinstance(parent[key], (int, float)) and parent[key] == parent[key]:
            parent[key] = _near(rng, parent[key])
        else:
            parent[key] = rng.choice(NUMBERS)


def _near(rng: random.Random, value: Any) -> Any:
    try:
        return rng.choice((value + 1, value - 1, -value, value * 1000, float(value), str(value)))
    except OverflowError:
        return 0


def spoiled_text(rng: random.Random, text: str) -> bytes:
    """Returns a text as bytes, now and then in another encoding, nested too deep, or cut."""
    what = rng.randrange(20)
    if what == 0:
        place = rng.randrange(len(text) + 1)
        depth = rng.choice((50, 900, 5000, 100_000))
        opening = rng.choice(("[", '{"a":', '[{"a":'))
        text = text[:place] + opening * depth + text[place:]
    elif what == 1:
        depth = rng.choice((500, 2000, 20_000))
        place = max(text.rfind(":", 0, rng.randrange(1, len(text) + 1)), 0) + 1
        text = text[:place] + "[" * depth + "]" * depth + "," + text[place:]
    data = text.encode("utf-8", "surrogatepass")
    if what == 2:
        return b"\xef\xbb\xbf" + data
    if what == 3:
        return text.encode(rng.choice(("utf-16", "utf-32", "utf-7")), "replace")
    if what == 4:
        return data.replace(b'"', b'"\x00', 1)
    if what == 5:
        digits = rng.choice((400, 4299, 5000, 200_000))
        return data.replace(b"0", b"9" * digits, 1)
    if what in (6, 7):
        return damaged(rng, data, data)
    return data
