"""Daemons of others on this machine, each a process that is ended by its own id: how they start, are ready and end."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

START, END = 240.0, 20.0  # seconds that one may take


@contextmanager
def daemon(log: Path, words: list[str], variables: Mapping[str, str], ready: Callable[[], bool]) -> Iterator[None]:
    """Runs until somebody has done with it; what it says is in `log`."""
    with log.open("wb") as said:
        running = subprocess.Popen(words, env=variables, stdout=said, stderr=said)
    try:
        wait_until(ready, lambda: running.poll() is None, START, log)
        yield
    finally:
        running.terminate()
        with suppress(subprocess.TimeoutExpired):
            running.wait(END)
        running.kill()
        running.wait()


def wait_until(ready: Callable[[], bool], alive: Callable[[], bool], seconds: float, log: Path) -> None:
    """Fails, with the end of the log, where it ends or takes too long before it is `ready`."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert alive(), f"it ended:\n{log.read_text(errors='replace')[-3000:]}"
        assert time.monotonic() < deadline, f"not ready in time:\n{log.read_text(errors='replace')[-3000:]}"
        time.sleep(0.3)


def says(log: Path, words: str) -> Callable[[], bool]:
    return lambda: words in log.read_text(errors="replace")


def listens(port: int) -> Callable[[], bool]:
    def asked() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return asked


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:  # together, so that no two are the same
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def processes_with(words: str) -> list[int]:
    """Ids of the processes, other than this one, that have these words on their command line."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if words in command_line(int(entry.name)) and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def command_line(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_text(errors="replace").replace("\0", " ")
