"""The wheel, and an environment in which nothing of the project is but that wheel.

The dependencies are not installed again, all 6 GB of them: that environment sees those of the environment that runs the
tests, by a .pth file, which reads folders but not the link to the source tree that lies in them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = sorted(init.parent.name for init in ROOT.glob("*/__init__.py"))


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


def build_wheel(source: Path) -> Path:
    """Built in `source`, an empty folder, from a copy: so nothing that an earlier build left behind gets into it."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    build: list[str | Path] = [sys.executable, "-m", "build", "--no-isolation", "--wheel", source]
    done = subprocess.run(build, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    [built] = (source / "dist").glob("facejoin-*.whl")
    return built


def install_wheel(wheel: Path, folder: Path) -> Environment:
    """A virtual environment in `folder`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], check=True, timeout=120)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Environment(folder)
