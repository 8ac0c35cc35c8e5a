"""Downloads ahead of whoever uses them: a bounded number in flight, in the order in which they finish."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[tuple[Item, Result]]:
    """(item, work(item)) for every item, as each is done; at most 2 · threads are under way or waiting to be taken.

    An exception of `work` is raised here. A caller that stops early leaves nothing running but what had begun.

    >>> sorted(ahead(len, ["a", "bcd", "ef"], threads=2))
    [('a', 1), ('bcd', 3), ('ef', 2)]
    """
    pool = ThreadPoolExecutor(threads)
    begun: dict[Future[Result], Item] = {}
    try:
        for item in items:
            begun[pool.submit(work, item)] = item
            if len(begun) >= 2 * threads:
                yield from _finished(begun)
        while begun:
            yield from _finished(begun)
    finally:
        pool.shutdown(cancel_futures=True)


def _finished(begun: dict[Future[Result], Item]) -> Iterator[tuple[Item, Result]]:
    """At least one, waiting for it if need be."""
    done, _ = wait(begun, return_when=FIRST_COMPLETED)
    for future in done:
        yield begun.pop(future), future.result()
