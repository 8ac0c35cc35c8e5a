"""Downloads ahead of whoever uses them: a bounded number in flight, in the order in which they finish."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[tuple[Item, Result]]:
    """(item, work(item)) for every item, as each is done; at most 2 · threads are under way or waiting to be taken.

    An exception of `work` is raised here. A caller that stops early leaves nothing running but what had begun.

    >>> sorted(ahead(len, ["a", "bcd", "ef"], threads=2))
    [('a', 1), ('bcd', 3), ('ef', 2)]
    """
    for pair in _ahead(work, items, threads, lambda: None):
        if pair is not None:
            yield pair


def groups_ahead(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    threads: int,
    most: int,
    seconds: float,
    full: Callable[[list[tuple[Item, Result]]], bool] = lambda _: False,
) -> Iterator[list[tuple[Item, Result]]]:
    """The same, handed over together: `most` of them, or fewer that are `full`, or whose first is `seconds` old,
    however long the next one takes.

    >>> [len(group) for group in groups_ahead(len, ["a", "bcd", "ef"], threads=2, most=2, seconds=60)]
    [2, 1]
    """
    group: list[tuple[Item, Result]] = []
    end = 0.0

    def patience() -> float | None:
        return max(0.0, end - time.monotonic()) if group else None

    for pair in _ahead(work, items, threads, patience):
        if pair is not None:
            end = end if group else time.monotonic() + seconds
            group.append(pair)
        if group and (len(group) >= most or time.monotonic() >= end or full(group)):
            yield group
            group = []
    if group:
        yield group


def in_time(items: Iterable[Item], most: int, seconds: float) -> Iterator[list[Item]]:
    """Lists of at most so many, each handed over with the first item that comes when it is that old.

    >>> [*in_time("abc", most=2, seconds=60)]
    [['a', 'b'], ['c']]
    """
    part: list[Item] = []
    end = 0.0
    for item in items:
        end = end if part else time.monotonic() + seconds
        part.append(item)
        if len(part) >= most or time.monotonic() >= end:
            yield part
            part = []
    if part:
        yield part


def _ahead(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, patience: Callable[[], float | None]
) -> Iterator[tuple[Item, Result] | None]:
    """As `ahead`, and None whenever nothing has come for as many seconds as `patience` then says; None: any number."""
    pool = ThreadPoolExecutor(threads)
    done: SimpleQueue[tuple[Item, Future[Result]]] = SimpleQueue()
    begun = 0
    try:
        for item in items:
            pool.submit(work, item).add_done_callback(partial(_put, done, item))
            begun += 1
            while begun >= 2 * threads:
                pair = _next(done, patience())
                begun -= pair is not None
                yield pair
        while begun:
            pair = _next(done, patience())
            begun -= pair is not None
            yield pair
    finally:
        pool.shutdown(cancel_futures=True)


def _put(done: SimpleQueue[tuple[Item, Future[Result]]], item: Item, future: Future[Result]) -> None:
    done.put((item, future))


def _next(done: SimpleQueue[tuple[Item, Future[Result]]], seconds: float | None) -> tuple[Item, Result] | None:
    """Waiting for it if need be; None where none came in time."""
    try:
        item, future = done.get(timeout=seconds)
    except Empty:
        return None
    return item, future.result()
