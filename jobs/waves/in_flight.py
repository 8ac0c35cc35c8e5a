"""Waves side by side, so that one downloads while another one commits, until the work is done or the process is told
to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from itertools import islice
from types import FrameType
from typing import TypeVar

from pyspark.sql import SparkSession

from facejoin.jobs.store.errors import SPARK_ERRORS, JobError

MOST = 2  # at once
TAG = "facejoin-wave"  # of Spark jobs that are dropped when the process is told to stop
POLL = 0.5  # seconds

W = TypeVar("W")
R = TypeVar("R")


class Stopped(JobError):
    """The process was told to stop (SIGTERM)."""

    exit_status = 128 + signal.SIGTERM


def in_flight(spark: SparkSession, waves: Iterable[W], work: Callable[[W], R]) -> Iterator[R]:
    """What `work` returns of each wave, as they end. Where one fails, those beside it end before its error is raised.
    Raises Stopped on SIGTERM, after dropping the tasks of the waves that are at work; what they hold they let go."""
    waves, done = iter(waves), 0
    with _told_to_stop() as stop, ThreadPoolExecutor(MOST, thread_name_prefix="wave") as pool:
        running = {pool.submit(work, wave) for wave in islice(waves, MOST)}
        while running:
            ended, running = wait(running, POLL, FIRST_COMPLETED)
            if stop.is_set():
                done += _dropped(spark, ended | running)
                raise Stopped(f"stopped by SIGTERM: {done} waves are kept, and the next crawl goes on after them")
            failed = next((future for future in ended if future.exception() is not None), None)
            if failed is not None:
                wait(running)
                failed.result()
            for future in ended:
                running |= {pool.submit(work, wave) for wave in islice(waves, 1)}
                done += 1
                yield future.result()


@contextmanager
def droppable(spark: SparkSession) -> Iterator[None]:
    """Around the Spark job whose tasks may be dropped: by any thread, which a tag of the session could be by its own
    alone."""
    spark.sparkContext.addJobTag(TAG)
    try:
        yield
    finally:
        spark.sparkContext.removeJobTag(TAG)


def _dropped(spark: SparkSession, waves: set[Future[R]]) -> int:
    """How many were done all the same."""
    while wait(waves, POLL).not_done:
        with suppress(*SPARK_ERRORS):  # Spark may have been told to stop, too: then the waves end by themselves
            spark.sparkContext.cancelJobsWithTag(TAG)
    errors = [wave.exception() for wave in waves]
    for error in errors:
        if error is not None and not isinstance(error, SPARK_ERRORS):
            raise error
    return errors.count(None)


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Set by SIGTERM; elsewhere than in the main thread, which alone hears signals, never."""
    stop = threading.Event()

    def told(_signum: int, _frame: FrameType | None) -> None:
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGTERM, told)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)
