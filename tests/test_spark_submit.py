"""spark-submit.sh: any job on any master, with the code in one zip."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import typer.main

from facejoin.cli.app import app

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.spark  # and all write the same zip

IMPORT_FROM_ZIP = """
import sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in str(finder)]
sys.path_hooks = [hook for hook in sys.path_hooks if "editable" not in str(hook).lower()]
sys.path = [sys.argv[1], *(entry for entry in sys.path if "editable" not in entry)]
sys.path_importer_cache.clear()
import facejoin.cli.app, facejoin.demo.run, facejoin.udfs.find_faces, facejoin.viewer.site
from facejoin.conf.settings import load_settings
load_settings()
print(facejoin.udfs.find_faces.__file__)
"""


def submit(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "spark-submit.sh", *arguments], capture_output=True, text=True, timeout=900)


def test_without_a_job_it_names_every_command_that_needs_spark() -> None:
    done = submit("--master", "local[1]")
    assert done.returncode == 2
    assert done.stderr.startswith("spark-submit.sh: no job given; expected")
    named = done.stderr.rpartition(":")[2].split()
    assert sorted(named) == sorted(set(typer.main.get_group(app).commands) - {"weights", "view"})


@pytest.mark.parametrize(
    ("options", "job", "reason"),
    [
        (("--master", "yarn", "--deploy-mode", "cluster"), ("demo",), "demo cannot run in deploy mode cluster"),
        (("--deploy-mode=cluster",), ("match", "--out", "report.json"), "--out report.json would be lost"),
        (("--conf", "spark.submit.deployMode=cluster"), ("publish",), "publish in deploy mode cluster needs --site"),
        (("--master=spark://one:7077", "--deploy-mode=cluster"), ("match",), "deploy mode cluster runs on YARN only"),
    ],
)
def test_what_a_driver_elsewhere_cannot_do_is_one_line_before_anything_starts(
    options: tuple[str, ...], job: tuple[str, ...], reason: str
) -> None:
    done = submit(*options, *job)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"spark-submit.sh: {reason}")


def test_an_unknown_job_is_named() -> None:
    done = submit("--verbose", "--master", "local[1]", "crawll", "--config", "crawl")
    assert done.returncode == 2
    assert "unknown job crawll" in done.stderr


@pytest.mark.parametrize("option", [["--name", "demo"], ["--conf", "spark.app.name=demo", "--queue", "run"]])
def test_a_value_of_an_option_is_no_job(option: list[str]) -> None:
    done = submit(*option)
    assert done.returncode == 2
    assert "no job given" in done.stderr


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """A job with a wrong argument: it starts Spark's driver, and ends."""
    folder = tmp_path_factory.mktemp("refused")
    return submit("--master", "local[1]", "manifest", folder / "nothing", "--warehouse", folder / "warehouse")


def test_a_wrong_argument_is_exit_2_and_one_line(refused: subprocess.CompletedProcess[str]) -> None:
    assert refused.returncode == 2
    [line] = [line for line in refused.stdout.splitlines() if line]  # spark-submit joins the two streams of its program
    assert line.startswith("facejoin: no photo list at")


def test_the_jvm_says_nothing_of_its_incubator_module(refused: subprocess.CompletedProcess[str]) -> None:
    """See conf/spark-env.sh."""
    assert "incubator" not in refused.stderr


@pytest.mark.usefixtures("refused")
def test_the_zip_alone_holds_all_the_code() -> None:
    code = ROOT / "build" / "facejoin.zip"
    assert zipfile.ZipFile(code).testzip() is None
    done = subprocess.run([sys.executable, "-c", IMPORT_FROM_ZIP, code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert str(code) in done.stdout
