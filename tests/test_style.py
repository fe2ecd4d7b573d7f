"""What the house agreed on, read from the source: how docstrings begin, and what may be named."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tune_bn"
TREES = [
    ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("tune_bn", "benchmarks", "tests", "examples", "docs")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


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
    words = [word for tree in TREES for word in first_words(tree)]
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
