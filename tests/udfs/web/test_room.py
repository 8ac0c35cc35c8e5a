"""Bytes of photos that are held at once, from the first byte that arrives until they are released."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from waiting import until

from facejoin.udfs.web.ahead import groups_ahead
from facejoin.udfs.web.fetch import Fetched, Fetcher
from facejoin.udfs.web.outcomes import Outcome
from facejoin.udfs.web.room import NoRoom, Place, Room

LARGE = 900_000  # bytes: two of them have room
MAX_BYTES = 1_000_000


@pytest.fixture
def limits(settings):
    return settings(max_bytes=MAX_BYTES, bytes_in_flight=1)


@pytest.fixture
def large(photos: Path) -> list[str]:
    """Paths of photos on the server."""
    for number in range(6):
        (photos / f"{number}.jpg").write_bytes(bytes([number]) * LARGE)
    return [f"/{number}.jpg" for number in range(6)]


def test_a_photo_waits_for_room_before_it_is_asked_for(serve, limits, large) -> None:
    server = serve()
    with Fetcher(limits) as fetcher:
        first, second = (fetcher.fetch(server.url(path)) for path in large[:2])
        third = fetcher.begin(server.url(large[2]))
        with pytest.raises(TimeoutError):
            third.result(0.1)
        assert server.requests[large[2]] == 0
        first.release()
        assert third.result(30).body == bytes([2]) * LARGE
        assert server.requests[large[2]] == 1
        assert (first.size, second.size) == (0, LARGE)


def test_a_photo_that_is_larger_than_there_is_room_for_begins_again_once_there_is(
    serve, limits, large, monkeypatch
) -> None:
    monkeypatch.setattr("facejoin.udfs.web.room.FIRST_GUESS", 1000)
    monkeypatch.setattr("facejoin.udfs.web.room.SLACK", 0.0)  # so that it is asked for
    server = serve()
    with Fetcher(limits) as fetcher:
        first, _ = (fetcher.fetch(server.url(path)) for path in large[:2])
        third = fetcher.begin(server.url(large[2]))
        until(lambda: server.requests[large[2]] == 1)
        with pytest.raises(TimeoutError):
            third.result(0.1)
        first.release()
        assert third.result(30).size == LARGE
        assert server.requests[large[2]] == 2


def test_small_photos_come_in_any_number_and_count_with_their_bytes(serve, limits, photos: Path) -> None:
    (photos / "small.jpg").write_bytes(bytes(1000))
    server = serve()
    with Fetcher(limits) as fetcher:
        fetched = [fetcher.fetch(server.url("/small.jpg")) for _ in range(100)]
    assert {(one.outcome, one.size) for one in fetched} == {(None, 1000)}


@pytest.mark.parametrize("length", [b"Content-Length: 900000\r\n", b""])
def test_a_photo_holds_no_more_than_its_own_bytes_whether_they_are_announced_or_not(
    fetch, answering, limits, length: bytes
) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + bytes(LARGE)) as url:
        assert fetch(url, limits).size == LARGE


def test_of_what_nobody_announces_as_many_come_at_once_as_have_room(answering, limits) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(200_000)) as url, Fetcher(limits) as fetcher:
        begun = [fetcher.begin(url) for _ in range(6)]
        assert {future.result(30).size for future in begun} == {200_000}


def test_a_photo_that_does_not_arrive_leaves_no_bytes_behind(answering, limits) -> None:
    with (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + bytes(800_000)) as url,
        Fetcher(limits) as one,
    ):
        for _ in range(5):  # more than have room
            assert one.fetch(url).outcome is Outcome.REFUSED


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_more_photos_than_have_room_all_come_through_in_groups(serve, settings, large, at_once: int) -> None:
    server, limits = serve(), settings(max_bytes=MAX_BYTES, bytes_in_flight=1, concurrency=at_once)
    held: list[int] = []

    def full(group: list[tuple[str, Fetched]]) -> bool:
        return sum(fetched.size for _, fetched in group) >= limits.room / 2

    with Fetcher(limits) as fetcher:
        urls = [server.url(path) for path in large]
        for group in groups_ahead(fetcher.begin, urls, 2 * at_once, most=32, seconds=600, full=full):
            held.append(sum(fetched.size for _, fetched in group))
            for _, fetched in group:
                assert fetched.body is not None
                fetched.release()
    assert sum(held) == 6 * LARGE
    assert max(held) <= limits.room


def test_a_fetcher_that_is_closed_keeps_nobody_waiting_for_room(serve, limits, large) -> None:
    server = serve()
    with ThreadPoolExecutor(1) as thread:
        with Fetcher(limits) as fetcher:
            held = [fetcher.fetch(server.url(path)) for path in large[:2]]
            third = thread.submit(fetcher.fetch, server.url(large[2]))
            until(third.running)
        assert third.result(30).outcome is Outcome.PUT_OFF
        assert [one.size for one in held] == [LARGE, LARGE]


def test_room_is_for_two_of_the_largest_at_least(settings) -> None:
    assert settings(max_bytes=1000, bytes_in_flight=10_000).room == 10_000
    assert settings(max_bytes=1000, bytes_in_flight=1).room == 2000


def test_a_place_has_what_it_waited_for_and_leaves_it() -> None:
    room = Room(MAX_BYTES)
    place = Place(room)

    async def waits() -> None:
        await place.wait_for(MAX_BYTES)

    asyncio.run(waits())
    assert not room.take(1)
    place.claim(MAX_BYTES)
    place.keep(1000)
    assert room.take(MAX_BYTES - 1000)
    with pytest.raises(NoRoom):
        place.claim(1001)
    place.leave()
    assert room.take(1000)


def test_who_waits_first_for_room_is_served_first_however_much_it_is() -> None:
    room = Room(MAX_BYTES)
    assert room.take(MAX_BYTES)
    served: list[str] = []

    async def wait(name: str, size: int) -> None:
        await room.take_once_there_is(size)
        served.append(name)

    async def all_wait() -> None:
        loop = asyncio.get_running_loop()
        waiting = [asyncio.create_task(wait(name, size)) for name, size in (("all", MAX_BYTES), ("one", 1))]
        await asyncio.sleep(0)  # both have begun
        for _ in range(10):
            await loop.run_in_executor(None, room.give_back, MAX_BYTES // 10)
        await waiting[0]
        room.give_back(MAX_BYTES)
        await waiting[1]

    asyncio.run(all_wait())
    assert served == ["all", "one"]
