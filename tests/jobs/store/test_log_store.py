"""A warehouse on S3 needs a log store that is safe for two writers."""

import pytest

from facejoin.conf.settings import SettingsError
from facejoin.jobs.store.log_store import SAFE, check_log_store

KEY = "spark.delta.logStore.s3a.impl"


@pytest.mark.parametrize("given", [None, "io.delta.storage.S3SingleDriverLogStore"])
def test_without_one_it_is_refused_with_the_setting_that_helps(spark, set_key, given):
    set_key(given)
    with pytest.raises(SettingsError, match=f"with {KEY} {given or 'not set'} .*set {KEY} to {SAFE}"):
        check_log_store(spark, "s3a://bucket/warehouse")


def test_with_one_and_elsewhere_it_is_not(spark, set_key):
    set_key(SAFE)
    for folder in ("s3a://bucket/warehouse", "/warehouse", "hdfs:///warehouse", "abfss://box@account/warehouse"):
        check_log_store(spark, folder)


@pytest.fixture
def set_key(spark):
    yield lambda value: spark.conf.unset(KEY) if value is None else spark.conf.set(KEY, value)
    spark.conf.unset(KEY)
