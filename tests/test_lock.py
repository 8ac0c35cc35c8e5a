"""requirements.lock: everything that `make setup` installs, by version and hash."""

from __future__ import annotations

import ast
import re
import runpy
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import setuptools
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
ENTRIES = re.split(r"\n(?=\S)", re.sub(r"^ *#.*\n", "", LOCK, flags=re.MULTILINE).strip())
OTHERS_OWN = {"_typeshed", "py4j"}  # mypy's, for types alone; pyspark's, which pins its version
LOCKED = [Requirement(entry.partition("\\")[0]) for entry in ENTRIES]


def here(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Requirement]]:
    """What setup.py asks for to run and to develop, and pyproject.toml to build."""
    given: dict[str, Any] = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(setuptools, "setup", lambda **arguments: given.update(arguments))
    runpy.run_path("setup.py")
    backend = tomllib.loads(Path("pyproject.toml").read_text())["build-system"]["requires"]
    lines = {"run": given["install_requires"], "develop": given["extras_require"]["dev"], "build": backend}
    return {purpose: [Requirement(line) for line in asked] for purpose, asked in lines.items()}


def test_what_the_code_imports_is_asked_for(asked_for: dict[str, list[Requirement]]) -> None:
    trees = [ast.parse(path.read_text()) for room in ROOT.glob("*/__init__.py") for path in room.parent.rglob("*.py")]
    imports = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom) and not node.level}
    foreign = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"facejoin"} - OTHERS_OWN
    owners = packages_distributions()
    to_run = {canonicalize_name(asked.name) for asked in asked_for["run"]}
    assert [name for name in sorted(foreign) if not to_run & set(map(canonicalize_name, owners.get(name, [])))] == []


def test_everything_that_is_asked_for_is_locked(asked_for: dict[str, list[Requirement]]) -> None:
    locked = {canonicalize_name(pin.name): pin.specifier for pin in LOCKED if here(pin)}
    missing = []
    for asked in filter(here, chain(*asked_for.values())):
        pin = locked.get(canonicalize_name(asked.name))
        if pin is None or not asked.specifier.contains(str(pin).removeprefix("==")):
            missing.append(f"{asked}: locked is {pin}")
    assert missing == [], "run `make lock`"


def test_every_entry_is_one_version_with_a_hash() -> None:
    hashed = re.compile(r"[\w.-]+==[\w.+!-]+( ; .+)? \\\n +--hash=sha256:[0-9a-f]{64}\b")
    assert [entry for entry in ENTRIES if not hashed.match(entry)] == []


def test_no_entry_says_where_it_comes_from() -> None:
    assert re.findall(r"(?m)^-.*|\S*://\S*", LOCK) == []


def test_what_is_installed_is_what_is_locked() -> None:
    installed = {pin.name: version(pin.name) for pin in LOCKED if here(pin)}
    other = [
        f"{pin}: {installed[pin.name]}" for pin in filter(here, LOCKED) if installed[pin.name] not in pin.specifier
    ]
    assert other == [], "run `make setup`"
