"""What the house agreed on, read from the source: how docstrings begin, and what may be named."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tune_bn"


def first_words(tree: ast.AST) -> Iterator[str]:
    """Yields the word that each function's docstring begins with; a property's is a noun."""
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        marks = [ast.unparse(mark) for mark in node.decorator_list]
        is_other = node.name.startswith("test_") or any("property" in mark for mark in marks)
        text = ast.get_docstring(node)
        if text and not is_other:
            yield text.split()[0].rstrip(",;:.")


def commands(words: list[str]) -> set[str]:
    """Returns the words that command, where the same verb tells elsewhere."""
    known = set(words)
    return {word for word in known if {f"{word}s", f"{word}es"} & known}


def test_docstrings_tell_what_a_function_does():
    """``Returns``, never ``Return``, for every verb; the help of a command may ask."""
    folders = ("tune_bn", "benchmarks", "tests", "examples", "docs")
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in files)
    words = [word for tree in trees for word in first_words(tree)]
    assert len(words) > 1000
    assert commands(words) <= {"Tune", "Show", "A", "It"}


def test_the_judge_sees_a_command():
    """One ``Return`` among others, and no noun of a property."""
    source = '''
def f():
    """Return 1."""
def g():
    """Returns 2."""
@property
def h():
    """Name of it."""
def i():
    """Names it."""
'''
    assert commands(list(first_words(ast.parse(source)))) == {"Return"}


# The same thing for its framework, or for its room, may have the same name.
SHARED = {"__init__", "errors", "folder", "search", "space", "stages"}


def repeated(names: list[str]) -> set[str]:
    """Returns the names that come more than once."""
    return {name for name in names if names.count(name) > 1}


def test_no_two_modules_have_one_name():
    """But for those that are the same thing for another framework."""
    names = [path.stem for path in PACKAGE.rglob("*.py")]
    assert len(names) > 100
    assert repeated(names) - SHARED - {"__main__"} == set()
    assert repeated(["a", "b", "a"]) == {"a"}


def test_no_two_classes_have_one_name():
    """Nor the name of what a framework gives us: a callback of Ray's is no ``Study``."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")]
    names = [
        node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    assert repeated(names) == set()
    assert not {"Study", "ResultGrid", "Tuner", "Module", "Sampler", "Searcher"} & set(names)


def test_imports_are_absolute():
    """A moved module keeps its imports, and a reader sees the room in each."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.ImportFrom) or node.level == 0, path


def asserts(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Yields each assert, and whether it only tells a type checker what it cannot see by itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            test = ast.unparse(node.test)
            is_type = test.endswith(" is not None") or test.startswith("isinstance(")
            yield test, is_type and node.msg is None


def test_no_assert_speaks_to_a_user():
    """What a caller can get wrong is an error of its own; the few that are left narrow a type."""
    found = [
        one for path in PACKAGE.rglob("*.py") for one in asserts(ast.parse(path.read_text("utf-8")))
    ]
    assert [test for test, is_type in found if not is_type] == []
    assert len(found) <= 40


def test_the_judge_sees_an_assert_that_speaks():
    """One with a message, and one about a value."""
    source = "assert n > 0\nassert x is not None\nassert isinstance(x, int), 'give an int'"
    assert [is_type for _, is_type in asserts(ast.parse(source))] == [False, True, False]


def test_the_report_asks_a_parameter_what_it_can():
    """It never tells numbers apart by their class: a kind that is added later works everywhere."""
    for path in (PACKAGE / "report").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
                kinds = {getattr(n, "id", "") for n in ast.walk(node.args[1])}
                assert not kinds & {"Float", "Int", "Multiples", "Normal"}, path


# What `plain` does for all, as it looks where it is written again.
OWN_HAND = {
    "one line of an error": r"splitlines\(\)\[|\.strerror|splitlines\(\) or ",
    "a text cut short": r'<= \w+ else f"\{\w+\[:',
    "an atomic file": r"os\.fsync|NamedTemporaryFile",
    "the name of a stage": r"f\"fine \{",
    "the name of a file or an attribute": r"\"(study\.db|best\.json|network\.json)\"",
}


@pytest.mark.parametrize("what", OWN_HAND)
def test_each_is_written_once(what):
    """In the room below all, or where the thing itself lives; used from everywhere."""
    found = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(OWN_HAND[what], path.read_text(encoding="utf-8"))
    ]
    assert len(found) == 1, found
    assert found[0].startswith(("plain/", "core/draws/mark"))
