"""Weights go to executors that do not share this machine's disk, and to no others."""

from types import SimpleNamespace

import pytest

from facejoin.jobs.store.executor_files import ship_weights
from facejoin.udfs.vision.engines.errors import WeightsError


def session(master):
    """Of a driver on that master; it notes the files that it is told to send."""
    sent: list[str] = []
    context = SimpleNamespace(addFile=sent.append)
    configuration = SimpleNamespace(get=lambda key, default=None: master if key == "spark.master" else default)
    return SimpleNamespace(_jsparkSession=None, sparkContext=context, conf=configuration, sent=sent)


@pytest.mark.parametrize(
    ("master", "sends"),
    [("local[2]", False), ("local-cluster[2,1,1024]", True), ("yarn", True), ("spark://one:7077", True)],
)
def test_weights_are_sent_where_executors_are_other_machines(make_settings, master, sends):
    spark = session(master)
    ship_weights(spark, make_settings().networks)
    assert [path.rpartition(".")[2] for path in spark.sent] == (["onnx", "onnx"] if sends else [])


def test_spark_connect_has_no_way_to_send_a_file(make_settings):
    spark = session("yarn")
    del spark._jsparkSession
    ship_weights(spark, make_settings().networks)
    assert spark.sent == []


def test_weights_that_are_not_here_are_an_error_wherever_the_executors_are(make_settings, tmp_path):
    spark = session("yarn")
    with pytest.raises(WeightsError, match="run `facejoin weights sface`"):
        ship_weights(spark, make_settings(cache=str(tmp_path)).networks)
    assert spark.sent == []
