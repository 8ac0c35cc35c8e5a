"""A server in a process of its own, for as long as a benchmark needs it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def beside(serve: Callable[..., None], *arguments: Any) -> Iterator[Any]:
    """What `serve(*arguments, line)` sends first, such as its URL; it is to end when it receives something."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(*arguments, there))
    process.start()
    try:
        yield here.recv()
    finally:
        here.send(None)
        process.join()
