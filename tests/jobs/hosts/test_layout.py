"""Which task asks which host: by arithmetic, and as Spark then lays the photos out."""

import pytest
from pyspark.sql import functions as F

from facejoin.conf.settings import CrawlSettings, FetchSettings, HostBudget
from facejoin.jobs.hosts.layout import GROUP, Layout, group_column, laid_out, layout
from facejoin.udfs.web.pace import group_of

FETCH = FetchSettings.model_validate(
    {
        "host_groups": [
            {"hosts": ["*.pictures.test", "pictures.test"], "connections": 8, "requests_per_second": 50},
            {"hosts": ["slow.test"], "connections": 9, "requests_per_second": 0.5},
        ]
    }
)
URLS = [
    *("http://farm1.pictures.test/1.jpg", "https://FARM2.pictures.test:8443/2.jpg", "http://pictures.test/3.jpg"),
    *("http://10.0.0.7:80/7.jpg", "http://user@odd_name.test/8.jpg"),
    *("http://other.test/4.jpg", "http://pictures.test.evil/5.jpg", "http://slow.test/6.jpg?a=http://x.test/"),
]


def tasks_of(plan: Layout) -> list[int]:
    return [len(tasks) for tasks in (*plan.groups.values(), plan.others)]


def test_a_group_gets_tasks_for_its_share_of_the_photos() -> None:
    plenty = FetchSettings(each_host=HostBudget(connections=99, requests_per_second=99))
    plan = layout({"a.test": 600, "b.test": 100}, 1000, 20, plenty)
    assert tasks_of(plan) == [12, 2, 6]
    assert [*plan.groups["a.test"], *plan.groups["b.test"], *plan.others] == [*range(plan.tasks)]


def test_a_group_gets_no_more_tasks_than_its_budget_keeps_at_work() -> None:
    assert tasks_of(layout({"*.pictures.test": 1000}, 1000, 100, FETCH)) == [8, 1]
    assert tasks_of(layout({"slow.test": 1000}, 1000, 100, FETCH)) == [1, 1]
    assert tasks_of(layout({"any.test": 1000}, 1000, 100, FETCH)) == [4, 1]


def test_the_example_of_the_docstring() -> None:
    plan = layout({"a.test": 60, "*.staticflickr.com": 30}, photos=100, tasks=10, fetch=FetchSettings())
    assert plan == Layout({"a.test": range(0, 4), "*.staticflickr.com": range(4, 7)}, range(7, 8))


def test_there_is_always_a_task_for_what_has_no_host() -> None:
    assert tasks_of(layout({}, 1, 1, FETCH)) == [1]


@pytest.fixture(scope="module")
def todo(spark):
    """Of the large group 400 photos, of fifty other hosts two each, and some that are not downloaded."""
    rows: list[tuple[int, str, str | None]]
    rows = [(number, f"http://farm{number % 9}.pictures.test/{number}.jpg", None) for number in range(400)]
    rows += [(1000 + number, f"http://host{number % 50}.test/{number}.jpg", None) for number in range(100)]
    rows += [(2000, "no address", None), (2001, "http://pictures.test/2001.jpg", "video")]
    return spark.createDataFrame(rows, "photo_id bigint, download_url string, status string")


def test_photos_lie_by_host_and_none_is_lost(spark, todo) -> None:
    crawl = CrawlSettings(fetch=FETCH, task_photos=20)
    placed = laid_out(todo, 502, crawl, at_once=2)
    assert placed.columns == todo.columns
    grouped = placed.withColumn("task", F.spark_partition_id()).withColumn(
        "hosts", group_column(F.col("download_url"), FETCH)
    )
    rows = grouped.collect()
    assert sorted(row["photo_id"] for row in rows) == sorted(row["photo_id"] for row in todo.collect())
    of_group = {row["task"] for row in rows if row["hosts"] == "*.pictures.test" and row["status"] is None}
    assert len(of_group) == 8  # all of those that it was given
    for number in range(50):
        assert len({row["task"] for row in rows if row["hosts"] == f"host{number}.test"}) == 1
    assert {row["task"] for row in rows if row["hosts"] != "*.pictures.test"} & of_group == set()


def test_the_groups_column_is_what_the_tasks_themselves_take_for_the_group(spark) -> None:
    rows = spark.createDataFrame([(url,) for url in [*URLS, "no address", "http://[", ""]], "download_url string")
    groups = [row[GROUP] for row in rows.withColumn(GROUP, group_column(F.col("download_url"), FETCH)).collect()]
    hosts = [
        "farm1.pictures.test",
        "farm2.pictures.test",
        "pictures.test",
        "10.0.0.7",
        "odd_name.test",
        "other.test",
        "pictures.test.evil",
        "slow.test",
    ]
    assert groups[: len(URLS)] == [group_of(host, FETCH)[0] for host in hosts]
    assert groups[len(URLS) :] == [None, None, None]
