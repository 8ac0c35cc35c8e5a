"""databricks.yml: right by the published schema, which the package databricks-bundles has as classes, and by the
project: its wheel has what the tasks call, its commands take what they pass. It has been deployed nowhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from databricks.bundles.jobs import ClusterSpec, Job

from facejoin.cli import wheel_task
from facejoin.cli.app import app
from facejoin.conf.settings import load_settings

ROOT = Path(__file__).parents[1]
BUNDLE = yaml.safe_load((ROOT / "databricks.yml").read_text())
STAGES = ("manifest", "crawl", "enroll", "match", "publish")
VARIABLE = re.compile(r"\$\{var\.(\w+)\}")


@dataclass(frozen=True)
class Stage:
    """A job's one task, by its settings as they stand in the file."""

    job: dict[str, Any]

    @property
    def task(self) -> dict[str, Any]:
        [task] = self.job["tasks"]
        return dict(task)

    @property
    def cluster(self) -> dict[str, Any]:
        return dict(BUNDLE["variables"][VARIABLE.fullmatch(self.task["new_cluster"])[1]]["default"])  # type: ignore[index]

    @property
    def words(self) -> list[str]:
        return [str(word) for word in self.task["python_wheel_task"]["parameters"]]


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest) -> Stage:
    return Stage(BUNDLE["resources"]["jobs"][request.param])


def test_every_stage_has_a_job_of_its_own() -> None:
    assert {*BUNDLE["resources"]["jobs"]} == {*STAGES}


def test_a_job_and_its_cluster_have_what_the_schema_knows(stage: Stage) -> None:
    Job.from_dict(stage.job)  # type: ignore[arg-type]
    ClusterSpec.from_dict(stage.cluster)  # type: ignore[arg-type]


def test_the_schema_refuses_what_it_does_not_know(stage: Stage) -> None:
    with pytest.raises(ValueError, match="Unexpected field"):
        Job.from_dict(stage.job | {"taks": []})  # type: ignore[arg-type]


def test_the_wheel_has_what_a_task_calls(stage: Stage) -> None:
    wheel = stage.task["python_wheel_task"]
    assert wheel["package_name"] == "facejoin"
    assert f"{wheel['entry_point']}={wheel_task.__name__}:main" in (ROOT / "setup.py").read_text()


def test_a_command_takes_what_its_task_passes(stage: Stage) -> None:
    name, *words = stage.words
    command = typer.main.get_group(app).commands[name]
    command.make_context(name, words)
    assert name == stage.task["task_key"]


def test_the_settings_are_the_projects_own(stage: Stage) -> None:
    file = stage.words[stage.words.index("--config") + 1].removeprefix("${workspace.file_path}/")
    load_settings(ROOT / file)


def test_networks_run_on_gpus_and_nothing_else_does() -> None:
    on_gpus = {name for name, job in BUNDLE["resources"]["jobs"].items() if "on_gpus" in str(job)}
    assert on_gpus == {"crawl", "enroll"}
    assert "spark.task.resource.gpu.amount" in BUNDLE["variables"]["on_gpus"]["default"]["spark_conf"]


def test_every_variable_is_there_and_used() -> None:
    used = {*VARIABLE.findall((ROOT / "databricks.yml").read_text())}
    assert used == {*BUNDLE["variables"]}
    overridden = {name for target in BUNDLE["targets"].values() for name in target.get("variables", {})}
    assert overridden <= used


def test_there_is_a_target_to_develop_and_one_to_produce() -> None:
    assert {name: target["mode"] for name, target in BUNDLE["targets"].items()} == {
        "dev": "development",
        "prod": "production",
    }


def test_a_task_that_is_done_ends_without_an_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(wheel_task, "command", lambda: ended(0))
    wheel_task.main()
    monkeypatch.setattr(wheel_task, "command", lambda: ended(1))
    with pytest.raises(SystemExit):
        wheel_task.main()
