"""Stores in which two writers could both believe that their commit was the one."""

from __future__ import annotations

from pyspark.sql import SparkSession

from facejoin.conf.settings import SettingsError

SCHEMES = ("s3a", "s3", "s3n")
SAFE = "io.delta.storage.S3DynamoDBLogStore"


def check_log_store(spark: SparkSession, folder: str) -> None:
    """Raises SettingsError for a folder on S3 whose log store is not safe for two writers, naming the setting."""
    scheme, found, _ = folder.partition("://")
    if not found or scheme not in SCHEMES or _has_its_own(spark):
        return
    key = f"spark.delta.logStore.{scheme}.impl"
    given = spark.conf.get(key, None) or spark.conf.get("spark.delta.logStore.class", None)
    if given is None or given.endswith("S3SingleDriverLogStore"):
        raise SettingsError(
            f"the warehouse {folder}: with {key} {given or 'not set'} two jobs that commit at once lose rows; set "
            f"{key} to {SAFE} (package io.delta:delta-storage-s3-dynamodb), or to a log store of your own that is safe"
        )


def _has_its_own(spark: SparkSession) -> bool:
    """Databricks commits by a service of its own."""
    return spark.conf.get("spark.databricks.clusterUsageTags.sparkVersion", None) is not None
