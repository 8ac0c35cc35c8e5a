"""The wheel: complete, and enough to run the demo without the source tree.

It is installed into an empty virtual environment of its own. Its dependencies are not installed again, all 6 GB of
them: that environment sees those of the environment that runs the tests, by a .pth file, which reads folders but not
the link to the source tree that lies in them.

Proven: the wheel holds all modules and data files and nothing else, and the command, the page and what executors import
come from it alone. Not proven: that what it asks for is enough for an environment with nothing else. That much is held
by `test_what_the_code_imports_is_asked_for` in test_lock.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.spark]

ROOT = Path(__file__).parents[1]
ROOMS = sorted(init.parent.name for init in ROOT.glob("*/__init__.py"))
WHERE_FROM = """
import importlib.util, pkgutil, facejoin
found = pkgutil.walk_packages(facejoin.__path__, "facejoin.")
print(*(importlib.util.find_spec(module.name).origin for module in found), sep="\\n")
"""


@dataclass(frozen=True)
class Environment:
    folder: Path

    def run(self, program: str, *arguments: str | Path) -> str:
        """What a program of this environment prints, started in a folder that has nothing to do with the source."""
        outer = ("PYTHON", "PYSPARK", "SPARK_", "VIRTUAL_ENV")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
        command: list[str | Path] = [self.folder / "bin" / program, *arguments]
        done = subprocess.run(command, cwd=self.folder, env=clean, capture_output=True, text=True, timeout=1200)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing that an earlier build left behind gets into it."""
    source = tmp_path_factory.mktemp("source")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    build: list[str | Path] = [sys.executable, "-m", "build", "--no-isolation", "--wheel", source]
    done = subprocess.run(build, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    [built] = (source / "dist").glob("facejoin-*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], check=True, timeout=120)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Environment(folder)


def test_it_holds_every_module_and_data_file_and_nothing_else(wheel: Path) -> None:
    files = (path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file())
    source = {f"facejoin/{path.relative_to(ROOT)}" for path in files if "__pycache__" not in path.parts}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert sorted(source - held) == []
    assert sorted(held - source) == []


def test_it_names_its_licence_and_carries_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        about = Parser().parsestr(files.read(f"{'-'.join(wheel.name.split('-')[:2])}.dist-info/METADATA").decode())
        held = {Path(name).name: files.read(name).decode() for name in files.namelist() if "/licenses/" in name}
    assert about["License-Expression"] == "Apache-2.0"
    assert held == {name: (ROOT / name).read_text() for name in ("LICENSE", "NOTICE")}


def test_every_module_is_found_in_its_own_environment(environment: Environment) -> None:
    modules = [Path(line) for line in environment.run("python", "-c", WHERE_FROM).splitlines()]
    assert len(modules) == sum(len(list((ROOT / room).rglob("*.py"))) for room in ROOMS)
    assert [module for module in modules if environment.folder not in module.parents] == []


def test_the_command_runs_from_it(environment: Environment) -> None:
    assert "demo" in environment.run("facejoin", "--help")


def test_the_demo_runs_from_it(environment: Environment) -> None:
    environment.run("facejoin", "demo", "--out", "demo")
    report = json.loads((environment.folder / "demo" / "report.json").read_text())
    assert report["photos"] == report["results"] > 0
    assert report["rank1"] == 1.0
    assert (environment.folder / "demo" / "site" / "index.html").is_file()
