"""Jobs and forgetting take turns: who forgets waits until running jobs have ended, and jobs wait until that is over.

Both take a lease first and look at the others' then. Of two that come at the same moment, the one whose claim was
committed second sees the other's, and waits.
"""

from __future__ import annotations

import logging
import operator
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from facejoin.jobs.store.leases import Held, Lease, held, lease
from facejoin.jobs.store.warehouse import Warehouse

FORGETTING = ("forget", "warehouse")  # job and unit of its lease
PAUSE = 1.0  # seconds between two looks

log = logging.getLogger(__name__)


@contextmanager
def working(
    warehouse: Warehouse, job: str, unit: str, clash: Callable[[str, str], bool] = operator.eq
) -> Iterator[Lease]:
    """The lease of a unit of work, taken while nobody is being forgotten: waits until that is so. Raises Held where
    somebody else has it, or another unit of the job that it is in `clash` with."""

    def gives_way_to(other: Lease) -> bool:
        return _is_forgetting(other) or (other.job == job and clash(other.unit, unit))

    while True:
        with ExitStack() as stack:
            try:
                mine = stack.enter_context(lease(warehouse, job, unit, gives_way_to=gives_way_to))
            except Held as other:
                if not _is_forgetting(other.lease):
                    raise
            else:
                yield mine
                return
        log.info("%s %s waits until somebody is forgotten", job, unit)
        _wait_while(lambda: any(map(_is_forgetting, held(warehouse))))


@contextmanager
def alone(warehouse: Warehouse, wait: float) -> Iterator[list[Lease]]:
    """Within, no job begins to write. Gives those that still do after `wait` seconds: none, where all went well."""
    ends = time.monotonic() + wait
    with ExitStack() as stack:
        if (other := _entered(stack, warehouse, ends)) is not None:
            yield [other]
            return
        _wait_while(lambda: bool(_others(warehouse)), ends)
        yield _others(warehouse)


def _entered(stack: ExitStack, warehouse: Warehouse, ends: float) -> Lease | None:
    """Who else still forgets then."""
    while True:
        try:
            stack.enter_context(lease(warehouse, *FORGETTING))
            return None
        except Held as other:
            if time.monotonic() >= ends:
                return other.lease
        time.sleep(PAUSE)


def _wait_while(busy: Callable[[], bool], ends: float = float("inf")) -> None:
    while busy() and time.monotonic() < ends:
        time.sleep(PAUSE)


def _is_forgetting(one: Lease) -> bool:
    return (one.job, one.unit) == FORGETTING


def _others(warehouse: Warehouse) -> list[Lease]:
    return [one for one in held(warehouse) if not _is_forgetting(one)]
