"""HDFS and YARN on this machine, for real: a name node, a data node, a resource manager and two node managers, each a
process of its own, with ports that are free and all their files below one folder.

Memory limits hold: a node manager ends a container whose processes together take more than it was given. (What test
clusters leave on, `yarn.nodemanager.resource.memory.enforced`, hands that to cgroups, which nobody set up.)
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import xml.etree.ElementTree as xml
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyspark
from daemons import daemon, free_ports, listens, processes_with, says

ROOT = Path(__file__).parents[2]
SPARK = Path(pyspark.__file__).parent
JARS = ROOT / "build" / "hadoop"  # where `make test-cluster` puts them
HDFS, YARN = "org.apache.hadoop.hdfs.server", "org.apache.hadoop.yarn.server"
NODES = ("node1", "node2")
NODE_MEMORY = 6144  # MB that each node manager may give away
PORTS = ("hdfs", "scheduler", "tracker", "resourcemanager", "admin", "web")
LOG4J = """log4j.rootLogger=INFO,A
log4j.appender.A=org.apache.log4j.ConsoleAppender
log4j.appender.A.target=System.err
log4j.appender.A.layout=org.apache.log4j.PatternLayout
log4j.appender.A.layout.ConversionPattern=%d{HH:mm:ss} %p %c{1}: %m%n
"""


@dataclass(frozen=True)
class MiniCluster:
    folder: Path
    ports: Mapping[str, int]

    @property
    def conf(self) -> Path:
        """What HADOOP_CONF_DIR has to name."""
        return self.folder / "conf"

    def hdfs(self, *arguments: str | Path) -> None:
        """`hadoop fs`."""
        self.run("org.apache.hadoop.fs.FsShell", *map(str, arguments))

    def run(self, program: str, *arguments: str) -> None:
        words = [*self.java(), program, *arguments]
        done = subprocess.run(words, env=self.variables(), capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr[-2000:]

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def container_logs(self, application: str, file: str) -> dict[Path, str]:
        """Of all its containers, on either node."""
        found = self.folder.glob(f"*/logs/{application}/*/{file}")
        return {path: path.read_text(errors="replace") for path in sorted(found)}

    def java(self) -> list[str]:
        """The JVM with Hadoop's classes."""
        jars = [*JARS.glob("*.jar"), *(SPARK / "jars").glob("hadoop-client-[ar]*.jar")]
        path = os.pathsep.join(map(str, [self.conf, *jars]))
        fast = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true")
        return [_java(), *fast, f"-Djdk.net.hosts.file={self.folder / 'hosts'}", "-cp", path]

    def variables(self) -> dict[str, str]:
        """Of a node that knows nothing of this project, its packages or its user."""
        home = self.folder / "home"
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "JAVA_HOME": str(Path(_java()).parents[1])}


@contextmanager
def mini_cluster(folder: Path) -> Iterator[MiniCluster]:
    """Runs while somebody needs it."""
    cluster = MiniCluster(folder, dict(zip(PORTS, free_ports(len(PORTS)), strict=True)))
    _write(cluster)
    try:
        with ExitStack() as daemons:
            _start(cluster, daemons)
            yield cluster
    finally:
        _clear_away(cluster)


def _start(cluster: MiniCluster, daemons: ExitStack) -> None:
    def start(name: str, program: str, *options: str, ready: str | None = None) -> None:
        log, words = cluster.log(name), [*cluster.java(), program, *options]
        is_ready = listens(cluster.ports["hdfs"]) if ready is None else says(log, ready)
        daemons.enter_context(daemon(log, words, cluster.variables(), is_ready))

    cluster.run(f"{HDFS}.namenode.NameNode", "-format", "-nonInteractive")
    start("namenode", f"{HDFS}.namenode.NameNode")
    start("datanode", f"{HDFS}.datanode.DataNode", ready="successfully registered with NN")
    start("resourcemanager", f"{YARN}.resourcemanager.ResourceManager", ready="Transitioned to active state")
    for node in NODES:
        own = {"local-dirs": cluster.folder / node / "local", "log-dirs": cluster.folder / node / "logs"}
        options = [word for name, path in own.items() for word in ("-D", f"yarn.nodemanager.{name}={path}")]
        start(node, f"{YARN}.nodemanager.NodeManager", *options, ready="Registered with ResourceManager")
    cluster.hdfs("-mkdir", "-p", "/tmp", "/user")
    cluster.hdfs("-chmod", "1777", "/tmp", "/user")


def _clear_away(cluster: MiniCluster) -> None:
    """What node managers may have left running, and what takes gigabytes."""
    for process in processes_with(str(cluster.folder)):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    for name in ("data", *(f"{node}/local" for node in NODES)):
        shutil.rmtree(cluster.folder / name, ignore_errors=True)


def _write(cluster: MiniCluster) -> None:
    """Its configuration."""
    for below in (cluster.conf, cluster.folder / "home"):
        below.mkdir(parents=True)
    (cluster.folder / "hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()}\n")
    (cluster.conf / "log4j.properties").write_text(LOG4J)
    here = {name: f"localhost:{port}" for name, port in cluster.ports.items()}
    hdfs = {"fs.defaultFS": f"hdfs://{here['hdfs']}", "hadoop.tmp.dir": cluster.folder / "tmp"}
    _write_xml(cluster.conf / "core-site.xml", hdfs)
    _write_xml(cluster.conf / "hdfs-site.xml", _hdfs_site(cluster.folder))
    _write_xml(cluster.conf / "yarn-site.xml", _yarn_site(here))
    queues = {"root.queues": "default", "root.default.capacity": 100, "maximum-am-resource-percent": 0.9}
    capacities = {f"yarn.scheduler.capacity.{name}": value for name, value in queues.items()}
    _write_xml(cluster.conf / "capacity-scheduler.xml", capacities)


def _hdfs_site(folder: Path) -> dict[str, object]:
    any_port = ("namenode.http-address", "datanode.http.address", "datanode.address", "datanode.ipc.address")
    return {
        "dfs.replication": 1,
        "dfs.namenode.name.dir": f"file://{folder}/name",
        "dfs.datanode.data.dir": f"file://{folder}/data",
        "dfs.namenode.safemode.extension": 0,
        **{f"dfs.{name}": "127.0.0.1:0" for name in any_port},
    }


def _yarn_site(here: Mapping[str, str]) -> dict[str, object]:
    manager = {
        "hostname": "localhost",
        "address": here["resourcemanager"],
        "scheduler.address": here["scheduler"],
        "resource-tracker.address": here["tracker"],
        "admin.address": here["admin"],
        "webapp.address": here["web"],
        "connect.retry-interval.ms": 1000,
    }
    node = {
        "hostname": "localhost",
        **{f"{part}address": "localhost:0" for part in ("", "localizer.", "webapp.")},
        "resource.memory-mb": NODE_MEMORY,
        "resource.cpu-vcores": 4,
        "resource.memory.enforced": "false",  # or cgroups would have to do it
        "pmem-check-enabled": "true",
        "vmem-check-enabled": "false",
        "container-monitor.interval-ms": 500,
        "disk-health-checker.max-disk-utilization-per-disk-percentage": 100,
    }
    return {
        **{f"yarn.resourcemanager.{name}": value for name, value in manager.items()},
        **{f"yarn.nodemanager.{name}": value for name, value in node.items()},
        "yarn.scheduler.minimum-allocation-mb": 256,
        "yarn.scheduler.maximum-allocation-mb": NODE_MEMORY,
    }


def _write_xml(path: Path, properties: Mapping[str, object]) -> None:
    root = xml.Element("configuration")
    for name, value in properties.items():
        one = xml.SubElement(root, "property")
        xml.SubElement(one, "name").text, xml.SubElement(one, "value").text = name, str(value)
    xml.ElementTree(root).write(path)


def _java() -> str:
    found = shutil.which("java")
    assert found is not None
    return str(Path(found).resolve())
