"""The session that jobs run on."""

from facejoin.jobs.store.session import default_configuration, runs_locally, spark_session


def test_a_session_that_is_there_is_used_as_it_is(spark):
    before = spark.conf.get("spark.sql.shuffle.partitions")
    assert spark_session({"spark.sql.shuffle.partitions": "99"}) is spark
    assert spark.conf.get("spark.sql.shuffle.partitions") == before


def test_our_own_session_has_our_defaults(spark):
    for key in ("spark.sql.extensions", "spark.sql.session.timeZone", "spark.speculation"):
        assert spark.conf.get(key) == default_configuration()[key]
    assert runs_locally(spark)
    assert "log4j2" in spark.conf.get("spark.driver.extraJavaOptions")
