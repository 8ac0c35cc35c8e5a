"""How the house is built, read from its imports: of the working tree, and of any commit beside it.

python tests/house/structure.py [COMMIT …]
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import tarfile
import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from pathlib import Path

import networkx
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
PACKAGE = "facejoin"
SHORT = 2  # lines of a function's body, without its docstring

Arrow = tuple[str, str]  # importing and imported module, such as jobs.crawl


@dataclass(frozen=True)
class House:
    """The modules of a tree, by name: `jobs.store.once` is jobs/store/once.py."""

    trees: Mapping[str, ast.Module]

    @cached_property
    def arrows(self) -> set[Arrow]:
        """Who imports whom: anywhere in a file, in functions and for type checking too."""
        found = {(module, target) for module in self.trees for target in self._imported(module)}
        return {(module, target) for module, target in found if module != target}

    @cached_property
    def circles(self) -> list[list[str]]:
        """Modules that import one another, round about or directly."""
        graph = networkx.DiGraph(self.arrows)
        return sorted(sorted(circle) for circle in networkx.strongly_connected_components(graph) if len(circle) > 1)

    @cached_property
    def upward(self) -> list[Arrow]:
        """The fewest arrows that run against an order of the folders, whatever the order: none, if there is one in
        which every folder imports only those below it."""
        return [arrow for circle in self._folder_circles() for arrow in _against_best_order(circle, self._between())]

    @cached_property
    def folders(self) -> dict[str, int]:
        """Folder → its modules, without those of the folders below."""
        return dict(sorted(Counter(map(folder_of, self.trees)).items()))

    @cached_property
    def functions(self) -> list[tuple[int, str]]:
        """(lines with its docstring, name) of each function and method."""
        return [(_lines(node, node), f"{module}.{node.name}") for module, node in self._definitions()]

    @cached_property
    def short_functions(self) -> list[str]:
        """Those whose body has SHORT lines or fewer."""
        return [f"{module}.{node.name}" for module, node in self._definitions() if _body_lines(node) <= SHORT]

    def _imported(self, module: str) -> Iterator[str]:
        package = [PACKAGE, *module.split(".")[:-1]]
        for node in ast.walk(self.trees[module]):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                here = package[: len(package) + 1 - node.level] if node.level else []
                base = ".".join([*here, *filter(None, [node.module])])
                names = [f"{base}.{alias.name}" for alias in node.names] + [base]
            else:
                continue
            known = (name.removeprefix(f"{PACKAGE}.") for name in names if name.startswith(f"{PACKAGE}."))
            yield from (name for name in known if name in self.trees)

    def _definitions(self) -> Iterator[tuple[str, ast.FunctionDef]]:
        for module, tree in self.trees.items():
            yield from ((module, node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))

    def _between(self) -> dict[tuple[str, str], list[Arrow]]:
        """(folder, other folder) → the arrows from one to the other."""
        between = defaultdict(list)
        for arrow in sorted(self.arrows):
            one, other = map(folder_of, arrow)
            if one != other:
                between[one, other].append(arrow)
        return between

    def _folder_circles(self) -> list[set[str]]:
        graph = networkx.DiGraph(self._between().keys())
        return [circle for circle in networkx.strongly_connected_components(graph) if len(circle) > 1]


def folder_of(module: str) -> str:
    return module.rpartition(".")[0]


def read_house(root: Path) -> House:
    """The packages below `root`: every folder there with an __init__.py, and its modules at any depth."""
    packages = [path.parent for path in sorted(root.glob("*/__init__.py"))]
    files = [path for package in packages for path in sorted(package.rglob("*.py")) if path.name != "__init__.py"]
    names = {".".join(path.relative_to(root).with_suffix("").parts): path for path in files}
    return House({name: ast.parse(path.read_text()) for name, path in names.items()})


def read_commit(commit: str) -> House:
    """Raises CalledProcessError where there is no such commit."""
    archive = subprocess.run(["git", "-C", ROOT, "archive", commit], check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
        return read_house(Path(folder))


def _body_lines(node: ast.FunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return _lines(body[0], body[-1]) if body else 0


def _lines(first: ast.stmt, last: ast.stmt) -> int:
    return (last.end_lineno or 0) - first.lineno + 1


def _against_best_order(circle: Collection[str], between: Mapping[tuple[str, str], list[Arrow]]) -> list[Arrow]:
    """Folders of a circle are few: every order is tried, from the lowest floor up."""

    def against(order: tuple[str, ...]) -> list[Arrow]:
        pairs = ((low, high) for place, low in enumerate(order) for high in order[place + 1 :])
        return [arrow for pair in pairs for arrow in between.get(pair, [])]

    return min(map(against, permutations(sorted(circle))), key=len)


def show(houses: Mapping[str, House], console: Console) -> None:
    table = Table("", *houses)
    for folder in sorted({folder for house in houses.values() for folder in house.folders}):
        table.add_row(f"{folder}/ modules", *(str(house.folders.get(folder, 0)) for house in houses.values()))
    for label, measure in MEASURES.items():
        table.add_row(label, *(measure(house) for house in houses.values()))
    console.print(table)


def _named(found: Iterable[object]) -> str:
    """How many, and which."""
    names = [*map(str, found)]
    return "\n".join([str(len(names)), *names])


MEASURES = {
    "import arrows": lambda house: str(len(house.arrows)),
    "upward arrows": lambda house: _named(" → ".join(arrow) for arrow in house.upward),
    "circles": lambda house: _named(" ↔ ".join(circle) for circle in house.circles),
    "longest function": lambda house: "{} lines: {}".format(*max(house.functions)),
    "functions": lambda house: str(len(house.functions)),
    f"of {SHORT} lines or fewer": lambda house: str(len(house.short_functions)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commits", nargs="*", metavar="COMMIT", help="measured beside the working tree, before it")
    commits = parser.parse_args().commits
    show({commit: read_commit(commit) for commit in commits} | {"working tree": read_house(ROOT)}, Console(width=150))


if __name__ == "__main__":
    main()
