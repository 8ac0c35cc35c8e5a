"""Which task asks which host: few tasks for each, so that a host's budget is shared by few."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from facejoin.conf.settings import CrawlSettings, FetchSettings, HostBudget
from facejoin.udfs.web.pace import group_of

HOST = r"^\s*(?i:https?)://(?:[^/?#@]*@)?(\[[^\]]*\]|[^\[/?#:]*)"
PARTITION, GROUP = "_task", "_hosts"


@dataclass(frozen=True)
class Layout:
    """Tasks by number: those of each large group of hosts, after them those that all other hosts are spread over."""

    groups: Mapping[str, range]
    others: range

    @property
    def tasks(self) -> int:
        return self.others.stop


def laid_out(todo: DataFrame, photos: int, crawl: CrawlSettings, at_once: int) -> DataFrame:
    """The photos to do, so many of them, each in the task that asks its host. at_once: tasks that the cluster runs."""
    tasks = max(math.ceil(photos / crawl.task_photos), at_once)
    grouped = todo.withColumn(GROUP, group_column(F.col("download_url"), crawl.fetch))
    counts = grouped.where(f"status IS NULL AND {GROUP} IS NOT NULL").groupBy(GROUP).count()
    large = counts.where(F.col("count") > photos / tasks).collect()  # fewer than there are tasks
    plan = layout({row[GROUP]: row["count"] for row in large}, photos, tasks, crawl.fetch)
    placed = grouped.withColumn(PARTITION, task_column(plan))
    return placed.repartitionById(plan.tasks, PARTITION).drop(PARTITION, GROUP)


def layout(large: Mapping[str, int], photos: int, tasks: int, fetch: FetchSettings) -> Layout:
    """large: photos of each group of hosts that has more than a task's share of them.

    A group gets tasks for its share of the photos, but no more than can be at work within its budget, each with a
    connection and a request a second.

    >>> layout({"a.test": 60, "*.staticflickr.com": 30}, photos=100, tasks=10, fetch=FetchSettings())
    Layout(groups={'a.test': range(0, 4), '*.staticflickr.com': range(4, 7)}, others=range(7, 8))
    """
    each, first = photos / tasks, 0
    groups: dict[str, range] = {}
    for group, count in sorted(large.items(), key=lambda item: (-item[1], item[0])):
        last = first + min(math.ceil(count / each), _at_work(group_of_name(group, fetch)))
        groups[group] = range(first, last)
        first = last
    others = math.ceil((photos - sum(large.values())) / each)
    return Layout(groups, range(first, first + max(others, 1)))


def group_of_name(group: str, fetch: FetchSettings) -> HostBudget:
    """The budget of a group by its name, which is its first pattern, or a host of its own."""
    named = [one for one in fetch.host_groups if one.hosts[0] == group]
    return named[0] if named else group_of(group, fetch)[1]


def _at_work(budget: HostBudget) -> int:
    return max(min(budget.connections, int(budget.requests_per_second)), 1)


def host_column(url: Column) -> Column:
    """Of a web address, in lower case and without a port; null of anything else. Odd names too, which Java's URLs have
    no host for."""
    return F.nullif(F.lower(F.regexp_extract(url, HOST, 1)), F.lit(""))


def group_column(url: Column, fetch: FetchSettings) -> Column:
    """The column's twin of `group_of`; null where the URL has no host."""
    host = group = host_column(url)
    for one in reversed(fetch.host_groups):
        matches = host.rlike("|".join(f"^{translate(pattern)}" for pattern in one.hosts))
        group = F.when(matches, F.lit(one.hosts[0])).otherwise(group)
    return group


def task_column(plan: Layout) -> Column:
    """Photos without a host, or that are not downloaded, are spread over the tasks of the others."""
    group, photo = F.col(GROUP), F.col("photo_id")
    task = _within(F.coalesce(F.hash(group), F.hash(photo)), plan.others)
    for name, tasks in plan.groups.items():
        task = F.when(group == name, _within(F.hash(photo), tasks)).otherwise(task)
    return F.when(F.col("status").isNotNull(), _within(F.hash(photo), plan.others)).otherwise(task).cast("int")


def _within(number: Column, tasks: range) -> Column:
    """Not by the hash that gives a photo its bucket: a wave has few buckets, and would have few tasks."""
    return F.pmod(number, F.lit(len(tasks))) + tasks.start
