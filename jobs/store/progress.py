"""Progress bars of Spark jobs, one step a task."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

REFRESH = 0.5  # seconds


@contextmanager
def task_progress(spark: SparkSession, label: str) -> Iterator[None]:
    """Shows how many tasks of the jobs started within are done. On Spark Connect, which cannot tell, only the time."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task(label, total=None)
        finished = threading.Event()
        watcher = threading.Thread(target=_watch, args=(spark, progress, bar, finished), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            finished.set()
            watcher.join()


def _watch(spark: SparkSession, progress: Progress, bar: object, finished: threading.Event) -> None:
    tracker = spark.sparkContext.statusTracker() if hasattr(spark, "_jsparkSession") else None
    seen: dict[int, tuple[int, int]] = {}  # stage → tasks done, tasks in all
    while not finished.wait(REFRESH):
        if tracker is None:
            continue
        for stage in tracker.getActiveStageIds():
            if (info := tracker.getStageInfo(stage)) is not None:
                seen[stage] = (info.numCompletedTasks, info.numTasks)
        for stage in set(seen) - set(tracker.getActiveStageIds()):
            seen[stage] = (seen[stage][1], seen[stage][1])
        progress.update(bar, completed=sum(d for d, _ in seen.values()), total=sum(n for _, n in seen.values()) or None)  # type: ignore[arg-type]
    progress.update(bar, completed=1, total=1)  # type: ignore[arg-type]
