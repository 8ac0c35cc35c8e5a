"""docs/reference/ out of the code: commands with their help texts, settings and outcomes with the comments beside them,
tables with their columns' comments. A test fails where a page is not what this writes.

    .venv/bin/python docs/generate.py
"""

from __future__ import annotations

import ast
import inspect
import io
import json
import re
import tokenize
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from types import ModuleType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import typer.main
from pydantic import BaseModel
from pyspark.sql.types import ArrayType, DataType, StructField, StructType

from facejoin.cli import app as cli
from facejoin.conf import schemas
from facejoin.conf import settings as conf
from facejoin.udfs.web import outcomes

REFERENCE = Path(__file__).parent / "reference"
MADE_BY = "<!-- Written by docs/generate.py out of the code: change it there, then run `make docs`. -->"
CONFIGURATIONS = ("local.yaml", "yarn.yaml", "databricks.yaml")
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}  # JSON schema's words


def pages() -> dict[str, str]:
    """File name → Markdown."""
    return {"commands.md": commands_page(), "settings.md": settings_page(), "tables.md": tables_page()}


def commands_page() -> str:
    parts = ["# Commands", _sentence(cli, "Exit status"), "`facejoin COMMAND --help` says the same in a terminal."]
    for name, command in _commands("facejoin", typer.main.get_command(cli.app)):
        parts += [f"## {name}", _one_line(command.help), f"```text\n{name}{_usage(command.params)}\n```"]
        parts.append(_table(("argument or option", "default", "meaning"), map(_parameter, command.params)))
    return _page(parts)


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """(the words to type, command) of those that do something."""
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield path, command
        return
    for name, subcommand in subcommands.items():
        yield from _commands(f"{path} {name}", subcommand)


def _usage(parameters: Iterable[Any]) -> str:
    """What has to be typed; options that may be left out are `[options]`."""
    needed = [_typed(parameter) for parameter in parameters if parameter.required or _is_argument(parameter)]
    return " ".join(["", *needed, "[options]"])


def _typed(parameter: Any) -> str:
    name = parameter.name.upper()
    if not _is_argument(parameter):
        return f"{parameter.opts[0]} {name}"
    name = f"{name}…" if parameter.nargs == -1 else name
    return name if parameter.required else f"[{name}]"


def _parameter(parameter: Any) -> tuple[str, str, str]:
    spelling = _typed(parameter) if _is_argument(parameter) else ", ".join([*parameter.opts, *parameter.secondary_opts])
    default = "needed" if parameter.required else _default(parameter)
    return f"`{spelling}`", default, parameter.help or ""


def _default(parameter: Any) -> str:
    if parameter.default is None or parameter.default is False:
        return ""
    return f"`{parameter.opts[0]}`" if parameter.default is True else f"`{parameter.default}`"


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def settings_page() -> str:
    parts = ["# Settings", _one_line(conf.__doc__), "`--config FILE` names a YAML file of them."]
    parts += [_stage(path, stage) for path, stage in _stages(conf.Settings)]
    for name in CONFIGURATIONS:
        text = (files("facejoin.conf") / name).read_text().strip()
        parts += [f"## conf/{name}", f"```yaml\n{text}\n```"]
    return _page(parts)


def _stages(stage: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """(key, stage), the outer before the inner."""
    yield path, stage
    for name, field in stage.model_fields.items():
        for inner in _inner_stages(field.annotation):
            yield from _stages(inner, f"{path}.{name}".removeprefix("."))


def _stage(path: str, stage: type[BaseModel]) -> str:
    whole = stage.model_json_schema()
    said, schema, inner = _comments(conf, stage.__name__), whole["properties"], whole.get("$defs", {})
    rows = [
        (f"`{name}`", _kind(schema[name], inner), f"`{json.dumps(schema[name]['default'])}`", said.get(name, ""))
        for name, field in stage.model_fields.items()
        if not _inner_stages(field.annotation)
    ]
    introduction = [_one_line(stage.__doc__)] if stage.__doc__ else []
    title = f"## {path}" if path else "## At the top"
    body = [_table(("key", "value", "default", "meaning"), rows)] if rows else []
    return "\n\n".join([title, *introduction, *body]) if body else ""


def _inner_stages(annotation: Any) -> list[type[BaseModel]]:
    """The stage that a field is, or each of those that it may be; none where it is a value."""
    if get_origin(annotation) in (Annotated, Union, UnionType):
        return [stage for part in get_args(annotation) for stage in _inner_stages(part)]
    return [annotation] if inspect.isclass(annotation) and issubclass(annotation, BaseModel) else []


def _kind(schema: dict[str, Any], stages: dict[str, Any]) -> str:
    """In words: a JSON schema's type with its limits. stages: what it refers to, by name."""
    if "$ref" in schema:
        keys = stages[schema["$ref"].rpartition("/")[2]]["properties"]
        return f"`{{{', '.join(keys)}}}`"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(each, stages) for each in schema["anyOf"]))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        items = schema.get("items") or schema["prefixItems"][0]
        many = f"{schema['maxItems']} ×" if "prefixItems" in schema else "list of"
        return f"{many} {_kind(items, stages)}"
    limits = [f"{sign} {schema[word]:g}" for word, sign in LIMITS.items() if word in schema]
    pattern = [f"like `{schema['pattern']}`"] if "pattern" in schema else []
    return ", ".join([schema.get("format", schema["type"]), *limits, *pattern])


def tables_page() -> str:
    parts = [
        "# Tables",
        _one_line(schemas.__doc__),
        "What a row of each stands for: [architecture](../architecture.md).",
    ]
    for name, schema in schemas.TABLES.items():
        parts += [f"## {name}", _table(("column", "type", "meaning"), _columns(schema))]
    return _page([*parts, *_outcomes()])


def _columns(schema: StructType, path: str = "") -> Iterator[tuple[str, str, str]]:
    """A row a column, the fields of a structure below it."""
    for column in schema.fields:
        yield f"`{path}{column.name}`", _type(column.dataType), _comment(column)
        inner, inside = column.dataType, f"{path}{column.name}."
        if isinstance(inner, ArrayType):
            inner, inside = inner.elementType, f"{path}{column.name}[]."
        if isinstance(inner, StructType):
            yield from _columns(inner, inside)


def _type(kind: DataType) -> str:
    if isinstance(kind, ArrayType):
        return f"array of {_type(kind.elementType)}"
    return "struct" if isinstance(kind, StructType) else kind.simpleString()


def _comment(column: StructField) -> str:
    return str((column.metadata or {}).get("comment", ""))


def _outcomes() -> list[str]:
    said = _comments(outcomes, "Outcome")
    rows = [(f"`{word}`", _another_try(word), said.get(word.name, "")) for word in outcomes.Outcome]
    return ["## The words of results.status", _table(("status", "another try", "meaning"), rows)]


def _another_try(word: outcomes.Outcome) -> str:
    """By `crawl --retry`; an http_error's depends on its number."""
    if word.retryable:
        return "yes"
    return "from 500 on" if outcomes.is_retryable(word, 500) else ""


def _comments(module: ModuleType, name: str) -> dict[str, str]:
    """Field of a class → the comments above and behind it, which are gone at run time."""
    source = inspect.getsource(module)
    found = {
        token.start[0]: (token.string.lstrip("# "), token.line.lstrip().startswith("#"))
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }  # line → (comment, whether it stands alone)
    [body] = [n.body for n in ast.parse(source).body if isinstance(n, ast.ClassDef) and n.name == name]
    return {_field(node): _around(node, found) for node in body if isinstance(node, ast.Assign | ast.AnnAssign)}


def _field(node: ast.Assign | ast.AnnAssign) -> str:
    return ast.unparse(node.target if isinstance(node, ast.AnnAssign) else node.targets[0])


def _around(node: ast.stmt, comments: dict[int, tuple[str, bool]]) -> str:
    first = node.lineno
    while comments.get(first - 1, ("", False))[1]:
        first -= 1
    above = " ".join(comments[line][0] for line in range(first, node.lineno))
    behind = comments.get(node.end_lineno or node.lineno, ("", False))[0]
    return f"{behind}. {above}" if above and behind else behind or above


def _sentence(module: ModuleType, start: str) -> str:
    """Of a module's docstring."""
    [sentence] = re.findall(rf"{start}.*?\.(?=\s|$)", _one_line(module.__doc__))
    return str(sentence)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(heads), ["---"] * len(list(heads)), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join([MADE_BY, *filter(None, parts)]) + "\n"


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for file, text in pages().items():
        (REFERENCE / file).write_text(text)
