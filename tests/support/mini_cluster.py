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
import time
import xml.etree.ElementTree as xml
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyspark

ROOT = Path(__file__).parents[2]
SPARK = Path(pyspark.__file__).parent
JARS = ROOT / "build" / "hadoop"  # where `make test-cluster` puts them
CLIENT = [SPARK / "jars" / f"hadoop-client-{half}-*.jar" for half in ("api", "runtime")]
HDFS, YARN = "org.apache.hadoop.hdfs.server", "org.apache.hadoop.yarn.server"
NODES = ("node1", "node2")
NODE_MEMORY = 6144  # MB that each node manager may give away
START, END = 240.0, 20.0  # seconds that a daemon may take
PORTS = ("hdfs", "scheduler", "tracker", "resourcemanager", "admin", "web")
LOG4J = """log4j.rootLogger=INFO,A
log4j.appender.A=org.apache.log4j.ConsoleAppender
log4j.appender.A.target=System.err
log4j.appender.A.layout=org.apache.log4j.PatternLayout
log4j.appender.A.layout.ConversionPattern=%d{HH:mm:ss} %p %c{1}: %m%n
"""


@dataclass
class MiniCluster:
    folder: Path
    ports: Mapping[str, int]
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def conf(self) -> Path:
        """What HADOOP_CONF_DIR has to name."""
        return self.folder / "conf"

    def hdfs(self, *arguments: str | Path) -> None:
        """`hadoop fs`."""
        self._java("org.apache.hadoop.fs.FsShell", *map(str, arguments))

    def log(self, daemon: str) -> str:
        return (self.folder / f"{daemon}.log").read_text(errors="replace")

    def container_logs(self, application: str, file: str) -> dict[Path, str]:
        """Of all its containers, on either node."""
        found = self.folder.glob(f"*/logs/{application}/*/{file}")
        return {path: path.read_text(errors="replace") for path in sorted(found)}

    def start(self) -> None:
        self._java(f"{HDFS}.namenode.NameNode", "-format", "-nonInteractive")
        self._daemon("namenode", f"{HDFS}.namenode.NameNode")
        self._until("namenode", lambda: _listens(self.ports["hdfs"]))
        self._daemon("datanode", f"{HDFS}.datanode.DataNode")
        self._daemon("resourcemanager", f"{YARN}.resourcemanager.ResourceManager")
        for node in NODES:
            own = {"local-dirs": self.folder / node / "local", "log-dirs": self.folder / node / "logs"}
            options = [word for name, path in own.items() for word in ("-D", f"yarn.nodemanager.{name}={path}")]
            self._daemon(node, f"{YARN}.nodemanager.NodeManager", *options)
        self._until("datanode", lambda: "successfully registered with NN" in self.log("datanode"))
        for node in NODES:
            self._until(node, lambda node=node: "Registered with ResourceManager" in self.log(node))
        self.hdfs("-mkdir", "-p", "/tmp", "/user")
        self.hdfs("-chmod", "1777", "/tmp", "/user")

    def stop(self) -> None:
        """Daemons by their ids, the last to start first, and what a node manager may have left behind."""
        for daemon in reversed(self.daemons.values()):
            daemon.terminate()
        for daemon in self.daemons.values():
            with suppress(subprocess.TimeoutExpired):
                daemon.wait(END)
            daemon.kill()
            daemon.wait()
        for process in processes_with(str(self.folder)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def _daemon(self, name: str, program: str, *options: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            command = [*self._command(), program, *options]
            self.daemons[name] = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment())

    def _java(self, program: str, *arguments: str) -> None:
        command = [*self._command(), program, *arguments]
        done = subprocess.run(command, env=self._environment(), capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr[-2000:]

    def _command(self) -> list[str]:
        jars = [*JARS.glob("*.jar"), *(jar for half in CLIENT for jar in half.parent.glob(half.name))]
        path = os.pathsep.join(map(str, [self.conf, *jars]))
        fast = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true")
        return [_java(), *fast, f"-Djdk.net.hosts.file={self.folder / 'hosts'}", "-cp", path]

    def _environment(self) -> dict[str, str]:
        """Of a node that knows nothing of this project, its packages or its user."""
        home = self.folder / "home"
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "JAVA_HOME": str(Path(_java()).parents[1])}

    def _until(self, daemon: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START
        while not ready():
            ended = self.daemons[daemon].poll() is not None
            assert not ended and time.monotonic() < deadline, f"{daemon} is not ready:\n{self.log(daemon)[-3000:]}"
            time.sleep(0.3)


@contextmanager
def mini_cluster(folder: Path) -> Iterator[MiniCluster]:
    """Runs while somebody needs it."""
    cluster = MiniCluster(folder, _free_ports())
    for below in (cluster.conf, folder / "home"):
        below.mkdir(parents=True)
    (folder / "hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()}\n")
    (cluster.conf / "log4j.properties").write_text(LOG4J)
    for name, properties in _configuration(cluster).items():
        _write_xml(cluster.conf / f"{name}.xml", properties)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder / "data", ignore_errors=True)
        for node in NODES:
            shutil.rmtree(folder / node / "local", ignore_errors=True)


def processes_with(words: str) -> list[int]:
    """Ids of the processes, other than this one, that have these words on their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if words in command_line(int(entry.name)) and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def command_line(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_text(errors="replace").replace("\0", " ")


def _configuration(cluster: MiniCluster) -> dict[str, dict[str, object]]:
    """File → properties."""
    folder, here = cluster.folder, {name: f"localhost:{port}" for name, port in cluster.ports.items()}
    node = "yarn.nodemanager."
    return {
        "core-site": {"fs.defaultFS": f"hdfs://{here['hdfs']}", "hadoop.tmp.dir": folder / "tmp"},
        "hdfs-site": {
            "dfs.replication": 1,
            "dfs.namenode.name.dir": f"file://{folder}/name",
            "dfs.datanode.data.dir": f"file://{folder}/data",
            "dfs.namenode.safemode.extension": 0,
            **{f"dfs.{name}": "127.0.0.1:0" for name in ("namenode.http-address", "datanode.http.address")},
            **{f"dfs.datanode.{name}": "127.0.0.1:0" for name in ("address", "ipc.address")},
        },
        "yarn-site": {
            "yarn.resourcemanager.hostname": "localhost",
            "yarn.resourcemanager.address": here["resourcemanager"],
            "yarn.resourcemanager.scheduler.address": here["scheduler"],
            "yarn.resourcemanager.resource-tracker.address": here["tracker"],
            "yarn.resourcemanager.admin.address": here["admin"],
            "yarn.resourcemanager.webapp.address": here["web"],
            "yarn.resourcemanager.connect.retry-interval.ms": 1000,
            "yarn.scheduler.minimum-allocation-mb": 256,
            "yarn.scheduler.maximum-allocation-mb": NODE_MEMORY,
            f"{node}hostname": "localhost",
            **{f"{node}{name}address": "localhost:0" for name in ("", "localizer.", "webapp.")},
            f"{node}resource.memory-mb": NODE_MEMORY,
            f"{node}resource.cpu-vcores": 4,
            f"{node}resource.memory.enforced": "false",  # or cgroups would have to do it
            f"{node}pmem-check-enabled": "true",
            f"{node}vmem-check-enabled": "false",
            f"{node}container-monitor.interval-ms": 500,
            f"{node}disk-health-checker.max-disk-utilization-per-disk-percentage": 100,
        },
        "capacity-scheduler": {
            "yarn.scheduler.capacity.root.queues": "default",
            "yarn.scheduler.capacity.root.default.capacity": 100,
            "yarn.scheduler.capacity.maximum-am-resource-percent": 0.9,
        },
    }


def _write_xml(path: Path, properties: Mapping[str, object]) -> None:
    root = xml.Element("configuration")
    for name, value in properties.items():
        one = xml.SubElement(root, "property")
        xml.SubElement(one, "name").text, xml.SubElement(one, "value").text = name, str(value)
    xml.ElementTree(root).write(path)


def _free_ports() -> dict[str, int]:
    with ExitStack() as held:  # together, so that no two are the same
        probes = {name: held.enter_context(socket.socket()) for name in PORTS}
        for probe in probes.values():
            probe.bind(("127.0.0.1", 0))
        return {name: int(probe.getsockname()[1]) for name, probe in probes.items()}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _java() -> str:
    found = shutil.which("java")
    assert found is not None
    return str(Path(found).resolve())
