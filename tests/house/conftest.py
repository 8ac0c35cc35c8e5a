"""The house as it stands, read once."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="session")
def structure() -> ModuleType:
    """The command that measures it, as a module."""
    spec = importlib.util.spec_from_file_location("structure", Path(__file__).with_name("structure.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["structure"] = importlib.util.module_from_spec(spec)  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def house(structure: ModuleType) -> Any:
    return structure.read_house(structure.ROOT)
