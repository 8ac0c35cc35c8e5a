"""An event loop in a thread of its own, for callers of other threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Self, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines until it is closed, which cancels those that have not ended.

    >>> with LoopThread("example") as loop:
    ...     loop.run(lambda: asyncio.sleep(0, "done"))
    'done'
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._open = True
        self._lock = threading.Lock()  # of `_open`: what is begun while it is true ends before the loop does
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            was_open, self._open = self._open, False
        if was_open:
            asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def begin(self, work: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        """The coroutine's result, which is cancelled where the loop is closed first; cancelling it cancels that."""
        with self._lock:
            if not self._open:
                never: Future[T] = Future()
                never.cancel()
                return never
            return asyncio.run_coroutine_threadsafe(work(), self._loop)

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Raises CancelledError, of concurrent.futures, where the loop is closed, or is closed meanwhile."""
        return self.begin(work).result()

    def call(self, function: Callable[[], T]) -> T:
        """The same of a function, which may make things that belong to the loop."""

        async def called() -> T:
            return function()

        return self.run(called)

    def tell(self, function: Callable[[], object]) -> None:
        """Calls it there, without waiting for it. Nothing happens where the loop is closed."""
        with self._lock:
            if self._open:
                self._loop.call_soon_threadsafe(function)


async def _cancel_others() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
