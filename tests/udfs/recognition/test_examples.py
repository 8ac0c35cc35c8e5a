"""The usage examples in docstrings do what they say."""

import doctest
from importlib import import_module

import pytest

ROOM = "facejoin.udfs.recognition"
MODULES = ("assign", "score", "nonface_filter", "training.train", "audit.findings")


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_are_right(module: str) -> None:
    results = doctest.testmod(import_module(f"{ROOM}.{module}"))
    assert results.attempted > 0
    assert results.failed == 0
