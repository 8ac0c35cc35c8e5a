"""spark-submit.sh: any job on any master, with the code in one zip."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import typer.main

from facejoin.cli.app import app
from facejoin.conf.settings import load_settings
from facejoin.demo.samples import fetch_samples
from facejoin.jobs.store.session import SHORT_RUN

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.spark  # and all write the same zip

SMALL = {  # few rows: compiling, and tasks without any, would take most of the time
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
    **SHORT_RUN,
}
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


@pytest.fixture
def portraits(tmp_path: Path) -> Path:
    """Photos of a known person and of a stranger, as `demo --photos` wants them."""
    samples = fetch_samples(Path(load_settings().cache))
    of_people = {"known/Barack_Obama": ("obama.jpg", "obama2.jpg", "obama3.jpg"), "unknown/Eileen": ("astronaut.png",)}
    for person, names in of_people.items():
        (tmp_path / "photos" / person).mkdir(parents=True)
        for name in names:
            shutil.copy(samples.path(name), tmp_path / "photos" / person)
    return tmp_path / "photos"


@pytest.mark.slow
def test_the_whole_flow_runs_on_executors_of_their_own(portraits: Path, tmp_path: Path) -> None:
    """local-cluster: a master and two executors, each a process of its own that gets the weights from the driver."""
    options = [word for pair in SMALL.items() for word in ("--conf", "=".join(pair))]
    cluster = ("--master", "local-cluster[2,1,1024]", *options)
    done = submit(*cluster, "demo", "--photos", portraits, "--out", tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["photos"] == report["results"] == report["new_results"]
    assert report["rank1"] == 1.0
    assert {status: report["statuses"].get(status) for status in report["expected_statuses"]} == report[
        "expected_statuses"
    ]
