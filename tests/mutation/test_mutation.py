"""The tests of the core notice when it is broken; ``make test-mutation`` breaks it 70 times."""

import ast

from tests.mutation.mutants import Mutant, all_changes, all_mutants, chosen_mutants
from tests.mutation.run import (
    EQUIVALENT,
    is_caught,
    sources,
    verdict,
    why_equivalent,
    working_copy,
)

SOURCE = '''
"""Text."""
__all__ = ["f"]
class A:
    x: int = 3
def f(a: int, b: int = 1) -> int:
    """Text."""
    if a < b and not a:
        raise ValueError(f"{a + 1}")
    a += 2
    return max(a, -b)
'''


def test_every_mutant_differs_in_one_place():
    """Each is Python, and none is another; messages, annotations and options' defaults stay."""
    found = [mutant.source for mutant in all_mutants(SOURCE)]
    assert len(found) == len(set(found)) >= 8
    sound = ast.unparse(ast.parse(SOURCE))
    for text in found:
        ast.parse(text)
        assert text != sound
        assert "x: int = 3" in text
        assert "f'{a + 1}'" in text


def test_one_seed_one_choice():
    """A survivor can be looked at again."""
    one, again = (chosen_mutants(sources(), 12, seed=1) for _ in range(2))
    assert one == again
    assert {module for module, _ in one} < sources().keys()


def test_the_variants_that_change_nothing_exist():
    """Each function that is excused is still there, and may still be changed so."""
    texts = sources()
    found = [
        (module, function, what)
        for module in {module for module, _, _ in EQUIVALENT}
        for function, _, what in all_changes(texts[module])
    ]
    assert all(found.count(key) >= 1 for key in EQUIVALENT), EQUIVALENT.keys() - set(found)
    (module, function, what), why = next(iter(EQUIVALENT.items()))
    assert why_equivalent(module, Mutant(function, 1, what, "")) == why
    assert why_equivalent(module, Mutant(f"{function}s", 1, what, "")) is None


def test_changes_are_those_of_the_mutants():
    """The list without the texts is the list with them."""
    assert all_changes(SOURCE) == [(m.function, m.line, m.what) for m in all_mutants(SOURCE)]


def test_a_sound_core_is_not_caught(tmp_path):
    """The copy of the tree passes as it is, and fails once it is broken."""
    copy = working_copy(tmp_path)
    tests = ["tests/core/draws/test_dice.py"]
    sound = sources()["draws/dice"]
    assert not is_caught(copy, "draws/dice", Mutant("", 0, "nothing", sound), tests)
    assert is_caught(copy, "draws/dice", Mutant("", 0, "all", "raise ValueError"), tests)


def test_the_verdict():
    """Seven of ten are enough, of those that change something."""
    assert verdict(7, 0, 10) is None
    assert verdict(7, 2, 12) is None
    assert "write some more" in str(verdict(6, 0, 10))
