"""The house's rules, read from the source: which room may import which, and what is done in one place only."""

import ast
from collections.abc import Iterator

import pytest

# From the ground up: a folder imports itself and those on lower floors.
FLOORS = (
    {"conf"},
    {"udfs.web", "udfs.vision.engines", "udfs.recognition", "udfs.traces"},
    {"udfs.vision.detection", "udfs.vision.embedding", "udfs.recognition.audit", "udfs.recognition.training"},
    {"udfs.vision"},
    {"udfs", "viewer", "jobs.evaluate.measures"},
    {"jobs.store"},
    {"jobs.downloads", "jobs.folders", "jobs.hosts", "jobs.lists", "jobs.site"},
    {"jobs.gallery", "jobs.erasure", "jobs.waves"},
    {"jobs.evaluate", "jobs.watch"},
    {"jobs"},
    {"demo"},
    {"cli"},
)
FLOOR_OF = {folder: floor for floor, folders in enumerate(FLOORS) for folder in folders}
ROOMS = (
    "udfs.web",
    "udfs.vision",
    "udfs.recognition",
    "udfs.traces",
    "jobs.evaluate.measures",
)  # without Spark, without neighbours
SPARKLESS = (*ROOMS, "viewer")


@pytest.fixture(scope="session")
def trees(house) -> dict[str, ast.Module]:
    return house.trees


def folder_of(module: str) -> str:
    return module.rpartition(".")[0]


def is_of(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def imports(trees, package: str) -> Iterator[tuple[str, str]]:
    """(module, full name that it imports, wherever it does) of a package and those below; `from a import b` is a.b."""
    for module in (module for module in trees if is_of(module, package)):
        for node in ast.walk(trees[module]):
            if isinstance(node, ast.Import):
                yield from ((module, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield from ((module, f"{node.module}.{alias.name}") for alias in node.names)


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """(dotted name, call)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_every_folder_has_its_floor(house) -> None:
    assert {*house.folders} == {*FLOOR_OF}


def test_arrows_point_down_alone(house) -> None:
    folders = [(arrow, *map(folder_of, arrow)) for arrow in house.arrows]
    assert folders
    assert [arrow for arrow, one, other in folders if one != other and FLOOR_OF[one] <= FLOOR_OF[other]] == []


def test_nothing_goes_round_in_circles(house) -> None:
    assert (house.circles, house.upward) == ([], [])


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_itself_and_the_settings(house, room: str) -> None:
    assert any(is_of(module, room) for module in house.trees)
    arrows = [arrow for arrow in house.arrows if is_of(arrow[0], room)]
    assert [arrow for arrow in arrows if not is_of(arrow[1], room) and arrow[1] != "conf.settings"] == []


@pytest.mark.parametrize("room", SPARKLESS)
def test_a_room_that_needs_no_spark_imports_none(trees, room: str) -> None:
    used = [*imports(trees, room)]
    assert used
    assert [use for use in used if is_of(use[1], "pyspark") or is_of(use[1], "delta")] == []


def test_what_lies_at_the_top_of_jobs_is_verbs(trees) -> None:
    """Each module has the function that it is named after, which the command line calls."""
    jobs = [module for module in trees if folder_of(module) == "jobs"]
    named = {name for module in ("cli.app",) for _, name in imports(trees, module)}
    for module in jobs:
        verb = module.removeprefix("jobs.")
        assert verb in {node.name for node in trees[module].body if isinstance(node, ast.FunctionDef)}, module
        assert f"facejoin.{module}.{verb}" in named, module


def test_no_job_imports_another(house) -> None:
    assert [arrow for arrow in house.arrows if [*map(folder_of, arrow)] == ["jobs", "jobs"]] == []


def test_every_module_is_imported_by_its_full_name(trees) -> None:
    """So that a reader, and a search, find who uses it."""
    relative = [
        (module, node.lineno)
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_delta_is_named_where_tables_are_read_and_written_only(trees) -> None:
    named = set()
    for name, tree in trees.items():
        for node in ast.walk(tree):
            table = isinstance(node, ast.Name | ast.alias) and getattr(node, "id", getattr(node, "name", "")) in (
                "DeltaTable",
                "delta",
            )
            if table or (isinstance(node, ast.Call) and "format('delta')" in ast.unparse(node.func)):
                named.add(name)
    assert named == {"jobs.store.warehouse"}


PICKLES = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal")


def test_nothing_is_pickled(trees) -> None:
    assert [
        (name, module)
        for name in trees
        for _, module in imports(trees, name)
        if any(is_of(module, package) for package in PICKLES)
    ] == []


def keyword(call: ast.Call, name: str) -> object:
    return next((ast.literal_eval(word.value) for word in call.keywords if word.arg == name), None)


def test_torch_loads_weights_only_and_numpy_no_objects(trees) -> None:
    loads = [(name, called, call) for name, tree in trees.items() for called, call in calls(tree)]
    torch_loads = [(name, call) for name, called, call in loads if called == "torch.load"]
    assert torch_loads
    assert all(keyword(call, "weights_only") is True for _, call in torch_loads)
    numpy_loads = [(name, call) for name, called, call in loads if called in ("np.load", "numpy.load")]
    assert numpy_loads
    assert all(keyword(call, "allow_pickle") is False for _, call in numpy_loads)


def test_yaml_is_loaded_safely_and_nothing_is_evaluated(trees) -> None:
    unsafe = ("yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec", "os.system", "__import__")
    assert [(name, called) for name, tree in trees.items() for called, _ in calls(tree) if called in unsafe] == []


def test_nothing_is_printed(trees) -> None:
    assert [
        (name, call.lineno) for name, tree in trees.items() for called, call in calls(tree) if called == "print"
    ] == []


def test_every_module_and_every_package_of_modules_says_what_it_is_for(trees) -> None:
    silent = [name for name, tree in trees.items() if tree.body and ast.get_docstring(tree) is None]
    assert silent == []
