"""Photos analysed in a process beside the worker: one that ends or hangs it is found, and the others get their rows.

A photo may end the process that decodes it, and Spark then tries the task again, with the same photo in it, until it
gives up the whole wave. So a task's later attempts take this way: a few photos at a time, and where that goes wrong
each of them alone. The process is a fresh interpreter and no fork, for the worker has threads, and perhaps a GPU.

Nothing is pickled between the two: photos go over as Arrow's columns of bytes and rows come back as its columns too, so
that not even a process that a photo has taken over can make the worker run anything.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

import pyarrow as pa
from pyspark.sql.types import StructType

from facejoin.conf.schemas import RESULTS
from facejoin.conf.settings import CarefulSettings
from facejoin.udfs.arrow import record_batch
from facejoin.udfs.rows import Row, analysis_row
from facejoin.udfs.task_networks import Loading
from facejoin.udfs.vision.analyse import Analysis

BODIES = pa.schema({"body": pa.binary()})
FOUND = StructType([RESULTS[name] for name in ("status", "error", "width", "height", "exif", "seconds", "faces")])
READY = b"ready"
START_SECONDS = 300.0  # for imports, networks and a first photo: ten on an idle machine
END_SECONDS = 10.0  # for what a process still does when its connection is closed
GLANCE_SECONDS = 0.05  # between two looks at the process's memory


class ProcessLost(Exception):
    """The process was ended, or had to be; the message says what it did."""


class CarefulAnalyser:
    """Rows for photos, whatever they do to the process that analyses them; a context manager.

    With limits of settings.seconds and settings.max_memory, where the system tells of memory (Linux).
    """

    def __init__(self, loading: Loading, settings: CarefulSettings) -> None:
        self._loading, self._settings = loading, settings
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def rows(self, bodies: Sequence[bytes]) -> Iterator[Row]:
        """The columns of an analysis for each body, in order, each as soon as it is known.

        Raises RuntimeError where a photo without anything in it cannot be analysed either.
        """
        for start in range(0, len(bodies), self._settings.photos):
            yield from self._rows_of_group(bodies[start : start + self._settings.photos])

    def _rows_of_group(self, group: Sequence[bytes]) -> Iterator[Row]:
        try:
            rows = self._analysed(group)
        except ProcessLost as lost:
            if len(group) == 1:
                yield analysis_row(Analysis("poisonous", str(lost)))
                return
        else:
            yield from rows
            return
        for body in group:
            yield from self._rows_of_group([body])

    def _analysed(self, bodies: Sequence[bytes]) -> list[Row]:
        """Raises ProcessLost."""
        connection = self._running()
        try:
            connection.send_bytes(to_arrow(pa.RecordBatch.from_pydict({"body": bodies}, BODIES)))
            rows = from_arrow(self._answer(connection, self._settings.seconds))
        except (OSError, EOFError) as error:
            raise ProcessLost(self._last_words()) from error
        if len(rows) != len(bodies):
            raise RuntimeError(f"{len(rows)} rows came back for {len(bodies)} photos")
        for row in rows:
            del row["seconds"]["download"]  # which is the worker's own
        return rows

    def _answer(self, connection: Connection, seconds: float) -> bytes:
        """Raises EOFError where the process has ended, ProcessLost where it had to be."""
        end = time.monotonic() + seconds
        while not connection.poll(GLANCE_SECONDS):
            if time.monotonic() > end:
                self._stop()
                raise ProcessLost(f"took more than {seconds:g} s")
            if self._process is not None and resident_bytes(self._process.pid) > self._settings.max_memory:
                self._stop()
                raise ProcessLost(f"took more than {self._settings.max_memory} bytes of memory")
        return connection.recv_bytes()

    def _running(self) -> Connection:
        """The connection to a process that has shown that it can analyse a photo."""
        if self._connection is not None and self._process is not None and self._process.poll() is None:
            return self._connection
        self._stop()
        self._connection, other = Pipe()
        with other:
            self._process = _started(other.fileno())
        try:
            self._connection.send_bytes(self._loading.model_dump_json().encode())
            self._connection.send_bytes(str(math.ceil(self._settings.seconds)).encode())
            answer = self._answer(self._connection, START_SECONDS)
        except (OSError, EOFError, ProcessLost) as error:
            what = str(error) if isinstance(error, ProcessLost) else self._last_words()
            raise RuntimeError(f"before any photo, the process beside the worker {what}") from error
        if answer != READY:
            raise RuntimeError(answer.decode())
        return self._connection

    def _last_words(self) -> str:
        """How the process ended, which has closed its side of the connection."""
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self._process.kill()
        status = self._process.wait()
        self._stop()
        how = f"by signal {-status}" if status < 0 else f"with status {status}: see the executor's log"
        return f"ended its worker {how}"

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None


def _started(descriptor: int) -> subprocess.Popen[bytes]:
    """It sees the same modules as this one, whatever of them Spark has put on the path."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "facejoin.udfs.careful_process", str(descriptor)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # the worker's own is Spark's
        pass_fds=[descriptor],
    )


def resident_bytes(process: int) -> int:
    """Memory of a process; 0 where the system does not say, or it has ended."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def to_arrow(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue().to_pybytes()


def from_arrow(data: bytes) -> list[Row]:
    return pa.ipc.open_stream(data).read_all().to_pylist()


def found_batch(rows: Sequence[Row]) -> pa.RecordBatch:
    return record_batch(rows, FOUND)
