"""What goes wrong in a job, as one line for whoever started it."""

from __future__ import annotations

import re

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

SPARK_ERRORS = (PySparkException, Py4JError)
WIDEST = 400  # characters


class JobError(RuntimeError):
    """A job that cannot be done, for a reason that its user can understand: one line."""

    exit_status = 1  # of the command


def one_line(error: BaseException) -> str:
    """The line that says most: a Python worker's exception, or Spark's first line with the deepest cause Java names."""
    text = str(error)
    worker = re.findall(r"^(\w[\w.]*(?:Error|Exception|Interrupt)\b.*)$", text.partition("Traceback")[2], re.MULTILINE)
    if worker:
        return _short(worker[0])
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("An error occurred")]
    first = re.sub(r"^: *([\w.$]+: *)?|\s*SQLSTATE: \w+", "", lines[0]) if lines else type(error).__name__
    causes = re.findall(r"^Caused by: (?:[\w.$]+: )?(.+)$", text, re.MULTILINE)
    return _short(first if not causes or causes[-1] in first else f"{first} ({causes[-1]})")


def _short(text: str) -> str:
    return re.sub(r"\s+", " ", text)[:WIDEST]
