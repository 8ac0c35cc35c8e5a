"""The versions of Spark and Delta that fit together. Said here only, and without an import, so that setup.py, make and
spark-submit.sh can read them before anything is installed."""

SPARK = "4.2.0"
SCALA = "2.13"  # that Spark's Python package is built with
DELTA = "4.4.0"  # 4.4.1 is on the Python registry, but its jar is not on Maven Central
UNITY_CATALOG = "0.6.0"  # that this Delta is built with

DELTA_ARTIFACT = f"delta-spark_{SPARK.rpartition('.')[0]}_{SCALA}"
DELTA_PACKAGE = f"io.delta:{DELTA_ARTIFACT}:{DELTA}"
