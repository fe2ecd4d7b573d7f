"""What waits for another module's import, and that the compiler is only waited for by its users."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tune_bn.nn.afterwards import once_imported


@pytest.fixture
def late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package's module that nobody has imported yet."""
    package = tmp_path / "came_late"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "module.py").write_text('"""Late."""\nVALUE = 3\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
    yield "came_late.module"
    for name in ("came_late", "came_late.module"):
        sys.modules.pop(name, None)


def test_a_function_follows_the_import(late: str) -> None:
    """It is called once, right after the import, and nothing of it stays behind."""
    finders = sys.meta_path.copy()
    called: list[int] = []
    once_imported(late, lambda: called.append(sys.modules[late].VALUE))
    assert called == []
    import inspect

    __import__(late)

    assert called == [3]
    assert sys.meta_path == finders
    assert "Late" in inspect.getsource(sys.modules[late])
    once_imported(late, lambda: called.append(4))
    assert called == [3, 4]


def test_looking_for_a_module_is_no_import(late: str) -> None:
    """find_spec, as many use to ask whether something is installed, uses nothing up."""
    import importlib.util

    called: list[int] = []
    once_imported(late, lambda: called.append(1))
    once_imported(late, lambda: called.append(2))
    assert importlib.util.find_spec(late) is not None
    assert called == []
    __import__(late)

    assert sorted(called) == [1, 2]


def test_a_failed_import_can_be_tried_again(late: str, tmp_path: Path) -> None:
    """The function follows the import that succeeds."""
    called: list[int] = []
    once_imported(late, lambda: called.append(1))
    module = tmp_path / "came_late" / "module.py"
    source = module.read_text()
    module.write_text("raise OSError('not now')\n")
    with pytest.raises(OSError, match="not now"):
        __import__(late)
    assert called == []
    module.write_text(source)
    __import__(late)
    assert called == [1]


ORDERS = {
    "compiled before the import": "torch.compile(lambda x: x + 1, backend='eager')(torch.ones(2))",
    "not loaded by the layers": """
import importlib.util
from tune_bn.nn import MLP
MLP(4, 2)(torch.randn(8, 4)).sum().backward()
assert importlib.util.find_spec("torch._dynamo")
assert "torch._dynamo" not in sys.modules
""",
}
ONE_CALL = """
import sys, torch
from torch import nn
{first}
from tune_bn.nn import convert_batchnorm

graphs = []
model = nn.Sequential(nn.BatchNorm1d(4))
compiled = torch.compile(model, backend=lambda m, _: graphs.append(m) or m.forward, fullgraph=True)
convert_batchnorm(model)
compiled(torch.randn(8, 4))
(calls,) = [[n for n in g.graph.nodes if n.op.startswith("call")] for g in graphs]
assert [n.target.__name__ for n in calls] == ["training_step"], calls
"""


@pytest.mark.heavy
@pytest.mark.parametrize("first", ORDERS.values(), ids=ORDERS)
def test_a_compiled_step_is_one_call_whatever_came_first(first: str) -> None:
    """Also where the model was handed to the compiler before it was converted.

    The compiler, which takes a second to import, is loaded by those who compile.
    """
    code = ONE_CALL.format(first=first)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
