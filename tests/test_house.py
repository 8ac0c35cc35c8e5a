"""The house's rules, read from the source: which room may import which, and what is done in one place only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("conf", "udfs", "jobs", "viewer")
ROOMS = ("web", "vision", "recognition")
SOURCES = {str(path.relative_to(ROOT)): path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))}
TREES = {name: ast.parse(path.read_text()) for name, path in SOURCES.items()}


def imports(name: str) -> Iterator[str]:
    """Full names of what a file imports, wherever it does; `from a import b` is a.b."""
    package = ("facejoin", *Path(name).parent.parts)
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = package[: len(package) + 1 - node.level] if node.level else ()
            yield from (".".join([*here, *filter(None, [node.module]), alias.name]) for alias in node.names)


def imported_by(folder: str) -> Iterator[tuple[str, str]]:
    """(file, what it imports) of a folder and those below."""
    found = [(name, module) for name in TREES if name.startswith(f"{folder}/") for module in imports(name)]
    assert found, f"nothing is imported in {folder}"
    yield from found


def is_of(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """(dotted name, call)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_no_spark(room: str) -> None:
    spark = [use for use in imported_by(f"udfs/{room}") if is_of(use[1], "pyspark") or is_of(use[1], "delta")]
    assert spark == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_itself_and_the_settings(room: str) -> None:
    allowed = (f"facejoin.udfs.{room}", "facejoin.conf.settings")
    ours = [use for use in imported_by(f"udfs/{room}") if is_of(use[1], "facejoin")]
    assert [use for use in ours if not any(is_of(use[1], package) for package in allowed)] == []


def test_what_executors_run_imports_no_job() -> None:
    above = ("facejoin.jobs", "facejoin.viewer")
    assert [use for use in imported_by("udfs") if any(is_of(use[1], package) for package in above)] == []


def test_the_settings_and_schemas_import_nothing_of_the_house_but_each_other() -> None:
    ours = [use for use in imported_by("conf") if is_of(use[1], "facejoin")]
    assert [use for use in ours if not is_of(use[1], "facejoin.conf")] == []


def test_delta_is_named_where_tables_are_read_and_written_only() -> None:
    named = set()
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            table = isinstance(node, ast.Name | ast.alias) and getattr(node, "id", getattr(node, "name", "")) in (
                "DeltaTable",
                "delta",
            )
            if table or (isinstance(node, ast.Call) and "format('delta')" in ast.unparse(node.func)):
                named.add(name)
    assert named == {"jobs/tables.py"}


PICKLES = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal")


def test_nothing_is_pickled() -> None:
    assert [
        (name, module)
        for name in TREES
        for module in imports(name)
        if any(is_of(module, package) for package in PICKLES)
    ] == []


def keyword(call: ast.Call, name: str) -> object:
    return next((ast.literal_eval(word.value) for word in call.keywords if word.arg == name), None)


def test_torch_loads_weights_only_and_numpy_no_objects() -> None:
    loads = [(name, called, call) for name, tree in TREES.items() for called, call in calls(tree)]
    torch_loads = [(name, call) for name, called, call in loads if called == "torch.load"]
    assert torch_loads and all(keyword(call, "weights_only") is True for _, call in torch_loads)
    numpy_loads = [(name, call) for name, called, call in loads if called in ("np.load", "numpy.load")]
    assert numpy_loads and all(keyword(call, "allow_pickle") is False for _, call in numpy_loads)


def test_yaml_is_loaded_safely_and_nothing_is_evaluated() -> None:
    unsafe = ("yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec", "os.system", "__import__")
    assert [(name, called) for name, tree in TREES.items() for called, _ in calls(tree) if called in unsafe] == []


def test_nothing_is_printed() -> None:
    assert [
        (name, call.lineno) for name, tree in TREES.items() for called, call in calls(tree) if called == "print"
    ] == []


def test_every_module_and_every_package_of_modules_says_what_it_is_for() -> None:
    silent = [name for name, tree in TREES.items() if tree.body and ast.get_docstring(tree) is None]
    assert silent == []
