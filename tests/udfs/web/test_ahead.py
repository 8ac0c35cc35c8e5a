import threading
from collections.abc import Generator, Iterator

import pytest

from facejoin.udfs.web.ahead import ahead, groups_ahead, in_time

THREADS = 3


class Gauge:
    """Counts what is begun and not yet handed over, and what runs at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.begun = self.running = self.most_running = 0

    def __enter__(self) -> "Gauge":
        with self.lock:
            self.begun += 1
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        return self

    def __exit__(self, *exception: object) -> None:
        with self.lock:
            self.running -= 1


def new_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread not in before]


def test_every_item_comes_once_with_its_own_result() -> None:
    assert sorted(ahead(lambda number: number * number, range(200), THREADS)) == [(n, n * n) for n in range(200)]


def test_items_that_are_equal_each_come() -> None:
    assert list(ahead(str, [7, 7, 7, 7, 7], THREADS)) == [(7, "7")] * 5


@pytest.mark.parametrize("items", [0, 1, 2 * THREADS - 1, 2 * THREADS, 2 * THREADS + 1])
def test_any_number_of_items_will_do(items: int) -> None:
    assert len(list(ahead(str, range(items), THREADS))) == items


def test_no_more_run_at_once_than_there_are_threads() -> None:
    gauge, together = Gauge(), threading.Barrier(THREADS)

    def work(number: int) -> None:
        with gauge:
            together.wait(timeout=30)  # passes only where as many do run at once

    list(ahead(work, range(10 * THREADS), THREADS))
    assert gauge.most_running == THREADS


def test_no_more_are_taken_up_than_twice_the_threads_beyond_what_was_handed_over() -> None:
    taken = handed_over = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            assert taken - handed_over < 2 * THREADS
            taken += 1
            yield number

    for _ in ahead(str, items(), THREADS):
        handed_over += 1
        assert taken - handed_over <= 2 * THREADS
    assert (taken, handed_over) == (100, 100)


def test_a_slow_item_does_not_hold_up_the_others() -> None:
    release = threading.Event()
    results = ahead(lambda number: release.wait(timeout=30) if number == 0 else True, range(50), THREADS)
    others = [next(results)[0] for _ in range(49)]
    assert sorted(others) == list(range(1, 50))
    release.set()
    assert list(results) == [(0, True)]


def test_an_exception_is_raised_here_and_no_thread_stays() -> None:
    before = set(threading.enumerate())

    def work(number: int) -> int:
        if number == 20:
            raise KeyError("twenty")
        return number

    with pytest.raises(KeyError, match="twenty"):
        list(ahead(work, range(1000), THREADS))
    assert new_threads(before) == []


def test_an_exception_of_the_items_is_raised_here_and_no_thread_stays() -> None:
    before = set(threading.enumerate())

    def items() -> Iterator[int]:
        yield from range(20)
        raise OSError("no more photos")

    with pytest.raises(OSError, match="no more photos"):
        list(ahead(str, items(), THREADS))
    assert new_threads(before) == []


def test_a_caller_that_stops_early_leaves_no_thread_and_begins_nothing_more() -> None:
    before, gauge = set(threading.enumerate()), Gauge()

    def work(number: int) -> int:
        with gauge:
            return number

    results = ahead(work, range(1000), THREADS)
    next(results)
    assert isinstance(results, Generator)
    results.close()
    assert new_threads(before) == []
    assert gauge.begun <= 2 * THREADS
    assert gauge.running == 0


def test_nothing_begins_before_the_first_result_is_asked_for() -> None:
    before, gauge = set(threading.enumerate()), Gauge()
    results = ahead(lambda number: gauge.__enter__(), range(10), THREADS)
    assert (gauge.begun, new_threads(before)) == (0, [])
    assert isinstance(results, Generator)
    results.close()
    assert gauge.begun == 0


def test_groups_are_as_large_as_they_may_be() -> None:
    groups = list(groups_ahead(str, range(10), THREADS, most=4, seconds=600))
    assert [len(group) for group in groups] == [4, 4, 2]
    assert sorted(pair for group in groups for pair in group) == [(number, str(number)) for number in range(10)]


def test_a_group_that_is_full_for_another_reason_waits_for_nothing_more() -> None:
    groups = groups_ahead(str, range(5), THREADS, most=4, seconds=600, full=lambda pairs: len(pairs) == 2)
    assert [len(group) for group in groups] == [2, 2, 1]


def test_a_group_is_handed_over_in_time_though_the_next_result_is_not_there() -> None:
    release = threading.Event()
    groups = groups_ahead(
        lambda number: release.wait(timeout=30) if number == 0 else True, range(2), THREADS, most=9, seconds=0.01
    )
    assert next(groups) == [(1, True)]
    release.set()
    assert list(groups) == [[(0, True)]]


def test_no_items_are_no_groups() -> None:
    assert list(groups_ahead(str, [], THREADS, most=4, seconds=0)) == []
    assert list(in_time([], most=4, seconds=0)) == []


def test_what_comes_late_is_handed_over_with_what_has_waited_for_it() -> None:
    assert list(in_time(range(5), most=2, seconds=600)) == [[0, 1], [2, 3], [4]]
    assert list(in_time(range(3), most=2, seconds=0)) == [[0], [1], [2]]
