"""What the tests of `make test-cluster` share: YARN with HDFS, started once, and the demo's collection, served.

They are skipped, with the reason, where Java or the jars of Hadoop are missing, which `make test-cluster` fetches.
"""

from __future__ import annotations

import bz2
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from mini_cluster import JARS, SPARK, MiniCluster, mini_cluster
from pyspark.sql import SparkSession

from facejoin.cli.environment import pack
from facejoin.conf.settings import load_settings
from facejoin.demo.collection import Collection
from facejoin.demo.photo_server import PhotoServer
from facejoin.demo.run import demo_settings, prepare
from facejoin.jobs.crawl import crawl
from facejoin.jobs.enroll import enroll
from facejoin.jobs.manifest import manifest
from facejoin.jobs.match import match
from facejoin.jobs.store.warehouse import Warehouse

HERE = Path(__file__).parent
ENVIRONMENT = "hdfs:///environment.tar#environment"
CUDA = ":".join(str(folder) for folder in sorted((SPARK.parent / "nvidia").glob("*/lib")))
EVERY = 4  # of the demo's 324 photos one in so many is listed: nodes start and fetch for longer than they crawl
TASK_PHOTOS = 5  # many tasks, so that one executor's death leaves work for the other


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


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    settings = demo_settings(load_settings(), folder, own_photos=False)
    collection = prepare(settings, folder, None, None, None, 0)
    values = settings.model_dump(mode="json", exclude={"spark", "warehouse"})
    values["crawl"]["task_photos"] = TASK_PHOTOS
    config = folder / "settings.yaml"
    config.write_text(yaml.safe_dump(values))
    for path in collection.lists:
        lines = bz2.decompress(path.read_bytes()).splitlines(keepends=True)
        path.write_bytes(bz2.compress(b"".join(lines[::EVERY])))
    with PhotoServer(collection.photos, collection.port, collection.faults, collection.robots_txt) as server:
        yield Demo(collection, config, server)


@pytest.fixture(scope="session")
def local_warehouse(spark: SparkSession, demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the jobs leave where one process is driver and executors."""
    folder, settings = tmp_path_factory.mktemp("local") / "warehouse", load_settings(demo.config)
    warehouse = Warehouse(spark, str(folder))
    manifest(spark, warehouse, settings.manifest, [path.as_uri() for path in demo.collection.lists])
    crawl(spark, warehouse, settings)
    enroll(spark, warehouse, settings, str(demo.collection.gallery))
    match(spark, warehouse, settings)
    return folder


@pytest.fixture(scope="session")
def yarn(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniCluster]:
    """With the collection's lists and gallery in HDFS, and there the environment too: the nodes have no packages, only
    CUDA's libraries, to which PyPI's torch links. With them in the archive it takes each node twice as long."""
    if shutil.which("java") is None or not [*JARS.glob("hadoop-*.jar")]:
        pytest.skip(f"no Java, or no Hadoop in {JARS}: run `make test-cluster`")
    folder = tmp_path_factory.mktemp("hadoop")
    with ended_in_order(), mini_cluster(folder) as cluster:
        archive = folder / "environment.tar"
        pack(archive, str(Path(sys.executable).resolve()), cuda=False)
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
        **{f"spark.{process}.SPARK_LOCAL_IP": "127.0.0.1" for process in ("executorEnv", "yarn.appMasterEnv")},
        **{f"spark.{process}.LD_LIBRARY_PATH": CUDA for process in ("executorEnv", "yarn.appMasterEnv")},
        "spark.yarn.appMasterEnv.OMP_NUM_THREADS": "1",  # as here: a gallery trained by more has other last bits
    }
