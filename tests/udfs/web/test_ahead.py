import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any

import pytest

from facejoin.udfs.web.ahead import ahead, groups_ahead, in_time

THREADS = 3
MOST = 2 * THREADS  # begun and not yet handed over

Work = Callable[[Any], Any]


@pytest.fixture
def on() -> Iterator[Callable[[Work], Callable[[Any], Future[Any]]]]:
    """Work → how it is begun, on THREADS threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield lambda work: lambda item: pool.submit(work, item)


def test_every_item_comes_once_with_its_own_result(on) -> None:
    assert sorted(ahead(on(lambda number: number * number), range(200), MOST)) == [(n, n * n) for n in range(200)]


def test_items_that_are_equal_each_come(on) -> None:
    assert list(ahead(on(str), [7, 7, 7, 7, 7], MOST)) == [(7, "7")] * 5


@pytest.mark.parametrize("items", [0, 1, MOST - 1, MOST, MOST + 1])
def test_any_number_of_items_will_do(on, items: int) -> None:
    assert len(list(ahead(on(str), range(items), MOST))) == items


def test_no_more_are_taken_up_than_may_have_begun_beyond_what_was_handed_over(on) -> None:
    taken = handed_over = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            assert taken - handed_over < MOST
            taken += 1
            yield number

    for _ in ahead(on(str), items(), MOST):
        handed_over += 1
        assert taken - handed_over <= MOST
    assert (taken, handed_over) == (100, 100)


def test_as_many_are_begun_before_one_of_them_is_done(on) -> None:
    all_begun = threading.Barrier(THREADS)
    assert len(list(ahead(on(lambda _: all_begun.wait(timeout=30)), range(3 * THREADS), THREADS))) == 3 * THREADS


def test_a_slow_item_does_not_hold_up_the_others(on) -> None:
    release = threading.Event()
    results = ahead(on(lambda number: release.wait(timeout=30) if number == 0 else True), range(50), MOST)
    others = [next(results)[0] for _ in range(49)]
    assert sorted(others) == list(range(1, 50))
    release.set()
    assert list(results) == [(0, True)]


def test_an_exception_is_raised_here_and_cancels_the_others() -> None:
    begun: list[Future[int]] = []

    def begin(number: int) -> Future[int]:
        begun.append(Future())
        if number == MOST - 1:
            begun[-1].set_exception(KeyError("the last"))
        return begun[-1]

    with pytest.raises(KeyError, match="the last"):
        list(ahead(begin, range(1000), MOST))
    *others, _ = begun
    assert len(others) == MOST - 1
    assert all(future.cancelled() for future in others)


def test_an_exception_of_the_items_is_raised_here(on) -> None:
    def items() -> Iterator[int]:
        yield from range(20)
        raise OSError("no more photos")

    with pytest.raises(OSError, match="no more photos"):
        list(ahead(on(str), items(), MOST))


def test_a_caller_that_stops_early_cancels_what_has_begun_and_begins_nothing_more() -> None:
    begun: list[Future[bool]] = []

    def begin(number: int) -> Future[bool]:
        begun.append(Future())
        if number == 0:
            begun[0].set_result(True)
        return begun[-1]

    results = ahead(begin, range(1000), MOST)
    assert next(results) == (0, True)
    assert isinstance(results, Generator)
    results.close()
    assert len(begun) == MOST
    assert all(future.cancelled() for future in begun[1:])


def test_what_is_cancelled_elsewhere_is_no_result() -> None:
    def begin(number: int) -> Future[int]:
        cancelled: Future[int] = Future()
        cancelled.cancel()
        return cancelled

    with pytest.raises(CancelledError):
        list(ahead(begin, range(3), MOST))


def test_nothing_begins_before_the_first_result_is_asked_for() -> None:
    def begin(number: int) -> Future[int]:
        pytest.fail(f"{number} has begun")

    results = ahead(begin, range(10), MOST)
    assert isinstance(results, Generator)
    results.close()


def test_groups_are_as_large_as_they_may_be(on) -> None:
    groups = list(groups_ahead(on(str), range(10), MOST, most=4, seconds=600))
    assert [len(group) for group in groups] == [4, 4, 2]
    assert sorted(pair for group in groups for pair in group) == [(number, str(number)) for number in range(10)]


def test_a_group_that_is_full_for_another_reason_waits_for_nothing_more(on) -> None:
    groups = groups_ahead(on(str), range(5), MOST, most=4, seconds=600, full=lambda pairs: len(pairs) == 2)
    assert [len(group) for group in groups] == [2, 2, 1]


@pytest.mark.parametrize(("seconds", "lull"), [(0.01, 600.0), (600.0, 0.01)])
def test_a_group_is_handed_over_in_time_or_after_a_lull_though_the_next_result_is_not_there(
    on, monkeypatch, seconds: float, lull: float
) -> None:
    monkeypatch.setattr("facejoin.udfs.web.ahead.LULL_SECONDS", lull)
    release = threading.Event()
    begin = on(lambda number: release.wait(timeout=30) if number == 0 else True)
    groups = groups_ahead(begin, range(2), MOST, most=9, seconds=seconds)
    assert next(groups) == [(1, True)]
    release.set()
    assert list(groups) == [[(0, True)]]


def test_no_items_are_no_groups(on) -> None:
    assert list(groups_ahead(on(str), [], MOST, most=4, seconds=0)) == []
    assert list(in_time([], most=4, seconds=0)) == []


def test_what_comes_late_is_handed_over_with_what_has_waited_for_it() -> None:
    assert list(in_time(range(5), most=2, seconds=600)) == [[0, 1], [2, 3], [4]]
    assert list(in_time(range(3), most=2, seconds=0)) == [[0], [1], [2]]
