"""What a task's worker takes of its machine: measured beside the task, and told to the crawl's keeper."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from facejoin.udfs.web.hosts import Hosts, KeeperLost
from facejoin.udfs.web.outcomes import NotFetched

LAST_WORD_SECONDS = 5.0  # that a task waits at its end for what its meter has yet to say


class Meter:
    """Of this process and of those that it has started, the one of a careful task among them."""

    def __init__(self) -> None:
        self.worker = f"{socket.gethostname()} {os.getpid()}"
        self._process = psutil.Process()
        self._at, self._core_seconds = time.monotonic(), self._taken()[0]

    def read(self) -> tuple[float, float, int]:
        """Seconds since it was read last, processor time taken in them, and bytes of memory at this moment."""
        (core_seconds, memory), now = self._taken(), time.monotonic()
        since = now - self._at, max(core_seconds - self._core_seconds, 0.0)
        self._at, self._core_seconds = now, core_seconds
        return *since, memory

    def _taken(self) -> tuple[float, int]:
        """(processor time so far, resident memory); a process that has ended counts with the one that started it."""
        core_seconds, memory = 0.0, 0
        for process in (self._process, *self._process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                times = process.cpu_times()
                memory += process.memory_info().rss
                core_seconds += times.user + times.system + times.children_user + times.children_system
        return core_seconds, memory


@contextmanager
def metered(meter: Meter, hosts: Hosts | None, wave: str, seconds: float) -> Iterator[None]:
    """Reads the meter every so many seconds, and at the end, for the keeper. Where that cannot be told anything, the
    task hears of it by its next request and not from here. hosts: None: nobody is told."""
    if hosts is None:
        yield
        return
    ended = threading.Event()
    teller = threading.Thread(target=_tell, args=(meter, hosts, wave, seconds, ended), name="meter", daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join(LAST_WORD_SECONDS)


def _tell(meter: Meter, hosts: Hosts, wave: str, seconds: float, ended: threading.Event) -> None:
    with suppress(KeeperLost, NotFetched):
        while not ended.wait(seconds):
            hosts.taken(wave, meter.worker, *meter.read())
        hosts.taken(wave, meter.worker, *meter.read())
