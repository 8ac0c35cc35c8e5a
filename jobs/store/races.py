"""Commits that another writer was faster with: looked at again and tried again, for it is nobody's fault."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Collection
from typing import TypeVar

from delta import exceptions
from pyspark.errors import AnalysisException

LOST_RACES = (
    exceptions.ConcurrentAppendException,
    exceptions.ConcurrentDeleteDeleteException,
    exceptions.ConcurrentDeleteReadException,
    exceptions.ConcurrentTransactionException,
    exceptions.ConcurrentWriteException,
    exceptions.DeltaConcurrentModificationException,
    exceptions.MetadataChangedException,
    exceptions.ProtocolChangedException,
)  # Delta gives them no common ancestor of their own
HALF_MADE = ("DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION", "DELTA_TABLE_NOT_FOUND")  # of a table that another one makes
TRIES = 10
LONGEST_PAUSE = 2.0  # seconds; a random part of it, so that two losers do not meet again

R = TypeVar("R")
log = logging.getLogger(__name__)


def retried(work: Callable[[], R], tries: int = TRIES, conditions: Collection[str] = ()) -> R:
    """What `work` returns, which looks at the tables anew each time that it loses a race. The last loss is raised.

    conditions: of Spark's errors that tell of a race, too.
    """
    for _ in range(tries - 1):
        try:
            return work()
        except LOST_RACES as error:
            log.info("another writer was faster: %s", type(error).__name__)
        except AnalysisException as error:
            if error.getCondition() not in conditions:
                raise
            log.info("another writer is not ready: %s", error.getCondition())
        pause()
    return work()


def pause() -> None:
    time.sleep(random.uniform(0, LONGEST_PAUSE))
