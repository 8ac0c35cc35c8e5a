"""What Delta keeps of rows that are no more, taken away: files of old versions, and what the log says of them.

For who was forgotten, and while nobody else writes: a file that a running job is about to commit is one that no version
has.
"""

from __future__ import annotations

from facejoin.jobs.store.session import hadoop_path, java, settings_within
from facejoin.jobs.store.warehouse import Warehouse

VACUUM = {  # settings of Spark while it runs
    "spark.databricks.delta.retentionDurationCheck.enabled": "false",
    "spark.databricks.delta.vacuum.logging.enabled": "false",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",  # tasks that list files: a table has one folder
}
TOMBSTONES = "delta.deletedFileRetentionDuration"  # how long the log names removed files
AT_ONCE = "interval 0 seconds"


def drop_history(warehouse: Warehouse, name: str) -> None:
    """Leaves the files of the last version, a checkpoint of it and no earlier log. Raises JobError on Spark Connect,
    which cannot delete files."""
    jvm = java(warehouse.spark)
    before = _property(warehouse, name, TOMBSTONES)
    _set(warehouse, name, f"'{TOMBSTONES}' = '{AT_ONCE}'")
    with settings_within(warehouse.spark, VACUUM):
        warehouse.spark.sql(f"VACUUM {_sql_name(warehouse, name)} RETAIN 0 HOURS").collect()
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(warehouse.spark._jsparkSession, warehouse.path(name))
    log.checkpoint()  # without the names of removed files, whose time is over
    _drop_log_before(warehouse, name, log.unsafeVolatileSnapshot().version())
    if before in (None, AT_ONCE):  # the latter where an earlier run was cut short
        warehouse.spark.sql(f"ALTER TABLE {_sql_name(warehouse, name)} UNSET TBLPROPERTIES ('{TOMBSTONES}')")
    else:
        _set(warehouse, name, f"'{TOMBSTONES}' = '{before}'")


def _drop_log_before(warehouse: Warehouse, name: str, version: int) -> None:
    """As Delta does with what is older than a month: a checkpoint stands for all before it."""
    folder, files = hadoop_path(warehouse.spark, f"{warehouse.path(name)}/_delta_log")
    for status in files.listStatus(folder):
        number = status.getPath().getName().split(".")[0]
        if number.isdecimal() and int(number) < version:
            files.delete(status.getPath(), False)


def _property(warehouse: Warehouse, name: str, key: str) -> str | None:
    rows = warehouse.spark.sql(f"SHOW TBLPROPERTIES {_sql_name(warehouse, name)}").collect()
    return next((row["value"] for row in rows if row["key"] == key), None)


def _set(warehouse: Warehouse, name: str, properties: str) -> None:
    warehouse.spark.sql(f"ALTER TABLE {_sql_name(warehouse, name)} SET TBLPROPERTIES ({properties})")


def _sql_name(warehouse: Warehouse, name: str) -> str:
    return f"delta.`{warehouse.path(name).replace('`', '``')}`"
