"""Every command that the pages name is run as written, each page's in turn, in a folder of its own.

What stands for something of the reader's is filled in from PLACEHOLDERS. What cannot run here is in EXCEPTIONS, with
how far it is checked, and why no further.
"""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import typer
import typer.main
from pyspark.sql import SparkSession

from facejoin.cli.app import app
from facejoin.demo.collection import load_collection
from facejoin.demo.serving import served
from facejoin.viewer.server import ServedSite

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "docs" / "reference"  # its usage lines are made from the commands themselves
WRITTEN = sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent != GENERATED)
PAGES = ["README.md", "CONTRIBUTING.md", "benchmarks/README.md", *(str(path.relative_to(ROOT)) for path in WRITTEN)]

PLACEHOLDERS = {  # word of the pages → what it is here, below the folder that commands run in
    "LISTS": "collection/lists",
    "GALLERY": "gallery",
    "SETTINGS": "settings.yaml",
    "STRANGERS": "strangers",
    "SCENES": "scenes",
    "PHOTOS": "photos",
    "KNOWN": "photos/known",
    "UNKNOWN": "photos/unknown",
    "IMAGES": "photos",
    "PAIRS": "photos/pairsDevTest.txt",
    "TRUTH": "truth.json",
    "PHOTO_ID": "4000002372",  # in the two lists that `shelf` invents
    "NSID": "10000061@N07",
    "PERSON": "Joe_Biden",
    "asked.txt": "asked.txt",
    "DIR": "photos",
    "LFW": "photos",
    "LFW/known": "photos/known",
    "LFW/unknown": "photos/unknown",
    "LFW/pairsDevTest.txt": "photos/pairsDevTest.txt",
    "WIDER/images": "photos",
    "WIDER/truth.json": "truth.json",
    "NONFACE": "scenes",
    "nonface.json": "nonface.json",
    "conf/yarn.yaml": "settings.yaml",  # its tables lie on an HDFS and its weights on the web
}
PROGRAMS = r"facejoin|make|\./spark-submit\.sh|\.ci/run|pytest|\.venv/bin/[\w-]+|source"
PROGRAM = re.compile(rf"([A-Z_]+=\S+ )*({PROGRAMS})(?= |$)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = ("", "sh")  # languages of fenced blocks
COMMENT = re.compile(r"(^|\s)#.*")  # unlike for shlex, a # within a word is none
SYNOPSES = {"./spark-submit.sh [spark-submit options] JOB [job options]"}  # how commands are put together; none of them
COMMANDS: Any = typer.main.get_command(app)  # typer's own, of groups too
Facejoin = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Command:
    words: tuple[str, ...]  # as a shell splits them
    is_mentioned: bool = False  # a name alone in a sentence, such as `facejoin enroll`

    def __str__(self) -> str:
        return shlex.join(self.words)

    @property
    def facejoin(self) -> tuple[str, ...]:
        """The words behind the program's name, placeholders filled in."""
        return tuple(PLACEHOLDERS.get(word, word) for word in self.words[1:])


def commands_of(page: str) -> Iterator[Command]:
    """In the order of the page: lines of shell blocks, and code in sentences that starts with a program's name."""
    text = (ROOT / page).read_text()
    end = 0
    for block in FENCE.finditer(text):
        yield from _in_sentences(text[end : block.start()])
        if block[1] in SHELL:
            lines = block[2].replace("\\\n", " ").splitlines()
            split = (shlex.split(COMMENT.sub("", line)) for line in lines)
            yield from (Command(tuple(words)) for words in split if words)
        end = block.end()
    yield from _in_sentences(text[end:])


def _in_sentences(text: str) -> Iterator[Command]:
    for code in re.findall(r"`([^`\n]+)`", text):
        if PROGRAM.match(code) and code not in SYNOPSES:
            words = tuple(shlex.split(code))
            yield Command(words, is_mentioned=_is_name(words))


def _is_name(words: tuple[str, ...]) -> bool:
    return words[0] == "facejoin" and _command(words[1:])[1] == ()


def _command(words: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
    """(the command that they name, what is left for it)."""
    command = COMMANDS
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def make_knows_it(command: Command, facejoin: Facejoin) -> None:
    done = subprocess.run(["make", "-n", *command.words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def takes_the_options(command: Command, facejoin: Facejoin) -> None:
    named, rest = _command(command.facejoin)
    named.make_context(str(command), [*rest])


def script_takes_the_options(command: Command, facejoin: Facejoin) -> None:
    script, *options = (PLACEHOLDERS.get(word, word) for word in command.words[1:])
    assert (ROOT / script).is_file()
    if options or script.startswith("benchmarks/"):
        alone = typer.Typer()
        alone.command()(_script(ROOT / script)["main"])
        typer.main.get_command(alone).make_context(script, options)


def _script(path: Path) -> dict[str, Any]:
    """Its names: a benchmark finds its neighbours as when it is run."""
    sys.path.insert(0, str(path.parent))
    try:
        return runpy.run_path(str(path))
    finally:
        sys.path.remove(str(path.parent))


def finds_the_tests(command: Command, facejoin: Facejoin) -> None:
    wanted = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *command.words[1:]]
    done = subprocess.run(wanted, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def spark_submit_takes_it(command: Command, facejoin: Facejoin) -> None:
    """The script, up to where Spark would take over; then its job, on the session that is here."""
    words = [word for word in command.words if not re.match(r"[A-Z_]+=", word)]
    home, told = Path.cwd() / "spark", Path.cwd() / "told"
    (home / "bin").mkdir(parents=True, exist_ok=True)
    (home / "jars").mkdir(exist_ok=True)
    (home / "jars" / "delta-spark_0.jar").touch()
    (home / "bin" / "spark-submit").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {shlex.quote(str(told))}\n')
    (home / "bin" / "spark-submit").chmod(0o755)
    environment = {**os.environ, "SPARK_HOME": str(home)}
    subprocess.run([ROOT / words[0], *words[1:]], env=environment, check=True, timeout=120)
    options = told.read_text().splitlines()
    program = options.index(str(ROOT / "cli" / "app.py"))
    assert {option for option in options[:program] if option.startswith("--")} <= _spark_options()
    is_done(Command(("facejoin", *options[program + 1 :])), facejoin)


def _spark_options() -> set[str]:
    """Of spark-submit, by its own help."""
    import pyspark

    program = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    return set(re.findall(r"--[\w-]+", subprocess.run([program, "--help"], capture_output=True, text=True).stderr))


def is_there(command: Command, facejoin: Facejoin) -> None:
    assert (ROOT / command.words[0]).is_file()


def needs_no_check(command: Command, facejoin: Facejoin) -> None:
    """Nothing of this project's is in it."""


def is_done(command: Command, facejoin: Facejoin) -> None:
    status, printed, error = facejoin(*command.facejoin)
    assert status == 0, f"{command}\n{printed[-1000:]}\n{error[-1000:]}"


def is_done_beside_view(command: Command, facejoin: Facejoin) -> None:
    with served(load_collection(Path("build/mine/collection"))):
        is_done(command, facejoin)


EXCEPTIONS: dict[str, tuple[Callable[[Command, Facejoin], None], str]] = {  # start of a command → how far, and why
    r"make ": (make_knows_it, "sets up, serves or takes minutes; make says what it would do"),
    r"\./spark-submit\.sh |PYSPARK_PYTHON=": (spark_submit_takes_it, "YARN is not here: the job runs on this machine"),
    r"facejoin demo --config SETTINGS": (takes_the_options, "a demo of its own is run by tests already"),
    r"facejoin demo --photos LFW": (takes_the_options, "the same with PHOTOS is run; this is minutes of research data"),
    r"(\.venv/bin/)?facejoin weights vggface2": (takes_the_options, "112 MB from the web"),
    r"facejoin status --(port|every) ": (takes_the_options, "looks again and again until Ctrl-C"),
    r"\.venv/bin/python ": (script_takes_the_options, "measures for minutes or hours, or writes into docs/"),
    r"\.venv/bin/pytest ": (finds_the_tests, "the tests that it names are tests already"),
    r"\.venv/bin/pip install": (is_there, "installs packages of others"),
    r"source ": (needs_no_check, "changes only the shell that it is typed in"),
    r"facejoin crawl --config build/mine/": (is_done_beside_view, "`view`, which serves its photos, ends at once here"),
    r"\.ci/run": (is_there, "sets up and runs every test"),
}


def check_of(command: Command) -> Callable[[Command, Facejoin], None]:
    spoken = " ".join(command.words)
    return next((check for start, (check, _) in EXCEPTIONS.items() if re.match(start, spoken)), is_done)


@pytest.fixture
def here(spark: SparkSession, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shelf, to run in. The page is asked for where `view` would wait for Ctrl-C."""
    folder = shutil.copytree(shelf, tmp_path / "here")
    monkeypatch.chdir(folder)
    monkeypatch.setitem(PLACEHOLDERS, "LISTS", str(folder / "collection" / "lists"))  # Spark's own folder is another

    def look(site: ServedSite) -> None:
        with urlopen(site.url, timeout=10) as answer:
            assert b"<html" in answer.read()

    monkeypatch.setattr(ServedSite, "wait", look)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_pages_commands_run_as_written(page: str, here: Path, facejoin: Facejoin) -> None:
    for command in commands_of(page):
        if not command.is_mentioned:
            check_of(command)(command, facejoin)


@pytest.mark.parametrize("page", PAGES)
def test_a_command_is_one_that_there_is(page: str) -> None:
    for command in commands_of(page):
        spoken = " ".join(command.words)
        assert PROGRAM.match(spoken), spoken
        if command.words[0] == "facejoin" and not command.is_mentioned:
            assert not hasattr(_command(command.words[1:])[0], "commands"), spoken


@pytest.mark.parametrize("page", PAGES)
def test_no_command_hides_where_none_is_looked_for(page: str) -> None:
    text = (ROOT / page).read_text()
    elsewhere = [line for language, body in FENCE.findall(text) if language not in SHELL for line in body.splitlines()]
    inside = [code for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", text)) if code not in SYNOPSES]
    hidden = [line for line in elsewhere if PROGRAM.match(line.strip())]
    hidden += [code for code in inside if re.search(r"\b(facejoin|make) [a-z]", code) and not PROGRAM.match(code)]
    assert hidden == []


def test_every_command_of_the_project_is_run_by_some_page() -> None:
    spoken = [command for page in PAGES for command in commands_of(page) if not command.is_mentioned]
    run = {id(_command(words[1:])[0]) for words in (c.words for c in spoken) if words[0].endswith("facejoin")}
    assert [name for name, command in _leaves(COMMANDS) if id(command) not in run] == []


def test_every_exception_and_every_placeholder_is_needed() -> None:
    spoken = [command for page in PAGES for command in commands_of(page)]
    assert [start for start in EXCEPTIONS if not any(re.match(start, " ".join(c.words)) for c in spoken)] == []
    assert set(PLACEHOLDERS) - {word for command in spoken for word in command.words} == set()


def _leaves(command: Any, name: str = "facejoin") -> Iterator[tuple[str, Any]]:
    for word, inner in getattr(command, "commands", {}).items():
        if hasattr(inner, "commands"):
            yield from _leaves(inner, f"{name} {word}")
        else:
            yield f"{name} {word}", inner
