"""What the tests of `make test-cluster` share: YARN with HDFS, started once, and the demo's collection, served.

They are skipped, with the reason, where Java or the jars of Hadoop are missing, which `make test-cluster` fetches.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from mini_cluster import JARS, SPARK, MiniCluster, mini_cluster
from submitting import submit

from facejoin.conf.settings import load_settings
from facejoin.demo.collection import Collection
from facejoin.demo.photo_server import PhotoServer
from facejoin.demo.run import demo_settings, prepare

HERE = Path(__file__).parent
ENVIRONMENT = "hdfs:///environment.tar#environment"
TASK_PHOTOS = 20  # many tasks, so that one executor's death leaves work for the other


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Demo:
    """The demo's collection, its settings in a file, and the server that its lists name."""

    collection: Collection
    config: Path
    server: PhotoServer

    @property
    def listed(self) -> int:
        return len(self.collection.truth) + len(self.collection.unknown) + len(self.collection.fault_statuses)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    settings = demo_settings(load_settings(), folder, own_photos=False)
    collection = prepare(settings, folder, None, None, None, 0)
    values = settings.model_dump(mode="json", exclude={"spark", "warehouse"})
    values["crawl"]["task_photos"] = TASK_PHOTOS
    config = folder / "settings.yaml"
    config.write_text(yaml.safe_dump(values))
    options = {"faults": collection.faults, "robots_txt": collection.robots_txt}
    with PhotoServer(collection.photos, collection.port, **options) as server:
        yield Demo(collection, config, server)


@pytest.fixture(scope="session")
def local_warehouse(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all jobs leave where one process is driver and executors."""
    folder = tmp_path_factory.mktemp("local")
    lists = [path.as_uri() for path in demo.collection.lists]
    outputs = ("--warehouse", folder / "warehouse", "--site", folder / "site")
    done = submit(
        {"spark.master": "local[2]"},
        *("run", *lists, "--gallery", demo.collection.gallery, "--config", demo.config, *outputs),
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder / "warehouse"


@pytest.fixture(scope="session")
def yarn(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniCluster]:
    """With the collection's lists and gallery in HDFS, and there the environment too: the nodes have no packages."""
    if shutil.which("java") is None or not [*JARS.glob("hadoop-*.jar")]:
        pytest.skip(f"no Java, or no Hadoop in {JARS}: run `make test-cluster`")
    folder = tmp_path_factory.mktemp("hadoop")
    with ended_in_order(), mini_cluster(folder) as cluster:
        archive = folder / "environment.tar"
        pack = [sys.executable, "-m", "facejoin.cli.environment", archive]
        subprocess.run([*map(str, pack)], check=True, timeout=600)
        cluster.hdfs("-moveFromLocal", archive, "/environment.tar")
        cluster.hdfs("-put", demo.collection.folder / "lists", demo.collection.gallery, "/")
        yield cluster


@contextmanager
def ended_in_order() -> Iterator[None]:
    """A test run that is told to end still ends its daemons."""
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.exit("told to end"))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def on_yarn(yarn: MiniCluster) -> dict[str, str]:
    """Spark's options: an environment from HDFS, two executors of one core each, everything on the loopback."""
    return {
        "spark.master": "yarn",
        "spark.yarn.jars": f"local:{SPARK}/jars/*",  # instead of 500 MB for each job; what they hold is Spark's
        "spark.yarn.dist.archives": ENVIRONMENT,
        "spark.executor.instances": "2",
        "spark.executor.memory": "1g",
        "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
        "spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1",
    }
