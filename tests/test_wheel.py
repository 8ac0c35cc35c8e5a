"""The wheel: complete, and enough to run the demo without the source tree.

It is installed into an empty virtual environment of its own (tests/support/wheel_environment.py), from which the demo's
own tests run too (tests/end_to_end/).

Proven: the wheel holds all modules and data files and nothing else, and the command, the page and what executors import
come from it alone. Not proven: that what it asks for is enough for an environment with nothing else. That much is held
by `test_what_the_code_imports_is_asked_for` in test_lock.py.
"""

from __future__ import annotations

import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from wheel_environment import ROOMS, ROOT, Environment

pytestmark = pytest.mark.slow

WHERE_FROM = """
import importlib.util, pkgutil, facejoin
found = pkgutil.walk_packages(facejoin.__path__, "facejoin.")
print(*(importlib.util.find_spec(module.name).origin for module in found), sep="\\n")
"""


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


def test_every_module_is_found_in_its_own_environment(wheel_environment: Environment) -> None:
    modules = [Path(line) for line in wheel_environment.run("python", "-c", WHERE_FROM).splitlines()]
    assert len(modules) == sum(len(list((ROOT / room).rglob("*.py"))) for room in ROOMS)
    assert [module for module in modules if wheel_environment.folder not in module.parents] == []


def test_the_command_runs_from_it(wheel_environment: Environment) -> None:
    assert "demo" in wheel_environment.run("facejoin", "--help")
