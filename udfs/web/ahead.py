"""Work ahead of whoever uses it: a bounded number of items begun, in the order in which they are done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

MOMENT_SECONDS = 0.005  # in which others are done, too
LULL_SECONDS = 1.0  # whoever waits has nothing else to do

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    begin: Callable[[Item], Future[Result]], items: Iterable[Item], most_begun: int
) -> Iterator[tuple[Item, Result]]:
    """(item, result) for every item, as each is done; at most so many have begun and are not taken yet.

    What a result raises is raised here. A caller that stops early cancels what has begun.

    >>> with ThreadPoolExecutor(2) as pool:
    ...     sorted(ahead(lambda text: pool.submit(len, text), ["a", "bcd", "ef"], most_begun=4))
    [('a', 1), ('bcd', 3), ('ef', 2)]
    """
    for pair in _ahead(begin, items, most_begun, lambda: None):
        if pair is not None:
            yield pair


def groups_ahead(
    begin: Callable[[Item], Future[Result]],
    items: Iterable[Item],
    most_begun: int,
    most: int,
    seconds: float,
    full: Callable[[list[tuple[Item, Result]]], bool] = lambda _: False,
) -> Iterator[list[tuple[Item, Result]]]:
    """The same, handed over together: `most` of them, or fewer that are `full`, or whose first is `seconds` old, or
    where the next one takes longer than LULL_SECONDS.

    >>> with ThreadPoolExecutor(2) as pool:
    ...     groups = groups_ahead(lambda text: pool.submit(len, text), ["a", "bcd", "ef"], 4, most=2, seconds=60)
    ...     [len(group) for group in groups]
    [2, 1]
    """
    group: list[tuple[Item, Result]] = []
    end = 0.0

    def patience() -> float | None:
        return min(max(0.0, end - time.monotonic()), LULL_SECONDS) if group else None

    for pair in _ahead(begin, items, most_begun, patience):
        if pair is not None:
            end = end if group else time.monotonic() + seconds
            group.append(pair)
        if group and (pair is None or len(group) >= most or time.monotonic() >= end or full(group)):
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
    begin: Callable[[Item], Future[Result]],
    items: Iterable[Item],
    most_begun: int,
    patience: Callable[[], float | None],
) -> Iterator[tuple[Item, Result] | None]:
    """As `ahead`, and None whenever nothing has come for as many seconds as `patience` then says; None: any number."""
    done: SimpleQueue[tuple[Item, Future[Result]]] = SimpleQueue()
    begun: set[Future[Result]] = set()

    def next_done() -> tuple[Item, Result] | None:
        nothing_there = done.empty()
        try:
            item, future = done.get(timeout=patience())
        except Empty:
            return None
        if nothing_there:  # to be woken for each would take more than fetching it
            time.sleep(MOMENT_SECONDS)
        begun.discard(future)
        return item, future.result()

    try:
        for item in items:
            future = begin(item)
            begun.add(future)
            future.add_done_callback(partial(_put, done, item))
            while len(begun) >= most_begun:
                yield next_done()
        while begun:
            yield next_done()
    finally:
        for future in begun:
            future.cancel()


def _put(done: SimpleQueue[tuple[Item, Future[Result]]], item: Item, future: Future[Result]) -> None:
    done.put((item, future))
