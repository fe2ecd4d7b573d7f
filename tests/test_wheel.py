"""What is released: the files of the wheel, its version, and the floors that it asks for."""

import re
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.version import Version

import tune_bn
from tests.support.wheel import ROOT, build_sdist, build_wheel, files_of

SECRETS = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|ghp_[0-9A-Za-z]{36}")
FOLDERS = (ROOT / "tests" / "wheel.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this tree."""
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_package(wheel):
    """Every source file of the package, in the folders that are listed, and nothing else."""
    package = [p for p in (ROOT / "tune_bn").rglob("*") if p.suffix in (".py", ".css", ".js")]
    files = [name for name in files_of(wheel) if ".dist-info/" not in name]
    expected = {p.relative_to(ROOT).as_posix() for p in package} | {"tune_bn/py.typed"}
    assert set(files) == expected
    assert sorted({str(Path(name).parent) for name in files}) == FOLDERS


def test_nothing_strange_is_in_the_wheel(wheel):
    """The package and its metadata, no tests, no caches, no rows."""
    for name in files_of(wheel):
        require_wanted(name)


def test_the_wheel_holds_no_key(wheel):
    """No file has a key or a token in it, and the judge can fail."""
    with zipfile.ZipFile(wheel) as archive:
        assert not any(SECRETS.search(archive.read(name)) for name in archive.namelist())
    assert SECRETS.search(b"-----BEGIN RSA " + b"PRIVATE KEY-----")


@pytest.mark.parametrize(
    "name", ["study.db", "model.pt", "notes.ipynb", ".env", "run.log", "key.pem", "rows.jsonl"]
)
def test_a_stray_file_is_seen(name):
    """The judge of names refuses what may lie about in a working folder."""
    with pytest.raises(AssertionError):
        require_wanted(f"tune_bn/{name}")


def require_wanted(name: str) -> None:
    """Fails for a name that is not of the package or its metadata."""
    assert name.startswith(("tune_bn/", "tune_bn-VERSION.dist-info/")), name
    assert name.endswith((".py", ".typed", ".css", ".js")) or "dist-info" in name
    assert not re.search(r"test|cache|benchmark|\.venv", name), name


def test_the_wheel_is_small(wheel):
    """A download of a moment."""
    assert wheel.stat().st_size <= 550_000


def test_the_sdist_builds_the_same_wheel(wheel, tmp_path):
    """Whoever builds from the source distribution gets the same files, byte for byte."""
    again = build_wheel(build_sdist(ROOT, tmp_path), tmp_path)
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert one.namelist() == other.namelist()
        assert [one.read(n) for n in one.namelist()] == [other.read(n) for n in one.namelist()]


def metadata(wheel: Path):
    """Returns the wheel's metadata, as a message."""
    with zipfile.ZipFile(wheel) as file:
        (name,) = (n for n in file.namelist() if n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(file.read(name).decode())


def test_the_version_is_in_one_place(wheel):
    """The wheel has the version of the package; the changelog knows it, or holds it back."""
    version = metadata(wheel)["Version"]
    assert version == tune_bn.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"(?m)^## \[(.*?)\]", changelog)
    assert headings[0] in ("Unreleased", version)
    mentions = [
        p
        for p in (ROOT / "pyproject.toml", ROOT / "mkdocs.yml", ROOT / "Makefile")
        if version in p.read_text(encoding="utf-8")
    ]
    assert mentions == []


def pins(file: str) -> dict[str, list[Requirement]]:
    """Returns the pinned versions of a constraints file, by name."""
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            found.setdefault(requirement.name, []).append(requirement)
    return found


def version_of(requirement: Requirement) -> str:
    """Returns the one version that a requirement names."""
    (specifier,) = requirement.specifier
    return specifier.version


def test_the_floors_that_are_tested_are_those_that_are_asked_for(wheel):
    """Every dependency stands in constraints-floor.txt, with the oldest version that is allowed."""
    floors, exact = pins("constraints-floor.txt"), pins("constraints.txt")
    asked = [Requirement(line) for line in metadata(wheel).get_all("Requires-Dist")]
    asked = [r for r in asked if r.name not in ("tune-bn", "torch")]
    assert {r.name for r in asked} <= set(floors)
    assert set(floors) <= set(exact)  # the merge of the two files goes by the name's spelling
    for requirement in asked:
        (specifier,) = requirement.specifier
        assert specifier.operator == ">="
        floor = version_of(floors[requirement.name][0])
        assert Version(specifier.version) == Version(floor), requirement


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-floor.txt"])
@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_a_package_has_one_version_for_each_python(file, python):
    """The markers of two pins of one package never both hold."""
    environment = {**default_environment(), "python_version": python}
    for name, requirements in pins(file).items():
        held = [r for r in requirements if r.marker is None or r.marker.evaluate(environment)]
        assert len(held) <= 1, name
