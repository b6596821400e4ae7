"""What reaches site-packages: the five packages, typed and with their data, and nothing else."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import tinygrad_lite

ROOT = Path(__file__).parents[1]
SOURCES = {"tinygrad_lite": "tinygrad_lite", "nn": "tinygrad_lite/nn", "datasets": "tinygrad_lite/datasets"}
PACKAGES = ["tinygrad_lite", *(f"tinygrad_lite.{wing}" for wing in (
    "engine ops compositions optim explanation replay testing app nn datasets").split())]
EXTRAS = {"autograd", "cupy", "hypothesis", "matplotlib", "mygrad", "pooch", "requests", "safetensors", "torch", "tqdm"}

pytestmark = pytest.mark.xdist_group("packaging")  # in one process, so that the wheels are built once

SCRIPT = """
import tinygrad_lite as tl
import tinygrad_lite.datasets
from tinygrad_lite import nn, optim

tl.manual_seed(0)
x = tl.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = tl.tensor([[0.0], [1.0], [1.0], [2.0]])
model = nn.Linear(2, 1)
optimizer = optim.SGD(model.parameters(), lr=0.3)
for _ in range(200):
    optimizer.zero_grad()
    loss = ((model(x) - y) ** 2).mean()
    loss.backward()
    optimizer.step()
assert loss.item() < 1e-4, loss.item()
print(tl.__file__, nn.__file__, tinygrad_lite.datasets.__file__, sep="\\n")
"""

SHADOWED = """
import importlib, pkgutil, sys, types

package = importlib.import_module(sys.argv[1])
names = [module.name for module in pkgutil.iter_modules(package.__path__)]
print([name for name in names if not isinstance(getattr(package, name, package), types.ModuleType)])
"""


def run(*command: str | Path, **env: str) -> str:
    """Standard output of a Python command, run outside the repository."""
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **env}
    command = (sys.executable, *command)
    process = subprocess.run(command, cwd=ROOT.anchor, env=env, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def checkout(folder: Path, *, symlinks: bool = True) -> Path:
    """A copy to build from, so that no build/ is left behind or picked up."""
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.name in (*SOURCES, "benchmarks", "docs", "tests"):
            shutil.copytree(path, folder / path.name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.is_file():
            shutil.copy(path, folder)
    if not symlinks:
        (folder / "tinygrad_lite" / "nn").unlink(missing_ok=True)
        (folder / "tinygrad_lite" / "datasets").unlink(missing_ok=True)
    return folder


def build(source: Path, *options: str) -> Path:
    run("-m", "build", "--no-isolation", *options, source)
    return source / "dist"


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def modules_and_data() -> dict[str, str]:
    """Every file of the package: where it stands in the repository -> where it is installed.

    It is read off the folders, not off pyproject.toml: a new folder that is missing there fails here.
    """
    files = {}
    for folder, installed in SOURCES.items():
        for path in (ROOT / folder).rglob("*"):  # does not follow the symlinks
            relative = path.relative_to(ROOT / folder)
            data = path.parent == ROOT / "datasets" / "data"
            if path.is_file() and (path.suffix in (".py", ".pyi") or path.name == "py.typed" or data):
                files[f"{folder}/{relative.as_posix()}"] = f"{installed}/{relative.as_posix()}"
    return files


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and the wheel made from it."""
    return build(checkout(tmp_path_factory.mktemp("dist") / "source"))


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel installed."""
    target = tmp_path_factory.mktemp("site")
    run("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", target, wheel)
    return target


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    version = tinygrad_lite.__version__
    assert wheel.name == f"tinygrad_lite-{version}-py3-none-any.whl"
    info = f"tinygrad_lite-{version}.dist-info"
    licences = ("licenses/LICENSE", "licenses/datasets/data/NOTICE.md")
    metadata = {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "top_level.txt", *licences)}
    files = content(wheel)
    assert set(files) == set(modules_and_data().values()) | metadata
    assert files[f"{info}/top_level.txt"].split() == [b"tinygrad_lite"]


def test_the_sdist_holds_what_the_wheel_is_made_of(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames() if not archive.getmember(name).isdir()}
    names = {name for name in names if not name.startswith("tinygrad_lite.egg-info/")}
    house = {"LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg"}
    assert names == set(modules_and_data()) | house


@pytest.mark.parametrize("symlinks", [True, False])
def test_the_build_does_not_depend_on_the_symlinks(wheel: Path, tmp_path: Path, symlinks: bool) -> None:
    dist = build(checkout(tmp_path / "source", symlinks=symlinks), "--wheel")
    assert content(dist / wheel.name) == content(wheel)


def test_the_metadata_names_licences_and_requirements(wheel: Path) -> None:
    (metadata,) = (text.decode() for name, text in content(wheel).items() if name.endswith("/METADATA"))
    lines = metadata.splitlines()
    assert "License-Expression: MIT AND CC-BY-SA-3.0" in lines
    assert "Requires-Python: >=3.11" in lines
    requirements = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
    assert [line for line in requirements if "extra ==" not in line] == ["numpy>=2.0"]
    cupy = [line.partition("; extra == ")[2] for line in requirements if "cupy" in line or "cuda" in line]
    assert cupy == ['"cuda12"', '"cuda13"']  # never in "all": the two conflict


def test_the_installed_wheel_trains(site: Path) -> None:
    assert {path.name for path in site.iterdir() if path.suffix != ".dist-info"} == {"tinygrad_lite"}
    for file in run("-W", "error", "-c", SCRIPT, PYTHONPATH=str(site)).split():
        assert Path(file).is_relative_to(site)


def test_the_installed_command_line_answers(site: Path) -> None:
    assert "train" in run("-W", "error", "-m", "tinygrad_lite", "--help", PYTHONPATH=str(site))


def test_importing_loads_no_extra(site: Path) -> None:
    loaded = run("-c", "import sys, tinygrad_lite; print(*sys.modules)", PYTHONPATH=str(site)).split()
    assert "tinygrad_lite" in loaded
    assert EXTRAS.isdisjoint(loaded)


def test_importing_loads_little_above_numpy(site: Path) -> None:
    """What it costs is counted, not timed: half of NumPy's own import (`python -m benchmarks.importing`)."""
    names = "import numpy, sys; before = {*sys.modules}; import tinygrad_lite; print(*({*sys.modules} - before))"
    loaded = run("-c", names, PYTHONPATH=str(site)).split()
    wings = {name.split(".")[1] for name in loaded if name.startswith("tinygrad_lite.")}
    assert wings.isdisjoint({"app", "datasets", "explanation", "program", "replay", "saving", "testing"})
    others = {name.split(".")[0] for name in loaded} - {"tinygrad_lite"}
    assert others <= {"_bisect", "bisect", "copy", "dataclasses", "org", "threading"}, "load it where it is used"


def test_what_is_loaded_late_is_there(site: Path) -> None:
    script = """
import sys, tinygrad_lite as tg
assert {"explain", "capture", "testing", "save", "Program"} <= {*dir(tg)}
assert not any(name.startswith("_") for name in dir(tg))
from tinygrad_lite import explain, testing
assert tg.testing.gradcheck is testing.gradcheck and tg.explain is explain
try:
    tg.explan
except AttributeError as error:
    print(error)
"""
    assert run("-c", script, PYTHONPATH=str(site)) == "module 'tinygrad_lite' has no attribute 'explan'\n"


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_and_modules_do_not_shadow_each_other(site: Path, package: str) -> None:
    """Importing the submodule `explain` would replace the function `explain` of its package."""
    # In a fresh process: once something has imported the submodule, the function is gone and nothing is left to see.
    assert run("-c", SHADOWED, package, PYTHONPATH=str(site)) == "[]\n"


def test_every_module_is_imported_once() -> None:
    """Never as `nn.linear` beside `tinygrad_lite.nn.linear`: there would be two classes of each name."""
    names: dict[Path, list[str]] = {}
    for name, module in list(sys.modules.items()):
        path = Path(getattr(module, "__file__", None) or "?").resolve()
        if any(path.is_relative_to(ROOT / folder) for folder in SOURCES):
            names.setdefault(path, []).append(name)
    assert names
    assert not {path: seen for path, seen in names.items() if len(seen) > 1}
    assert not {"nn", "datasets"} & set(sys.modules)
