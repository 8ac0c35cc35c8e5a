"""spark-submit.sh, as the tests call it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT = 880  # seconds
QUICK_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # a second compiler and a parallel collector do not pay off
SMALL = {  # few rows: compiling, and tasks without any, would take most of the time
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.executor.extraJavaOptions": QUICK_JVM,
    "spark.yarn.am.extraJavaOptions": QUICK_JVM,
}


def command(options: Mapping[str, str], *job: str | Path) -> list[str]:
    pairs = [word for pair in {**SMALL, **options}.items() for word in ("--conf", "=".join(pair))]
    return [str(ROOT / "spark-submit.sh"), *pairs, *map(str, job)]


def environment(**more: str | Path) -> dict[str, str]:
    """Of a program that submits: nothing of the tests' own Python but what `more` says."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYSPARK", "SPARK_"))}
    own = {"SPARK_LOCAL_IP": "127.0.0.1", "JDK_JAVA_OPTIONS": QUICK_JVM}
    return clean | own | {name: str(value) for name, value in more.items()}


def submit(options: Mapping[str, str], *job: str | Path, **variables: str | Path) -> subprocess.CompletedProcess[str]:
    words = command(options, *job)
    return subprocess.run(words, env=environment(**variables), capture_output=True, text=True, timeout=TIMEOUT)
