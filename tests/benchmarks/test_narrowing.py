"""The README's figure is made by one command."""

from benchmarks.tool.narrowing import main


def test_one_command_writes_the_figure(tmp_path, capsys):
    """A study of a real network is run, and drawn."""
    out = tmp_path / "figure.svg"
    main(["--trials", "3", "--epochs", "1", "--out", str(out)])
    assert out.read_text(encoding="utf-8").startswith("<svg")
    assert "3 trials" in capsys.readouterr().out
