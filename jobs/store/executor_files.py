"""Files that every executor needs beside the code."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from facejoin.conf.settings import NetworkSettings
from facejoin.jobs.store.session import runs_locally
from facejoin.udfs.vision.analyse import needed_weights
from facejoin.udfs.vision.engines.weights import find_weights


def ship_weights(spark: SparkSession, settings: NetworkSettings) -> None:
    """Checks the weights here and sends them to the executors that do not share the cache. Raises WeightsError.

    A driver on a node of a cluster may have got them into the folder that it runs in.
    """
    for name, sha256 in needed_weights(settings.vision).items():
        path = find_weights(name, sha256, [Path(settings.cache), Path()])
        if hasattr(spark, "_jsparkSession") and not runs_locally(spark):
            spark.sparkContext.addFile(str(path))
